//! README's table of layers is the catalogue's. `UPDATE_README=1` writes it anew.

use crate::sources::root;
use std::collections::BTreeMap;
use tfjs_wgpu::tfjs::classes;

const START: &str = "<!-- layers -->\n";
const END: &str = "<!-- end of layers -->";

/// A row for all classes of which the same is to be said: first what TF.js and this package have alike, then what TF.js
/// does not have, then the others by name.
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
    // The library knows no command line, which readers of README use.
    let note = note.replace("by semantics", "by `--semantics`");
    if note.is_empty() { "✓".into() } else { format!("✓ {note}") }
}

#[test]
fn the_table_of_layers_is_current() {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).expect("README.md");
    let (before, rest) = text.split_once(START).expect("where the table starts");
    let (_, after) = rest.split_once(END).expect("where it ends");
    let current = format!("{before}{START}{}{END}{after}", table());
    if std::env::var("UPDATE_README").as_deref() == Ok("1") {
        std::fs::write(&path, current).expect("README.md is written");
        return;
    }
    assert!(text == current, "run `UPDATE_README=1 cargo test --test structure` and look at the difference");
}
