//! Reads weight files in order, each once: straight into the memory of the weights, or decoding as their bytes arrive, or not at
//! all where they can be left in memory that is shared.
//!
//! The sizes of all files of a group are checked against the manifest before a weight is allocated, and at most one
//! piece of a file is held beside the decoded weights. A large weight that lies in one file, in a form that can be used
//! as it is, stays there. What is read is hashed on the way.

use super::decoder::{Decoder, encoding_in_file};
use super::manifest::{Group, Manifest, WeightSpec};
use crate::digest::Hasher;
use crate::error::{Context, Error, Result};
use crate::model::{StoredBytes, StoredWeight, WeightFormat};
use crate::tensor::{SharedBytes, Tensor};
use crate::weights::{Source, SourceBytes};
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _};

/// Bytes read at once: few enough to be hashed while they are in a cache.
const PIECE_BYTES: usize = 128 << 10;

/// Smaller weights are copied: what leaving them saves is the copy of a table.
const MIN_BYTES_IN_PLACE: u64 = 64 << 10;

/// The weights of a model.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// By name.
    pub(super) tensors: HashMap<String, Tensor>,
    /// What tells them from others, in the order of the manifest.
    pub(super) stored: Vec<StoredWeight>,
    /// What the reader should know of the files.
    pub(super) warnings: Vec<String>,
}

/// All weights of the model.
pub(super) fn read(manifest: &Manifest, source: &dyn Source, format: WeightFormat) -> Result<Read> {
    let sizes: Vec<Vec<u64>> = manifest.groups.iter().map(|group| sizes(group, source)).collect::<Result<_>>()?;
    let mut read = Read::default();
    for (index, (group, sizes)) in manifest.groups.iter().zip(&sizes).enumerate() {
        let is_last = index + 1 == manifest.groups.len();
        read.warnings.extend(expect_size(group, sizes, is_last)?);
    }
    for (group, sizes) in manifest.groups.iter().zip(sizes) {
        let mut files = Files::new(group, sizes, source);
        let mut start = 0;
        for spec in &group.weights {
            if !spec.optimizer {
                let (tensor, content) = files.weight(spec, start, format).at(|| format!("weight `{}`", spec.name))?;
                read.tensors.insert(spec.name.clone(), tensor);
                read.stored.push(StoredWeight { entry: spec.entry.clone(), content });
            }
            start += spec.bytes;
        }
    }
    Ok(read)
}

/// The sizes of the files of a group.
fn sizes(group: &Group, source: &dyn Source) -> Result<Vec<u64>> {
    group.paths.iter().map(|path| source.size(path).at(|| format!("`{path}`"))).collect()
}

/// An error unless the files hold in all what the weights of the group take. TF.js joins the files of all groups, so that
/// bytes too many shift all weights behind them; behind the last weight it does not look at them.
fn expect_size(group: &Group, sizes: &[u64], is_last: bool) -> Result<Option<String>> {
    let found = sizes.iter().fold(0u64, |sum, size| sum.saturating_add(*size));
    if found == group.bytes {
        return Ok(None);
    }
    let place = match group.paths.as_slice() {
        [] => "a group without files".to_string(),
        [path] => format!("`{path}`"),
        [first, .., last] => format!("`{first}` to `{last}`"),
    };
    let cause = format!("the manifest describes {} bytes, the files hold {found}", group.bytes);
    if is_last && found > group.bytes {
        return Ok(Some(format!("{place}: bytes behind the last weight are not read: {cause}")));
    }
    let verdict = if found < group.bytes { "truncated" } else { "longer than it should be" };
    Err(Error::weights(format!("the weight data is {verdict}"))
        .at(place)
        .cause(cause)
        .hint("copy or download the model again; all its files must be of one conversion"))
}

/// The files of a group, one after the other.
struct Files<'g> {
    source: &'g dyn Source,
    files: Vec<ShardFile<'g>>,
    /// The file that is being read, by position, and how many of its bytes were.
    open: Option<(usize, u64, SourceBytes<'g>)>,
    piece: Vec<u8>,
}

