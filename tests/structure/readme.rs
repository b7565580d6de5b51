//! README's table of layers is the catalogue's. `UPDATE_README=1` writes it anew.

use crate::sources::root;
use tfjs_wgpu::tfjs::classes;

const START: &str = "<!-- layers -->\n";
const END: &str = "<!-- end of layers -->";

/// Classes of one row: neighbours of which the same is to be said.
fn table() -> String {
    let mut rows: Vec<(Vec<&str>, &str, &str)> = Vec::new();
    for class in classes() {
        match rows.last_mut() {
            Some((names, tfjs, note)) if (*tfjs, *note) == (class.tfjs, class.note) => names.push(class.name),
            _ => rows.push((vec![class.name], class.tfjs, class.note)),
        }
    }
    let rows = rows.iter().map(|(names, tfjs, note)| format!("| {} | {tfjs} | {} |\n", names.join(", "), here(note)));
    format!("| layers | TF.js 4.22 | here |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn here(note: &str) -> String {
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
