//! The files of a folder do not use each other in a circle.
//!
//! Each file is a node. The `mod.rs` of a folder, or the file beside it, is the node of the folder: declaring and re-exporting its
//! files is no use. Unit tests do not count.

use crate::sources::{Source, assert_none, ends_in_word, files};
use std::collections::{BTreeMap, BTreeSet};

/// The folders that are checked.
const FOLDERS: [&str; 10] = [
    "src/cpu",
    "src/gpu",
    "src/onnx",
    "src/passes",
    "src/plan",
    "src/session",
    "src/study",
    "src/tensor",
    "src/tensor_file",
    "src/tfjs",
];

/// A module as its names below the folder; the folder itself has none.
type Module = Vec<String>;

/// The code of the modules of a folder.
struct Folder {
    /// The path of the folder as Rust writes it, as `crate::gpu::`.
    prefix: String,
    code: BTreeMap<Module, String>,
}

#[test]
fn files_do_not_use_each_other_in_a_circle() {
    let cycles = FOLDERS.iter().filter_map(|folder| Folder::of(folder, &files(folder, "rs")).cycle());
    assert_none(&cycles.collect::<Vec<_>>(), "files that use each other in a circle");
}

impl Folder {
    fn of(folder: &str, sources: &[Source]) -> Folder {
        let code = sources.iter().map(|source| (module(folder, &source.path), code(&source.text))).collect();
        Folder { prefix: format!("{}::", folder.replacen("src", "crate", 1).replace('/', "::")), code }
    }

    /// A circle of modules, if there is one.
    fn cycle(&self) -> Option<String> {
        let uses: BTreeMap<&Module, BTreeSet<Module>> =
            self.code.keys().map(|module| (module, self.uses(module))).collect();
        let mut done = BTreeSet::new();
        let cycle = self.code.keys().find_map(|module| find_cycle(module, &uses, &mut Vec::new(), &mut done))?;
        Some(cycle.iter().map(|module| self.name(module)).collect::<Vec<_>>().join(" → "))
    }

    fn name(&self, module: &Module) -> String {
        format!("{}{}", self.prefix, module.join("::")).trim_end_matches("::").to_string()
    }

    /// The other modules that a module uses.
    fn uses(&self, user: &Module) -> BTreeSet<Module> {
        let used = self.paths(user).into_iter().map(|path| self.resolve(path));
        used.filter(|used| used != user && self.code.contains_key(used)).collect()
    }

    /// The paths in the code of a module that stay within the folder, from the folder on.
    fn paths(&self, user: &Module) -> Vec<Vec<String>> {
        let code = without_exports(&self.code[user]);
        let mut starts: Vec<(usize, Vec<String>)> = Vec::new();
        starts.extend(places(&code, &self.prefix).map(|end| (end, Vec::new())));
        for at in places(&code, "super::") {
            let mut end = at;
            let mut depth = 1;
            while code[end..].starts_with("super::") {
                end += "super::".len();
                depth += 1;
            }
            if let Some(above) = user.len().checked_sub(depth) {
                starts.push((end, user[..above].to_vec()));
            }
        }
        for child in self.children(user) {
            starts.extend(
                places(&code, &format!("{child}::"))
                    .map(|end| (end, [&user[..], std::slice::from_ref(&child)].concat())),
            );
        }
        let tails = |(end, base): (usize, Vec<String>)| {
            let join = move |tail: Vec<String>| [&base[..], &tail].concat();
            tree(&mut code[end..].chars().as_str()).into_iter().map(join).collect::<Vec<_>>()
        };
        starts.into_iter().flat_map(tails).collect()
    }

    fn children(&self, module: &Module) -> Vec<String> {
        let below = self.code.keys().filter(|other| other.len() == module.len() + 1 && other.starts_with(module));
        below.filter_map(|child| child.last().cloned()).collect()
    }

    /// The module of a path: that of the item, where a module re-exports an item of another.
    fn resolve(&self, mut path: Vec<String>) -> Module {
        loop {
            let length = (0..=path.len()).rev().find(|length| self.code.contains_key(&path[..*length])).unwrap_or(0);
            let (module, rest) = path.split_at(length);
            let exported =
                rest.first().and_then(|name| self.exports(module).into_iter().find(|to| to.last() == Some(name)));
            match exported {
                Some(exported) => path = exported,
                None => return module.to_vec(),
            }
        }
    }

    /// The paths of the items that a module re-exports from the modules below it.
    fn exports(&self, module: &[String]) -> Vec<Vec<String>> {
        let Some(code) = self.code.get(module) else { return Vec::new() };
        let paths = exports_in(code).flat_map(|(start, _)| tree(&mut &code[start..]));
        let paths = paths.filter(|path| path.len() > 1).map(|path| [module, &path].concat());
        paths.filter(|path| self.code.contains_key(&path[..=module.len()])).collect()
    }
}