/// A file, and which bytes of its group it holds.
#[derive(Debug)]
struct ShardFile<'g> {
    path: &'g str,
    start: u64,
    end: u64,
}

impl<'g> Files<'g> {
    fn new(group: &'g Group, sizes: Vec<u64>, source: &'g dyn Source) -> Self {
        let mut end = 0u64;
        let place = |(path, size): (&'g String, u64)| {
            let start = end;
            end = end.saturating_add(size);
            ShardFile { path, start, end }
        };
        let files = group.paths.iter().zip(sizes).map(place).collect();
        Files { source, files, open: None, piece: vec![0; PIECE_BYTES] }
    }

    /// The weight that starts at byte `start` of the group, which is not before the end of the last one.
    fn weight(&mut self, spec: &WeightSpec, start: u64, format: WeightFormat) -> Result<(Tensor, StoredBytes)> {
        if spec.bytes >= MIN_BYTES_IN_PLACE
            && let Some(encoding) = encoding_in_file(spec, format)
            && let Some(bytes) = self.in_place(start, spec.bytes)?
        {
            let tensor = Tensor::packed_in(&spec.shape, encoding, bytes.clone())?;
            return Ok((tensor, StoredBytes::InPlace(bytes)));
        }
        let (mut decoder, mut hasher) = (Decoder::new(spec, format)?, Hasher::default());
        let (mut at, end) = (start, start + spec.bytes);
        while at < end {
            let index = self.index_of(at).ok_or_else(shorter)?;
            let left = end.min(self.files[index].end) - at;
            let count = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            match decoder.room(count) {
                Some(room) => {
                    self.fill(index, at, room)?;
                    hasher.update(room);
                }
                None => {
                    let mut piece = std::mem::take(&mut self.piece);
                    let filled = self.fill(index, at, &mut piece[..count]);
                    self.piece = piece;
                    filled?;
                    hasher.update(&self.piece[..count]);
                    decoder.push(&self.piece[..count]);
                }
            }
            at += count as u64;
        }
        Ok((decoder.finish()?, StoredBytes::Hashed(hasher.finish())))
    }

    /// Bytes of the group where they lie, if one file holds them all and is in memory that is shared.
    fn in_place(&mut self, start: u64, count: u64) -> Result<Option<SharedBytes>> {
        let Some(index) = self.index_of(start).filter(|&index| start + count <= self.files[index].end) else {
            return Ok(None);
        };
        let first = start - self.files[index].start;
        let (_, bytes) = self.open(index)?;
        let SourceBytes::Shared(bytes) = bytes else { return Ok(None) };
        let (Ok(first), Ok(count)) = (usize::try_from(first), usize::try_from(count)) else { return Ok(None) };
        Ok(bytes.range(first..first.saturating_add(count)))
    }

    /// The file that holds this byte of the group.
    fn index_of(&self, at: u64) -> Option<usize> {
        let index = self.files.partition_point(|file| file.end <= at);
        (index < self.files.len()).then_some(index)
    }

    /// The bytes of a file, and how many of them have been read.
    fn open(&mut self, index: usize) -> Result<(&mut u64, &mut SourceBytes<'g>)> {
        let file = &self.files[index];
        let bytes = match self.open.take() {
            Some(open) if open.0 == index => open,
            _ => {
                let bytes = self.source.open(file.path).at(|| format!("`{}`", file.path))?;
                let size = match &bytes {
                    SourceBytes::Shared(bytes) => Some(bytes.len()),
                    SourceBytes::Borrowed(bytes) => Some(bytes.len()),
                    SourceBytes::Reader(_) => None,
                };
                let said = file.end - file.start;
                match size.map(|size| size as u64) {
                    Some(size) if size < said => return Err(shorter()).at(|| format!("`{}`", file.path)),
                    Some(size) if size > said => return Err(longer()).at(|| format!("`{}`", file.path)),
                    _ => (index, 0, bytes),
                }
            }
        };
        let (_, read, bytes) = self.open.insert(bytes);
        Ok((read, bytes))
    }

