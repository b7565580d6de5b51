//! Rules that hold for every file.

use crate::sources::{assert_none, files};

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
