//! The public API is the checked-in one. `scripts/public_api.sh` makes rustdoc's JSON, which this reads.

use std::path::PathBuf;

const FILE: &str = "docs/public_api.txt";

/// One item per line, without what the compiler derives.
fn public_api(json: PathBuf) -> String {
    let builder = public_api::Builder::from_rustdoc_json(json)
        .omit_auto_derived_impls(true)
        .omit_auto_trait_impls(true)
        .omit_blanket_impls(true);
    let api = builder.build().expect("rustdoc's JSON in the format of the Rust release that Cargo.toml names");
    let mut lines: Vec<String> = api.items().map(|item| item.to_string()).collect();
    lines.dedup();
    lines.join("\n") + "\n"
}

#[test]
#[ignore = "scripts/public_api.sh runs it"]
fn the_public_api_is_the_checked_in_one() {
    let json = std::env::var_os("TFJS_WGPU_RUSTDOC_JSON").expect("run scripts/public_api.sh");
    let current = public_api(json.into());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var("UPDATE_DOCS").as_deref() == Ok("1") {
        return std::fs::write(path, current).expect("the file is written");
    }
    let expected = std::fs::read_to_string(path).expect("the file is there");
    let only = |of: &str, other: &str, sign: &str| -> Vec<String> {
        of.lines()
            .filter(|line| !other.lines().any(|known| known == *line))
            .map(|line| format!("{sign} {line}"))
            .collect()
    };
    let changes = [only(&expected, &current, "-"), only(&current, &expected, "+")].concat();
    assert!(
        current == expected,
        "the public API differs from {FILE}; if that is meant, run UPDATE_DOCS=1 bash scripts/public_api.sh and add it to \
         CHANGELOG.md\n{}",
        changes.join("\n")
    );
}