    /// Fills `into` with the bytes of the group from `at` on, all of which are in the file at `index`.
    fn fill(&mut self, index: usize, at: u64, into: &mut [u8]) -> Result<()> {
        let file = &self.files[index];
        let (path, first, size) = (file.path, at - file.start, file.end - file.start);
        let mut skipped = std::mem::take(&mut self.piece);
        let (read, bytes) = self.open(index)?;
        let filled = match bytes {
            SourceBytes::Shared(bytes) => copy(bytes, first, into),
            SourceBytes::Borrowed(bytes) => copy(bytes, first, into),
            SourceBytes::Reader(reader) => (|| {
                // The weights of an optimizer lie between others.
                while *read < first {
                    skipped.resize(PIECE_BYTES, 0);
                    let count = usize::try_from(first - *read).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
                    read_exactly(reader, &mut skipped[..count])?;
                    *read += count as u64;
                }
                read_exactly(reader, into)?;
                *read += into.len() as u64;
                if *read == size { expect_end(reader) } else { Ok(()) }
            })(),
        };
        self.piece = skipped;
        filled.at(|| format!("`{path}`"))
    }
}

fn copy(bytes: &[u8], first: u64, into: &mut [u8]) -> Result<()> {
    let rest = usize::try_from(first).ok().and_then(|first| bytes.get(first..)).unwrap_or_default();
    into.copy_from_slice(rest.get(..into.len()).ok_or_else(shorter)?);
    Ok(())
}

type Reader<'s> = Box<dyn std::io::Read + 's>;

/// Fills `into`, whatever the reader says of itself.
fn read_exactly(reader: &mut Reader<'_>, mut into: &mut [u8]) -> Result<()> {
    while !into.is_empty() {
        match reader.read(into) {
            Ok(0) => return Err(shorter()),
            Ok(count) => into = into.get_mut(count..).ok_or_else(|| unreadable(ErrorKind::InvalidData.into()))?,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(unreadable(cause)),
        }
    }
    Ok(())
}

fn expect_end(reader: &mut Reader<'_>) -> Result<()> {
    loop {
        match reader.read(&mut [0]) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(longer()),
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(unreadable(cause)),
        }
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    Error::weights("the weight file cannot be read").because(cause).hint("load the model again")
}

fn shorter() -> Error {
    Error::weights("the weight file is shorter than its size was said to be")
        .cause(CHANGED)
        .hint("load the model again")
}

fn longer() -> Error {
    Error::weights("the weight file is longer than its size was said to be").cause(CHANGED).hint("load the model again")
}

