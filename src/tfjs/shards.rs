//! Reads weight files in order, piece by piece, decoding as they arrive.
//!
//! The sizes of all files of a group are checked against the manifest before a weight is allocated, and at most one
//! piece of a file is held beside the decoded weights.

use super::decoder::Decoder;
use super::manifest::{Group, Manifest};
use crate::error::{Error, Place, Result};
use crate::model::WeightStorage;
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const PIECE_BYTES: usize = 64 << 10;

/// Where weight files come from.
pub(super) trait ShardSource {
    /// The size of a file in bytes.
    fn length(&self, path: &str) -> Result<u64>;
    /// The bytes of a file.
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>>;
}

/// Files below a folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(folder: &Path) -> Self {
        Folder(folder.into())
    }

    fn error(cause: &std::io::Error) -> Error {
        Error::weights("the weight file cannot be read")
            .cause(cause.to_string())
            .hint("all files that the weights manifest names must lie beside model.json")
    }
}

impl ShardSource for Folder {
    fn length(&self, path: &str) -> Result<u64> {
        Ok(std::fs::metadata(self.0.join(path)).map_err(|cause| Self::error(&cause))?.len())
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(std::fs::File::open(self.0.join(path)).map_err(|cause| Self::error(&cause))?))
    }
}

/// Files in memory, by the path in the manifest.
pub(super) struct InMemory<'b>(HashMap<&'b str, &'b [u8]>);

impl<'b> InMemory<'b> {
    pub(super) fn new(shards: &[(&'b str, &'b [u8])]) -> Self {
        InMemory(shards.iter().copied().collect())
    }

    fn get(&self, path: &str) -> Result<&'b [u8]> {
        self.0.get(path).copied().ok_or_else(|| Error::weights("the weight file was not given"))
    }
}

impl ShardSource for InMemory<'_> {
    fn length(&self, path: &str) -> Result<u64> {
        Ok(self.get(path)?.len() as u64)
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.get(path)?))
    }
}

/// All weights of the model by name.
pub(super) fn read(
    manifest: &Manifest,
    source: &dyn ShardSource,
    storage: WeightStorage,
) -> Result<HashMap<String, Tensor>> {
    for group in &manifest.groups {
        check_lengths(group, source)?;
    }
    let mut tensors = HashMap::new();
    for group in &manifest.groups {
        read_group(group, source, storage, &mut tensors)?;
    }
    Ok(tensors)
}

fn check_lengths(group: &Group, source: &dyn ShardSource) -> Result<()> {
    let mut found = 0u64;
    for path in &group.paths {
        found = found.saturating_add(source.length(path).at(|| format!("`{path}`"))?);
    }
    if found == group.bytes {
        return Ok(());
    }
    let place = match group.paths.as_slice() {
        [] => "a group without files".to_string(),
        [path] => format!("`{path}`"),
        [first, .., last] => format!("`{first}` to `{last}`"),
    };
    let verdict = if found < group.bytes { "truncated" } else { "longer than it should be" };
    Err(Error::weights(format!("the weight data is {verdict}"))
        .at(place)
        .cause(format!("the manifest describes {} bytes, the files hold {found}", group.bytes))
        .hint("copy or download the model again; all its files must be of one conversion"))
}

fn read_group(
    group: &Group,
    source: &dyn ShardSource,
    storage: WeightStorage,
    tensors: &mut HashMap<String, Tensor>,
) -> Result<()> {
    let mut paths = group.paths.iter();
    let mut file: Option<(&String, Box<dyn Read + '_>)> = None;
    let mut piece = vec![0u8; PIECE_BYTES];
    for spec in &group.weights {
        let mut decoder = (!spec.optimizer).then(|| Decoder::new(spec, storage));
        let mut left = spec.bytes;
        while left > 0 {
            let Some((path, open)) = &mut file else {
                let path = paths.next().ok_or_else(changed)?;
                file = Some((path, source.open(path).at(|| format!("`{path}`"))?));
                continue;
            };
            let wanted = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = open
                .read(&mut piece[..wanted])
                .map_err(|cause| Error::weights("the weight file cannot be read").cause(cause.to_string()))
                .at(|| format!("`{path}`"))?;
            if count == 0 {
                file = None;
                continue;
            }
            if let Some(decoder) = &mut decoder {
                decoder.push(&piece[..count]);
            }
            left -= count as u64;
        }
        if let Some(decoder) = decoder {
            tensors.insert(spec.name.clone(), decoder.finish().at(|| format!("weight `{}`", spec.name))?);
        }
    }
    Ok(())
}

fn changed() -> Error {
    Error::weights("a weight file became shorter while it was read").hint("load the model again")
}
