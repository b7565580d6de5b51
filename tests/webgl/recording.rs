//! The recordings in `tests/data/webgl`.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tfjs_wgpu::{LoadOptions, Model};

/// What one predict did.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) programs: usize,
    pub(crate) uploads: usize,
    pub(crate) downloads: usize,
}

/// A model and what TF.js did for a warm predict of it.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) model: Model,
    pub(crate) batch: usize,
    pub(crate) distinct_programs: usize,
    pub(crate) first: Counts,
    pub(crate) warm: Counts,
    steps: Vec<usize>,
    lines: Vec<String>,
}

impl Recording {
    /// A line for each kernel and each program in the order in which they ran.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|&line| self.lines[line].as_str())
    }
}

/// All of them.
pub(crate) fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("tests/data/webgl"))
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files.iter().map(|file| read(root, file)).collect()
}

fn read(root: &Path, file: &Path) -> Recording {
    let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_string();
    let recorded: Value = serde_json::from_slice(&fs::read(file).expect("a recording")).expect("JSON");
    assert!(recorded.get("webgl1").is_none(), "{name}: WebGL 1 runs other programs");
    let recorded = &recorded["webgl2"];
    let folder = if name.starts_with("shop_rank") {
        root.join("examples/shop_rank")
    } else {
        root.join("tests/data/models").join(&name)
    };
    let model = Model::load(&folder, LoadOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let list = |key: &str| recorded[key].as_array().expect("a list");
    let steps: Vec<usize> = list("steps").iter().map(number).collect();
    let lines: Vec<String> = list("lines").iter().map(|line| line.as_str().expect("a line").to_string()).collect();
    let batch = match name.rsplit_once('_') {
        Some(("shop_rank", rows)) => rows,
        // The first kernel slices the first input: `Slice [7, 1] -> …`.
        _ => lines[steps[0]].split(['[', ',']).nth(1).expect("a shape"),
    };
    let batch = batch.parse().expect("a batch");
    let counts = |predict: &str| {
        let count = |key: &str| number(&recorded[predict][key]);
        Counts { programs: count("programs"), uploads: count("uploads"), downloads: count("downloads") }
    };
    let (first, warm) = (counts("first"), counts("warm"));
    let distinct_programs = number(&recorded["distinct_programs"]);
    Recording { name, model, batch, distinct_programs, first, warm, steps, lines }
}