const CHANGED: &str = "it changed while it was read, or its source is wrong about sizes";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{Folder, Memory};
    use serde_json::{Value, json};
    use std::path::Path;

    /// More elements than it takes bytes to be left in place.
    const MANY: usize = MIN_BYTES_IN_PLACE as usize + 7;

    /// Weights of all forms, large ones at odd places and across the end of the first file, and what the files hold.
    fn weights() -> (Value, [(&'static str, Vec<u8>); 2]) {
        let byte = json!({"dtype": "uint8", "scale": 0.5, "min": -3.0});
        let half = json!({"dtype": "float16"});
        let wide = json!({"dtype": "uint16", "scale": 0.25, "min": 0.0});
        let weights = json!([
            {"name": "small", "shape": [3], "dtype": "float32", "quantization": byte},
            {"name": "floats", "shape": [MANY], "dtype": "float32"},
            {"name": "step", "shape": [1], "dtype": "int32", "group": "optimizer"},
            {"name": "halves", "shape": [MANY], "dtype": "float32", "quantization": half},
            {"name": "astride", "shape": [MANY], "dtype": "float32"},
            {"name": "codes", "shape": [MANY], "dtype": "float32", "quantization": byte},
            {"name": "wide", "shape": [MANY], "dtype": "float32", "quantization": wide},
            {"name": "ids", "shape": [MANY], "dtype": "int32"},
        ]);
        let bytes: Vec<u8> = (0..3 + 17 * MANY + 4).map(|at| (at % 59) as u8).collect();
        let (first, second) = bytes.split_at(3 + 4 * MANY + 4 + 3 * MANY);
        let manifest = json!([{"paths": ["a.bin", "b.bin"], "weights": weights}]);
        (manifest, [("a.bin", first.to_vec()), ("b.bin", second.to_vec())])
    }

    fn write(folder: &Path, files: &[(&'static str, Vec<u8>)]) {
        for (name, bytes) in files {
            std::fs::write(folder.join(name), bytes).expect("written");
        }
    }

    /// The names of the weights that are packed, and of those that are left where they lie.
    fn packed_and_in_place(manifest: &Manifest, read: &Read) -> [Vec<String>; 2] {
        let names = |wanted: &dyn Fn(&WeightSpec, &StoredWeight) -> bool| -> Vec<String> {
            let weights = manifest.weights().zip(&read.stored).filter(|(spec, stored)| wanted(spec, stored));
            weights.map(|(spec, _)| spec.name.clone()).collect()
        };
        let packed = names(&|spec, _| read.tensors[&spec.name].as_packed().is_some());
        [packed, names(&|_, stored| matches!(stored.content, StoredBytes::InPlace(_)))]
    }

    #[test]
    fn weights_are_the_same_from_every_source_and_large_ones_stay_in_shared_memory() {
        let (json, files) = weights();
        let manifest = Manifest::parse(Some(&json)).expect("a manifest");
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &files);
        let borrowed = files.iter().fold(Memory::new(), |memory, (name, bytes)| memory.borrowed(name, bytes));
        let shared = files.iter().fold(Memory::new(), |memory, (name, bytes)| memory.shared(name, bytes.clone()));
        let in_memory = super::read(&manifest, &borrowed, WeightFormat::F32).expect("weights").tensors;
        assert_eq!(in_memory.len(), 7);
        let in_folder = Folder::new(folder.path());
        let sources: [(&dyn Source, bool); 3] = [(&borrowed, false), (&in_folder, false), (&shared, true)];
        for (source, stays) in sources {
            for format in [WeightFormat::Keep, WeightFormat::F32] {
                let read = super::read(&manifest, source, format).expect("weights");
                assert_eq!(read.tensors, in_memory, "{format:?}");
                let large: &[&str] = match format {
                    WeightFormat::Keep => &["floats", "halves", "codes"],
                    WeightFormat::F32 => &["floats"],
                };
                let [packed, in_place] = packed_and_in_place(&manifest, &read);
                assert_eq!(in_place, if stays { large } else { &[] }, "{format:?}");
                let is_packed = |name: &str| packed.iter().any(|packed| packed == name);
                assert_eq!(is_packed("floats"), stays);
                assert_eq!(is_packed("halves") && is_packed("small"), format == WeightFormat::Keep);
            }
        }
    }

    #[test]
    fn a_file_that_became_shorter_or_longer_gives_no_wrong_bytes() {
        let (json, [(name, bytes), (other, rest)]) = weights();
        let manifest = Manifest::parse(Some(&json)).expect("a manifest");
        let group = &manifest.groups[0];
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &[(name, bytes[..100].to_vec()), (other, [&rest[..], &[0; 9]].concat())]);
        let source = Folder::new(folder.path());
        // The sizes of a moment before.
        let mut files = Files::new(group, vec![bytes.len() as u64, rest.len() as u64], &source);
        let error = files.weight(&group.weights[1], 3, WeightFormat::Keep).expect_err("the file is shorter");
        assert!(error.to_string().contains("`a.bin`: the weight file is shorter"), "{error}");
        let ids = &group.weights[7];
        let error = files.weight(ids, group.bytes - ids.bytes, WeightFormat::Keep).expect_err("the file is longer");
        assert!(error.to_string().contains("`b.bin`: the weight file is longer"), "{error}");
    }
}
