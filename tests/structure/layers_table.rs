//! The table of layers in docs/layers.md is generated from the catalogue. `UPDATE_DOCS=1` writes it.

use crate::sources::root;
use std::collections::BTreeMap;
use tfjs_wgpu::internals::tfjs::classes;

const START: &str = "<!-- layers -->\n";
const END: &str = "<!-- end of layers -->";

/// One row for all classes with the same notes: first those that TF.js computes alike, then those that TF.js does not have,
/// then the others by name.
fn table() -> String {
    let mut by_words: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for class in classes() {
        by_words.entry((class.tfjs, class.note)).or_default().push(class.name);
    }
    by_words.values_mut().for_each(|names| names.sort_unstable());
    let mut rows: Vec<((&str, &str), Vec<&str>)> = by_words.into_iter().collect();
    rows.sort_by_key(|(words, names)| (*words != ("✓", ""), *words != ("–", ""), names[0]));
    let rows = rows.iter().map(|((tfjs, note), names)| format!("| {} | {tfjs} | {} |\n", names.join(", "), here(note)));
    format!("| layers | TF.js 4.22 | here |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn here(note: &str) -> String {
    // The library's notes name no option of the command; the page does.
    let note = note.replace("by semantics", "by `--semantics`");
    if note.is_empty() { "✓".into() } else { format!("✓ {note}") }
}

#[test]
fn the_table_of_layers_is_current() {
    let path = root().join("docs/layers.md");
    let text = std::fs::read_to_string(&path).expect("docs/layers.md");
    let (before, rest) = text.split_once(START).expect("the start marker of the table");
    let (_, after) = rest.split_once(END).expect("the end marker of the table");
    let current = format!("{before}{START}{}{END}{after}", table());
    if std::env::var("UPDATE_DOCS").as_deref() == Ok("1") {
        std::fs::write(&path, current).expect("docs/layers.md is written");
        return;
    }
    assert!(text == current, "run `UPDATE_DOCS=1 cargo test --test structure` and review the difference");
}