fn find_cycle<'m>(
    module: &'m Module,
    uses: &'m BTreeMap<&Module, BTreeSet<Module>>,
    path: &mut Vec<&'m Module>,
    done: &mut BTreeSet<&'m Module>,
) -> Option<Vec<Module>> {
    if let Some(start) = path.iter().position(|known| *known == module) {
        return Some(path[start..].iter().copied().chain([module]).cloned().collect());
    }
    if done.contains(module) {
        return None;
    }
    path.push(module);
    let cycle = uses[module].iter().find_map(|used| find_cycle(used, uses, path, done));
    path.pop();
    done.insert(module);
    cycle
}

/// The module of a file.
fn module(folder: &str, path: &str) -> Module {
    let names = path.trim_start_matches(folder).trim_start_matches('/').trim_end_matches(".rs").split('/');
    names.filter(|name| *name != "mod").map(String::from).collect()
}

/// The text without comments and without its unit tests.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| *line != "mod tests {");
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The ends of all places where a path begins with `prefix`.
fn places(code: &str, prefix: &str) -> impl Iterator<Item = usize> {
    let begins = |at: &usize| !ends_in_word(&code[..*at]) && !code[..*at].ends_with("::");
    code.match_indices(prefix).map(|(at, _)| at).filter(begins).map(|at| at + prefix.len())
}

/// The `use` statements that re-export: where their paths start, and where they end.
fn exports_in(code: &str) -> impl Iterator<Item = (usize, usize)> {
    code.match_indices("use ").filter_map(|(at, word)| {
        let line = code[..at].rsplit('\n').next()?.trim();
        let end = code[at..].find(';')? + at;
        line.starts_with("pub").then_some((at + word.len(), end))
    })
}

fn without_exports(code: &str) -> String {
    let (mut text, mut rest) = (String::new(), 0);
    for (start, end) in exports_in(code) {
        text.push_str(&code[rest..start]);
        rest = end;
    }
    text + &code[rest..]
}

/// The paths of a `use` tree, or the one path of an expression, from the start of `text` on, which is left behind them.
fn tree(text: &mut &str) -> Vec<Vec<String>> {
    *text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        *text = list;
        let mut paths = Vec::new();
        while !text.trim_start().is_empty() && !text.trim_start().starts_with('}') {
            paths.extend(tree(text));
            let item_end = text.find([',', '}']).unwrap_or(text.len());
            *text = text[item_end..].trim_start_matches(',');
        }
        *text = text.trim_start().trim_start_matches('}');
        return paths;
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let name = text[..end].to_string();
    *text = &text[end..];
    let below = match text.strip_prefix("::") {
        Some(below) => {
            *text = below;
            tree(text)
        }
        None => vec![Vec::new()],
    };
    let names = |path: Vec<String>| std::iter::once(name.clone()).chain(path).filter(|name| name != "self").collect();
    below.into_iter().map(names).collect()
}

#[test]
fn circles_are_found_as_rust_reads_paths() {
    let cycle = |sources: &[(&str, &str)]| {
        let source = |(path, text): &(&str, &str)| Source { path: format!("src/a/{path}"), text: (*text).into() };
        Folder::of("src/a", &sources.iter().map(source).collect::<Vec<_>>()).cycle()
    };
    let exports = ("mod.rs", "mod x;\nmod y;\npub(crate) use x::{X, Other};\n");
    assert_eq!(
        cycle(&[exports, ("x.rs", "use super::y::Y;"), ("y.rs", "// use super::x::X;\nuse crate::b::x;")]),
        None
    );
    let circle = Some("crate::a::x → crate::a::y → crate::a::x".to_string());
    for back in
        ["use super::X;", "use super::{z, x::{self}};", "fn f() { crate::a::x::f() }", "use crate::a::{x as w};"]
    {
        assert_eq!(cycle(&[exports, ("x.rs", "use super::y::Y;"), ("y.rs", back)]), circle, "{back}");
    }
    assert_eq!(cycle(&[exports, ("x.rs", "use super::y::Y;"), ("y.rs", "\nmod tests {\nuse super::x;")]), None);
    let folder = [("mod.rs", "mod x;"), ("x/mod.rs", "mod y;\npub use y::Y;\nmod z;"), ("x/z.rs", "use super::Y;")];
    assert_eq!(cycle(&[&folder[..], &[("x/y.rs", "use super::super::f;")]].concat()), None);
    let circle = Some("crate::a::x::y → crate::a::x::z → crate::a::x::y".to_string());
    assert_eq!(cycle(&[&folder[..], &[("x/y.rs", "use super::z::Z;")]].concat()), circle);
    let file = [("x.rs", "mod y;\nfn f() { y::g() }"), ("x/y.rs", "use super::f;"), ("mod.rs", "mod x;")];
    assert_eq!(cycle(&file), Some("crate::a::x → crate::a::x::y → crate::a::x".to_string()));
}
