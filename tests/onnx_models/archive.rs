//! The archives of tests/data/onnx: a zip with one entry, which is a zip of stored files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

/// The files of a case by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

fn entries(archive: impl Read + Seek) -> Files {
    let mut archive = zip::ZipArchive::new(archive).expect("an archive");
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let name = entry.name().expect("a name").into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("the bytes of an entry");
        entries.insert(name, bytes);
    }
    entries
}

/// The cases of an archive by name.
pub(crate) fn cases(archive: &str) -> BTreeMap<String, Files> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(archive);
    let outer = entries(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    let inner = outer.into_values().next().expect("the only entry");
    let mut cases: BTreeMap<String, Files> = BTreeMap::new();
    for (path, bytes) in entries(Cursor::new(inner)) {
        let (case, file) = path.split_once('/').expect("a folder and a file");
        cases.entry(case.into()).or_default().insert(file.into(), bytes);
    }
    cases
}
