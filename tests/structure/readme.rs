//! README.md is short and links every page; every page in docs says who it is for.

use crate::sources::{Source, assert_none, files, root};

/// The maximum number of lines of README.md.
const MAX_LINES: usize = 150;

/// Pages outside docs that README.md must link.
const PAGES: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

#[test]
fn readme_is_short() {
    let lines = readme().lines().count();
    assert!(lines <= MAX_LINES, "README.md has {lines} lines, which exceeds the limit of {MAX_LINES}");
}

#[test]
fn readme_links_every_page() {
    let readme = readme();
    let pages = files("docs", "md").into_iter().map(|page| page.path).chain(PAGES.map(String::from));
    let missing: Vec<String> = pages.filter(|path| !readme.contains(&format!("]({path})"))).collect();
    assert_none(&missing, "pages that README.md does not link");
}

#[test]
fn every_page_says_who_it_is_for() {
    let says = |page: &Source| page.text.lines().nth(2).is_some_and(|line| line.starts_with("For "));
    let silent = files("docs", "md").into_iter().filter(|page| !says(page)).map(|page| page.path);
    assert_none(&silent.collect::<Vec<_>>(), "pages whose third line does not begin with \"For \"");
}
