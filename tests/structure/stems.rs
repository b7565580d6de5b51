//! One stem everywhere: an operator's page, its shader and its test have the same name.

use crate::sources::{assert_none, files, root};

/// Files in `src/ops/` that are not operator pages.
const NOT_PAGES: [&str; 8] = ["mod", "operator", "row_form", "rows", "strided", "strided_copy", "view", "window"];

/// The stems of the files that stand directly in `folder`.
fn stems(folder: &str, extension: &str) -> Vec<String> {
    let paths = files(folder, extension).into_iter().map(|source| source.path);
    let name = |path: String| path.strip_prefix(&format!("{folder}/")).map(str::to_string);
    let direct = paths.filter_map(name).filter(|name| !name.contains('/'));
    direct.map(|name| name.trim_end_matches(&format!(".{extension}")).to_string()).collect()
}

fn pages() -> Vec<String> {
    stems("src/ops", "rs").into_iter().filter(|stem| !NOT_PAGES.contains(&stem.as_str())).collect()
}

#[test]
fn every_operator_has_a_case_table() {
    let tables = stems("tests/ops", "rs");
    let main = std::fs::read_to_string(root().join("tests/ops/main.rs")).expect("tests/ops/main.rs");
    let untested = |page: &String| !tables.contains(page) || !main.contains(&format!("\nmod {page};\n"));
    let complaints: Vec<String> =
        pages().into_iter().filter(untested).map(|page| format!("src/ops/{page}.rs")).collect();
    assert_none(&complaints, "operators without a module of their name in tests/ops");
}

#[test]
fn every_operator_stands_in_the_catalogue() {
    let catalogue = std::fs::read_to_string(root().join("src/ops/mod.rs")).expect("src/ops/mod.rs");
    let missing = pages().into_iter().filter(|page| !catalogue.contains(&format!("\n    {page}::")));
    assert_none(&missing.map(|page| format!("src/ops/{page}.rs")).collect::<Vec<_>>(), "pages outside the catalogue");
}

#[test]
fn every_shader_belongs_to_a_page() {
    let modules = stems("src/ops", "rs");
    let homeless = stems("shaders", "wgsl").into_iter().filter(|stem| !modules.contains(stem));
    assert_none(&homeless.map(|stem| format!("shaders/{stem}.wgsl")).collect::<Vec<_>>(), "shaders without a page");
}

#[test]
fn every_page_states_its_stem() {
    let silent = |page: &String| {
        let text = std::fs::read_to_string(root().join(format!("src/ops/{page}.rs"))).expect("a page");
        !text.contains(&format!("\"{page}\""))
    };
    let complaints: Vec<String> = pages().into_iter().filter(silent).map(|page| format!("src/ops/{page}.rs")).collect();
    assert_none(&complaints, "pages whose operator has another name");
}
