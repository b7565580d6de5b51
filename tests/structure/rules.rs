//! Rules that hold for every file.

use crate::sources::{assert_none, files, root};

/// The most lines of a source file.
const MAX_LINES: usize = 400;

#[test]
fn only_the_gpu_folder_names_wgpu() {
    let sources = files("src", "rs");
    let others = sources.iter().filter(|source| !source.path.starts_with("src/gpu/"));
    let complaints: Vec<String> = others.flat_map(|source| source.places_of("wgpu::")).collect();
    assert_none(&complaints, "wgpu is named outside src/gpu");
}

#[test]
fn only_the_command_prints() {
    let sources = files("src", "rs");
    let library = sources.iter().filter(|source| !source.path.starts_with("src/cli/"));
    let macros = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let places = library.flat_map(|source| macros.iter().flat_map(|name| source.places_of(name)));
    assert_none(&places.collect::<Vec<_>>(), "the library prints");
}

/// Who uses the library has no command line. The study starts the command, and the converter's options are not the command's.
#[test]
fn only_the_command_names_its_options() {
    let sources = files("src", "rs");
    let library = sources.iter().filter(|source| !source.path.starts_with("src/cli/"));
    let library = library.filter(|source| source.path != "src/study/process.rs");
    let names = |line: &str| {
        let begins = |at: usize| line[at + 2..].starts_with(|first: char| first.is_ascii_lowercase());
        line.match_indices("--").any(|(at, _)| begins(at) && !line[at..].starts_with("--output_format="))
    };
    let complaint = |source: &crate::sources::Source| -> Vec<String> {
        let lines = source.code_lines().filter(|(_, line)| names(line));
        lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())).collect()
    };
    assert_none(&library.flat_map(complaint).collect::<Vec<_>>(), "options of the command outside src/cli");
}

#[test]
fn files_are_short() {
    let folders = [("src", "rs"), ("shaders", "wgsl"), ("tests", "rs"), ("benches", "rs"), ("examples", "rs")];
    let sources = folders.iter().flat_map(|(folder, extension)| files(folder, extension));
    let long = sources.filter(|source| source.text.lines().count() > MAX_LINES);
    let complaints: Vec<String> =
        long.map(|source| format!("{}:{}", source.path, source.text.lines().count())).collect();
    assert_none(&complaints, &format!("files of more than {MAX_LINES} lines"));
}

#[test]
fn every_file_says_what_it_is() {
    let sources = files("src", "rs");
    let silent = sources.iter().filter(|source| !source.text.starts_with("//!"));
    let complaints: Vec<String> = silent.map(|source| format!("{}:1", source.path)).collect();
    assert_none(&complaints, "files that do not begin with //!");
    let shaders = files("shaders", "wgsl");
    let silent = shaders.iter().filter(|source| !source.text.starts_with("// "));
    assert_none(
        &silent.map(|source| format!("{}:1", source.path)).collect::<Vec<_>>(),
        "shaders without a first comment",
    );
}

#[test]
fn no_file_is_named_for_nothing() {
    let vague = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];
    let sources = ["src", "tests", "benches"].into_iter().flat_map(|folder| files(folder, "rs"));
    let named = |path: &str| path.split('/').any(|part| vague.contains(&part.trim_end_matches(".rs")));
    let complaints: Vec<String> = sources.map(|source| source.path).filter(|path| named(path)).collect();
    assert_none(&complaints, "names that say nothing");
}

/// A test that passes where it cannot run says that what it tests is right.
#[test]
fn tests_ask_for_a_gpu_in_one_way() {
    let sources = files("tests", "rs");
    let others = sources.iter().filter(|source| source.path != "tests/harness/gpu.rs");
    let others = others.filter(|source| source.path != "tests/structure/rules.rs");
    let asks = |source: &crate::sources::Source| [source.places_of("REQUIRE_GPU"), source.places_of("adapters()")];
    let complaints: Vec<String> = others.flat_map(|source| asks(source).concat()).collect();
    assert_none(&complaints, "what tests/harness/gpu.rs answers is asked elsewhere");
}

/// Without the attribute, a binary that has no harness of Rust drops its tests unseen.
#[test]
fn binaries_without_the_harness_of_rust_list_their_tests() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let tables = manifest.split("[[test]]\n").skip(1).filter(|table| table.contains("harness = false"));
    let names: Vec<&str> = tables.filter_map(|table| table.split('"').nth(1)).collect();
    assert!(names.contains(&"sessions"), "{names:?}");
    let silent = names.into_iter().filter(|name| {
        let main = std::fs::read_to_string(root().join(format!("tests/{name}/main.rs"))).expect("the binary's file");
        !main.contains("#[macro_use(test)]\nextern crate collected_test;") || !main.contains("harness::run()")
    });
    assert_none(&silent.map(String::from).collect::<Vec<_>>(), "tests that nothing runs");
}
