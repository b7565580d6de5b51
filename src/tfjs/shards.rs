//! Reads weight files in order: piece by piece, decoding as they arrive, or mapped into memory and left where they are.
//!
//! The sizes of all files of a group are checked against the manifest before a weight is allocated, and at most one
//! piece of a file is held beside the decoded weights. A large weight that lies in one file, in a form that can be used
//! as it is, stays there.

use super::decoder::{Decoder, encoding_in_file};
use super::manifest::{Group, Manifest, WeightSpec};
use super::mapping;
use crate::error::{Context, Error, Result};
use crate::model::WeightStorage;
use crate::tensor::{BytesOwner, SharedBytes, Tensor};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes read at once.
const PIECE_BYTES: usize = 64 << 10;

/// Smaller weights are read at once: what mapping saves is the copy of a table.
const MIN_MAPPED_BYTES: u64 = 64 << 10;

/// Where weight files come from.
pub(super) trait ShardSource {
    /// The size of a file in bytes.
    fn length(&self, path: &str) -> Result<u64>;
    /// The bytes of a file from `start` on.
    fn open(&self, path: &str, start: u64) -> Result<Box<dyn Read + '_>>;
    /// The bytes of a file where they lie, if they stay there as long as the model does.
    fn map(&self, path: &str) -> Option<BytesOwner>;
}

/// Files below a folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(folder: &Path) -> Self {
        Folder(folder.into())
    }

    fn error(cause: std::io::Error) -> Error {
        Error::weights("the weight file cannot be read")
            .because(cause)
            .hint("all files that the weights manifest names must lie beside model.json")
    }
}

impl ShardSource for Folder {
    fn length(&self, path: &str) -> Result<u64> {
        Ok(std::fs::metadata(self.0.join(path)).map_err(Self::error)?.len())
    }

    fn open(&self, path: &str, start: u64) -> Result<Box<dyn Read + '_>> {
        let mut file = File::open(self.0.join(path)).map_err(Self::error)?;
        file.seek(SeekFrom::Start(start)).map_err(Self::error)?;
        Ok(Box::new(file))
    }

    fn map(&self, path: &str) -> Option<BytesOwner> {
        mapping::map(&File::open(self.0.join(path)).ok()?)
    }
}

/// Files in memory, by the path in the manifest.
pub(super) struct InMemory<'b>(HashMap<&'b str, &'b [u8]>);

impl<'b> InMemory<'b> {
    pub(super) fn new(shards: &[(&'b str, &'b [u8])]) -> Self {
        InMemory(shards.iter().map(|(path, bytes)| (without_dot(path), *bytes)).collect())
    }

    fn get(&self, path: &str) -> Result<&'b [u8]> {
        self.0.get(without_dot(path)).copied().ok_or_else(|| Error::weights("the weight file was not given"))
    }
}

/// A path without the `./` that TF.js begins it with.
fn without_dot(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

impl ShardSource for InMemory<'_> {
    fn length(&self, path: &str) -> Result<u64> {
        Ok(self.get(path)?.len() as u64)
    }

    fn open(&self, path: &str, start: u64) -> Result<Box<dyn Read + '_>> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        Ok(Box::new(self.get(path)?.get(start..).unwrap_or_default()))
    }

    /// The bytes are the caller's, and need not live as long as the model.
    fn map(&self, _: &str) -> Option<BytesOwner> {
        None
    }
}

/// All weights of the model by name, and what the reader should know of the files.
pub(super) fn read(
    manifest: &Manifest,
    source: &dyn ShardSource,
    storage: WeightStorage,
) -> Result<(HashMap<String, Tensor>, Vec<String>)> {
    let lengths: Vec<Vec<u64>> = manifest.groups.iter().map(|group| lengths(group, source)).collect::<Result<_>>()?;
    let mut warnings = Vec::new();
    for (index, (group, lengths)) in manifest.groups.iter().zip(&lengths).enumerate() {
        let is_last = index + 1 == manifest.groups.len();
        warnings.extend(expect_length(group, lengths, is_last)?);
    }
    let mut tensors = HashMap::new();
    for (group, lengths) in manifest.groups.iter().zip(lengths) {
        let mut files = Files::new(group, lengths, source);
        let mut start = 0;
        for spec in &group.weights {
            if !spec.optimizer {
                let tensor = files.weight(spec, start, storage).at(|| format!("weight `{}`", spec.name))?;
                tensors.insert(spec.name.clone(), tensor);
            }
            start += spec.bytes;
        }
    }
    Ok((tensors, warnings))
}

