//! The `model.json`: which file it is, and its JSON.

use super::spelling::keras_spelling;
use crate::error::{Context, Error, ErrorKind, Result};
use crate::model::TfjsOptions;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of the limit on a `model.json` for each of its values: topologies take 20 for one, lists of small numbers two.
const BYTES_OF_VALUE: u64 = 32;

/// Bytes that tell which format a file has.
const HEAD_BYTES: u64 = 256;

/// What the name of a model's file is, unless a folder holds another alone.
const USUAL_NAME: &str = "model.json";

pub(crate) const FORMAT_HINT: &str = "a TF.js layers model is made by tensorflowjs_converter with \
    --output_format=tfjs_layers_model, or by model.save() in TF.js";

/// The file that is meant by `path`: itself, or in a folder its `model.json`, or the only JSON file there that holds a model.
pub(crate) fn find(path: &Path) -> Result<PathBuf> {
    let usual = path.join(USUAL_NAME);
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if usual.exists() {
        return Ok(usual);
    }
    let entries = std::fs::read_dir(path).map_err(|cause| Error::io(path, cause))?;
    let files = entries.flatten().map(|entry| entry.path());
    let is_json = |file: &PathBuf| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let mut models: Vec<PathBuf> = files.filter(|file| is_json(file) && holds_model(file)).collect();
    models.sort();
    match models.as_slice() {
        // The error for the usual name says what to give.
        [] => Ok(usual),
        [only] => Ok(only.clone()),
        several => {
            let name = |file: &PathBuf| file.file_name().map(|name| format!("`{}`", name.display()));
            let names: Vec<String> = several.iter().filter_map(name).collect();
            Err(Error::new(ErrorKind::Io, "the folder holds several models and no model.json")
                .at(path.display().to_string())
                .cause(format!("the models are {}", names.join(", ")))
                .hint("give the path of one of them"))
        }
    }
}

/// Whether the file is the JSON of a layers model, as far as its first bytes tell.
fn holds_model(file: &Path) -> bool {
    let limit = TfjsOptions::default().json_bytes;
    let is_small = std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= limit);
    is_small && read_object(file, limit).is_ok_and(|json| json.contains_key("modelTopology"))
}

fn read_object(file: &Path, limit: u64) -> Result<Map<String, Value>> {
    parse(&std::fs::read(file).map_err(|cause| Error::io(file, cause))?, limit)
}

/// The bytes of the file, at most `limit`. `expect_format` is asked of its first bytes before more are read.
pub(crate) fn read(file: &Path, limit: u64, expect_format: impl FnOnce(&[u8]) -> Result<()>) -> Result<Vec<u8>> {
    let missing = |cause: std::io::Error| {
        Error::io(file, cause).hint("give a model.json, or the folder that holds it and its weight files")
    };
    let place = || file.display().to_string();
    let (mut opened, mut bytes) = (File::open(file).map_err(missing)?, Vec::new());
    opened.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes).map_err(missing)?;
    expect_format(&bytes).at(place)?;
    expect_bytes(opened.metadata().map_err(missing)?.len(), limit).at(place)?;
    // One byte more than the limit shows that it is passed, of what has no size beforehand.
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(missing)?;
    Ok(bytes)
}

fn expect_bytes(length: u64, limit: u64) -> Result<()> {
    if length > limit {
        return Err(too_much(format!("{length} bytes are too many for a model.json"), limit));
    }
    Ok(())
}

/// An error if the text may hold more values than there is memory for: they take many times as much there.
fn expect_values(text: &[u8], limit: u64) -> Result<()> {
    // Each value but the first of an array or object stands behind a comma.
    let values = text.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() as u64;
    if values > limit / BYTES_OF_VALUE {
        return Err(too_much(format!("{values} values are too many for a model.json"), limit));
    }
    Ok(())
}

fn too_much(what: String, limit: u64) -> Error {
    Error::limit(what).cause(format!("the limit is {limit} bytes, and a value for each {BYTES_OF_VALUE} of them")).hint(
        "topologies take kilobytes; if this one is meant to be so large, load it with larger `TfjsOptions::json_bytes`",
    )
}

/// The object that the file holds.
pub(super) fn parse(bytes: &[u8], limit: u64) -> Result<Map<String, Value>> {
    expect_bytes(bytes.len() as u64, limit)?;
    expect_values(bytes, limit)?;
    // `fetch` drops a byte order mark before TF.js sees the text.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let not_json = || Error::format("is not the JSON of a model");
    let json = serde_json::from_slice(text).map_err(|cause| match word_at(text, &cause) {
        Some(word) => Error::format(format!("holds {word}, which JSON does not have"))
            .cause(format!(
                "it is at line {}, column {}; JSON.parse, and so TF.js, refuses it too",
                cause.line(),
                cause.column()
            ))
            .hint("Python writes such numbers: correct the option of the layer in Keras, or the number in the file"),
        None => not_json().because(cause).hint(FORMAT_HINT),
    })?;
    match json {
        Value::Object(json) => Ok(json),
        _ => Err(not_json().cause("it is not an object").hint(FORMAT_HINT)),
    }
}

/// Puts the topology of the file into Keras' spelling.
pub(super) fn spell(json: &mut Map<String, Value>) {
    match json.get_mut("modelTopology") {
        Some(topology) => keras_spelling(topology),
        None => json.values_mut().for_each(keras_spelling),
    }
}

/// The number at an error that only Python's JSON has.
fn word_at(text: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let line = text.split(|byte| *byte == b'\n').nth(error.line().checked_sub(1)?)?;
    // The error stands in the word, or at the end of it.
    let near = error.column().saturating_sub(WORDS[2].len() + 1)..=error.column();
    WORDS.into_iter().find(|word| near.clone().any(|start| stands_at(line, start, word)))
}

const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Whether `word` is a value of its own at `start`, and not part of a string.
fn stands_at(line: &[u8], start: usize, word: &str) -> bool {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b",:[]{}".contains(byte);
    let before = start.checked_sub(1).and_then(|before| line.get(before));
    line.get(start..).is_some_and(|rest| {
        rest.starts_with(word.as_bytes())
            && before.is_none_or(is_between)
            && rest.get(word.len()).is_none_or(is_between)
    })
}
