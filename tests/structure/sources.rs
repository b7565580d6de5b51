//! The source files as text.

use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// The path from the package's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The lines that are not comments, with their numbers.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let comment = |line: &str| line.trim_start().starts_with("//");
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(move |(_, line)| !comment(line))
    }

    /// Where `word` stands in the code, not as the end of a longer word.
    pub(crate) fn places_of(&self, word: &str) -> Vec<String> {
        let names = |line: &str| line.match_indices(word).any(|(at, _)| !ends_in_word(&line[..at]));
        let lines = self.code_lines().filter(|(_, line)| names(line));
        lines.map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim())).collect()
    }
}

/// Whether a word would go on after `text`.
pub(crate) fn ends_in_word(text: &str) -> bool {
    text.ends_with(|last: char| last.is_alphanumeric() || last == '_')
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `folder` with this extension, sorted; none if there is no such folder.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), extension, &mut paths);
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn collect(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            collect(&path, extension, paths);
        } else if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
}

fn read(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).expect("a source file is UTF-8");
    let relative = path.strip_prefix(root()).expect("inside the package");
    Source { path: relative.to_string_lossy().replace('\\', "/"), text }
}

/// Fails with one line for each complaint.
pub(crate) fn assert_none(complaints: &[String], rule: &str) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}