/// The sizes of the files of a group.
fn lengths(group: &Group, source: &dyn ShardSource) -> Result<Vec<u64>> {
    group.paths.iter().map(|path| source.length(path).at(|| format!("`{path}`"))).collect()
}

/// An error unless the files hold in all what the weights of the group take. TF.js joins the files of all groups, so that
/// bytes too many shift all weights behind them; behind the last weight it does not look at them.
fn expect_length(group: &Group, lengths: &[u64], is_last: bool) -> Result<Option<String>> {
    let found = lengths.iter().fold(0u64, |sum, length| sum.saturating_add(*length));
    if found == group.bytes {
        return Ok(None);
    }
    let place = match group.paths.as_slice() {
        [] => "a group without files".to_string(),
        [path] => format!("`{path}`"),
        [first, .., last] => format!("`{first}` to `{last}`"),
    };
    let sizes = format!("the manifest describes {} bytes, the files hold {found}", group.bytes);
    if is_last && found > group.bytes {
        return Ok(Some(format!("{place}: bytes behind the last weight are not read: {sizes}")));
    }
    let verdict = if found < group.bytes { "truncated" } else { "longer than it should be" };
    Err(Error::weights(format!("the weight data is {verdict}"))
        .at(place)
        .cause(sizes)
        .hint("copy or download the model again; all its files must be of one conversion"))
}

/// The files of a group, one after the other.
struct Files<'g> {
    source: &'g dyn ShardSource,
    files: Vec<ShardFile<'g>>,
    /// The file that is being read, by position, and where in the group its next byte is.
    open: Option<(usize, u64, Box<dyn Read + 'g>)>,
    piece: Vec<u8>,
}

/// A file, and which bytes of its group it holds.
struct ShardFile<'g> {
    path: &'g str,
    start: u64,
    end: u64,
    /// Set at the first attempt to map it.
    mapping: Option<Option<BytesOwner>>,
}

impl<'g> Files<'g> {
    fn new(group: &'g Group, lengths: Vec<u64>, source: &'g dyn ShardSource) -> Self {
        let mut end = 0;
        let place = |(path, length): (&'g String, u64)| {
            let start = end;
            end += length;
            ShardFile { path, start, end, mapping: None }
        };
        let files = group.paths.iter().zip(lengths).map(place).collect();
        Files { source, files, open: None, piece: vec![0; PIECE_BYTES] }
    }

    /// The weight that starts at byte `start` of the group.
    fn weight(&mut self, spec: &WeightSpec, start: u64, storage: WeightStorage) -> Result<Tensor> {
        if spec.bytes >= MIN_MAPPED_BYTES
            && let Some(encoding) = encoding_in_file(spec, storage)
            && let Some(bytes) = self.mapped(start, spec.bytes)
        {
            return Tensor::packed_in(&spec.shape, encoding, bytes);
        }
        let mut decoder = Decoder::new(spec, storage);
        let mut at = start;
        while at < start + spec.bytes {
            let wanted = usize::try_from(start + spec.bytes - at).unwrap_or(usize::MAX);
            let piece = self.read(at, wanted)?;
            decoder.push(piece);
            at += piece.len() as u64;
        }
        decoder.finish()
    }

    /// Bytes of the group where they lie, if one file holds them all and could be mapped.
    fn mapped(&mut self, start: u64, count: u64) -> Option<SharedBytes> {
        let source = self.source;
        let index = self.index_of(start)?;
        let file = self.files.get_mut(index).filter(|file| start + count <= file.end)?;
        let owner = file.mapping.get_or_insert_with(|| source.map(file.path)).as_ref()?;
        let first = usize::try_from(start - file.start).ok()?;
        SharedBytes::new(Arc::clone(owner), first..first.checked_add(usize::try_from(count).ok()?)?)
    }

