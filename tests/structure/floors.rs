//! Imports point down.

use crate::sources::{Source, assert_none, ends_in_word, files, root};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The modules of the library from the ground up, as ARCHITECTURE.md draws them. A module may use those of lower
/// floors, and none of its own floor.
static FLOORS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let line = text.lines().find(|line| line.starts_with("    error, random")).expect("the floors are drawn");
    let floors = line.split('→').map(|floor| floor.split(',').map(|module| module.trim().to_string()).collect());
    floors.collect()
});

/// Exceptions: a module that may use less than its floor allows.
const NARROW: &[(&str, &[&str])] = &[("tfjs", FRONT_END), ("onnx", FRONT_END)];

/// What a reader of models uses.
const FRONT_END: &[&str] =
    &["error", "telemetry", "random", "digest", "tensor", "ops", "tensor_file", "graph", "weights", "model"];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.iter().any(|known| known == module))
}

fn may_use(user: &str, used: &str) -> bool {
    if let Some((_, allowed)) = NARROW.iter().find(|(module, _)| *module == user) {
        return allowed.contains(&used);
    }
    matches!((floor(user), floor(used)), (Some(own), Some(other)) if other < own)
}

/// The module a file of the library belongs to; `None` for the crate's root.
fn module_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix("src/")?.split('/').next()?;
    let module = first.trim_end_matches(".rs");
    (module != "lib" && module != "cli").then_some(module)
}

#[test]
fn every_module_has_a_floor() {
    let sources = files("src", "rs");
    let homeless =
        sources.iter().filter(|source| module_of(&source.path).is_some_and(|module| floor(module).is_none()));
    assert_none(
        &homeless.map(|source| source.path.clone()).collect::<Vec<_>>(),
        "no floor in tests/structure/floors.rs",
    );
}

#[test]
fn imports_point_down() {
    let exports = root_exports();
    let mut complaints = Vec::new();
    for source in files("src", "rs") {
        let Some(user) = module_of(&source.path) else { continue };
        for (line, name) in crate_paths(&source) {
            // What the root re-exports is counted where it lives.
            let used = exports.get(&name).cloned().unwrap_or(name);
            if used != user && !may_use(user, &used) {
                complaints.push(format!("{}:{line}: {user} uses {used}", source.path));
            }
        }
    }
    assert_none(&complaints, "imports that do not point down");
}

#[test]
fn the_command_sees_only_the_public_library() {
    let module =
        |path: &str| path.trim_start_matches("src/cli/").trim_end_matches(".rs").split('/').next().map(str::to_string);
    let sources = files("src/cli", "rs");
    let own: Vec<String> = sources.iter().filter_map(|source| module(&source.path)).collect();
    let mut complaints = Vec::new();
    for source in &sources {
        // `crate::` is the command itself here, so only a module of the library could be meant wrongly.
        let library = crate_paths(source).into_iter().filter(|(_, name)| floor(name).is_some() && !own.contains(name));
        complaints.extend(library.map(|(line, name)| format!("{}:{line}: crate::{name}", source.path)));
    }
    assert_none(&complaints, "src/cli reaches the library as tfjs_wgpu:: alone");
}

/// The first names after `crate::`, and after a `super::` that means the crate's root, with their lines.
fn crate_paths(source: &Source) -> Vec<(usize, String)> {
    let lines = source.text.lines();
    let code: Vec<&str> = lines.map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect();
    let code = code.join("\n");
    let at_root = source.path.matches('/').count() == 1
        || source.path.ends_with("/mod.rs") && source.path.matches('/').count() == 2;
    let mut paths = Vec::new();
    for (prefix, counts) in [("crate::", true), ("super::", at_root)] {
        for (at, _) in code.match_indices(prefix).filter(|(at, _)| counts && !ends_in_word(&code[..*at])) {
            let line = code[..at].matches('\n').count() + 1;
            let names = names_at(&code[at + prefix.len()..]);
            // `super::` in a nested test module means its file, whose items are not modules of the crate.
            let means_root = |name: &String| prefix == "crate::" || floor(name).is_some();
            paths.extend(names.into_iter().filter(means_root).map(|name| (line, name)));
        }
    }
    paths
}

/// The first name of a path, or those of a braced list of paths.
fn names_at(text: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = text.strip_prefix('{') else { return vec![name(text)] };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&list[start..at]));
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
        if c == '}' && depth == 0 && start == at + 1 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The names that `src/lib.rs` re-exports, and the module each comes from.
fn root_exports() -> HashMap<String, String> {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let mut exports = HashMap::new();
    for (at, _) in text.match_indices("pub use ") {
        let path = &text[at + "pub use ".len()..];
        // `internals` re-exports whole modules, by their paths from the crate on.
        let Some((module, items)) = path.split_once("::").filter(|(module, _)| *module != "crate") else { continue };
        exports.extend(names_at(items).into_iter().map(|name| (name, module.to_string())));
    }
    exports
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let source = |text: &str| Source { path: "src/graph/builder.rs".into(), text: text.into() };
    let paths =
        |text| crate_paths(&source(text)).into_iter().map(|(line, name)| format!("{line} {name}")).collect::<Vec<_>>();
    assert_eq!(paths("use crate::ops::Op;\n// use crate::gpu;\nlet x = crate::tensor::len();"), ["1 ops", "3 tensor"]);
    assert_eq!(
        paths("use crate::{\n    cpu,\n    study::{a, b},\n    Error,\n};\nfn gpu() {}"),
        ["1 cpu", "1 study", "1 Error"]
    );
    assert_eq!(paths("my_crate::gpu(); super::gpu()"), Vec::<String>::new());
    assert!(may_use("graph", "ops") && !may_use("ops", "graph") && !may_use("cpu", "gpu"));
    assert!(!may_use("tfjs", "plan") && may_use("cpu", "plan") && !may_use("nothing", "error"));
}