    /// The file that holds this byte of the group.
    fn index_of(&self, at: u64) -> Option<usize> {
        let index = self.files.partition_point(|file| file.end <= at);
        (index < self.files.len()).then_some(index)
    }

    /// The next bytes of the group from `at` on: one or more, `wanted` at most.
    fn read(&mut self, at: u64, wanted: usize) -> Result<&[u8]> {
        let index = self.index_of(at).ok_or_else(changed)?;
        let file = &self.files[index];
        let place = || format!("`{}`", file.path);
        let mut open = match self.open.take() {
            Some((open, next, reader)) if (open, next) == (index, at) => reader,
            _ => self.source.open(file.path, at - file.start).at(place)?,
        };
        // What follows the bytes that the file had when its size was asked for belongs to no weight.
        let left = usize::try_from(file.end - at).unwrap_or(usize::MAX);
        let wanted = self.piece.len().min(wanted).min(left);
        let count = open
            .read(&mut self.piece[..wanted])
            .map_err(|cause| Error::weights("the weight file cannot be read").because(cause))
            .at(place)?;
        if count == 0 {
            return Err(changed()).at(place);
        }
        self.open = Some((index, at + count as u64, open));
        Ok(&self.piece[..count])
    }
}

fn changed() -> Error {
    Error::weights("a weight file became shorter while it was read").hint("load the model again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// More elements than it takes bytes to be mapped.
    const MANY: usize = MIN_MAPPED_BYTES as usize + 7;

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

    #[test]
    fn weights_in_mapped_files_are_those_in_memory() {
        let (manifest, files) = weights();
        let manifest = Manifest::parse(Some(&manifest)).expect("a manifest");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in &files {
            std::fs::write(folder.path().join(name), bytes).expect("written");
        }
        let shards = files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
        let in_memory = read(&manifest, &InMemory::new(&shards), WeightStorage::F32).expect("weights").0;
        assert_eq!(in_memory.len(), 7);
        for storage in [WeightStorage::Keep, WeightStorage::F32] {
            let (in_folder, _) = read(&manifest, &Folder::new(folder.path()), storage).expect("weights");
            assert_eq!(in_folder, in_memory, "{storage:?}");
            let mut packed: Vec<&str> =
                in_folder.iter().filter(|(_, tensor)| tensor.as_packed().is_some()).map(|(name, _)| &**name).collect();
            packed.sort_unstable();
            match storage {
                WeightStorage::Keep => assert_eq!(packed, ["codes", "floats", "halves", "small"]),
                WeightStorage::F32 => assert_eq!(packed, ["floats"]),
            }
        }
    }

    #[test]
    fn a_file_that_became_shorter_or_longer_gives_no_wrong_bytes() {
        let (manifest, [(name, bytes), (other, rest)]) = weights();
        let manifest = Manifest::parse(Some(&manifest)).expect("a manifest");
        let group = &manifest.groups[0];
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), &bytes[..100]).expect("written");
        std::fs::write(folder.path().join(other), [&rest[..], &[0; 9]].concat()).expect("written");
        let source = Folder::new(folder.path());
        // The sizes of a moment before.
        let mut files = Files::new(group, vec![bytes.len() as u64, rest.len() as u64], &source);
        let error = files.weight(&group.weights[1], 3, WeightStorage::Keep).expect_err("the file is shorter");
        assert!(error.to_string().contains("became shorter"), "{error}");
        let ids = &group.weights[7];
        let tensor = files.weight(ids, group.bytes - ids.bytes, WeightStorage::Keep).expect("all its bytes are there");
        let last = rest.last_chunk::<4>().expect("bytes");
        assert_eq!(tensor.as_i32().expect("integers").last(), Some(&i32::from_le_bytes(*last)));
    }
}
