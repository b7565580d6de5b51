//! Loads a model: detects the format of a file, and provides its weights. The front end of the format interprets the
//! file.

mod formats;

use crate::error::{Context, Result};
use crate::model::{LoadOptions, Model};
use crate::tfjs;
use crate::weights::{Folder, Memory, Source};
#[cfg(feature = "onnx")]
use crate::{
    error::Error,
    weights::{SharedBytes, SourceBytes},
};
use formats::expect_layers_model;
#[cfg(feature = "onnx")]
use std::io::Read as _;
use std::path::{Path, PathBuf};

impl Model {
    /// Loads a model from its file, or from the folder that contains it. The format is detected from the first bytes.
    /// The supported format is a `model.json` of a TF.js layers model, with weight files next to it.
    ///
    /// An error names the file, the layer or weight, the problem and a remedy. No contents of the files can cause a
    /// panic. Memory is allocated only after the sizes in the manifest have been checked against the sizes of the
    /// files.
    ///
    /// Each file is read once, large weights directly into their final place. After loading, the model depends on no
    /// file. [`Model::load_mapped`] leaves large weights in their files instead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if a file cannot be read,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if it is a model of another format or has unsupported
    /// layers, and other kinds depending on the problem.
    pub fn load(path: impl AsRef<Path>, options: LoadOptions) -> Result<Model> {
        from_path(path.as_ref(), options, |folder| Box::new(Folder::new(folder)))
    }

    /// Like [`Model::load`], with weight files mapped into memory. Large float32 weights, and float16 and uint8 weights
    /// that stay packed, remain in the mapped pages, which processes share and which the system may drop and read
    /// again.
    ///
    /// # Safety
    ///
    /// No process may change or truncate a weight file while the model, a clone of it, or a session opened with it is
    /// in use. See [`MappedFolder::new`](crate::weights::MappedFolder::new).
    ///
    /// # Errors
    ///
    /// Those of [`Model::load`].
    #[cfg(feature = "mmap")]
    #[allow(unsafe_code)]
    pub unsafe fn load_mapped(path: impl AsRef<Path>, options: LoadOptions) -> Result<Model> {
        from_path(path.as_ref(), options, |folder| {
            // SAFETY: the caller guarantees what the source requires.
            Box::new(unsafe { crate::weights::MappedFolder::new(folder) })
        })
    }

    /// Loads a TF.js layers model from the text of its `model.json` and a source of its weight files, which are named
    /// by their paths in the weights manifest.
    ///
    /// # Errors
    ///
    /// Those of [`Model::load`], and those of the source.
    pub fn from_parts(model_json: &[u8], source: &dyn Source, options: LoadOptions) -> Result<Model> {
        let load = || {
            expect_layers_model(model_json)?;
            tfjs::load(model_json, source, options)
        };
        load().at(|| "model.json".into())
    }

    /// Loads an ONNX model from the bytes of its file. Files beside it, in which it may keep weights, come from `source`.
    ///
    /// # Errors
    ///
    /// Those of [`Model::load`], and those of the source.
    #[cfg(feature = "onnx")]
    pub fn from_onnx(bytes: impl Into<SharedBytes>, source: &dyn Source, options: LoadOptions) -> Result<Model> {
        crate::onnx::load(bytes.into(), source, None, options).at(|| "model.onnx".into())
    }

    /// Like [`Model::from_parts`], with weight files in borrowed memory, which the model does not need afterwards.
    ///
    /// # Errors
    ///
    /// Those of [`Model::from_parts`].
    pub fn from_bytes(model_json: &[u8], shards: &[(&str, &[u8])], options: LoadOptions) -> Result<Model> {
        let source = shards.iter().fold(Memory::new(), |source, (path, bytes)| source.borrowed(path, bytes));
        Model::from_parts(model_json, &source, options)
    }

    /// The file that [`Model::load`] reads for `path`: `path` itself, or, in a folder, `model.json` or the only JSON
    /// file that contains a model.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the folder cannot be listed, or contains several models, none of
    /// which is called `model.json`.
    pub fn file(path: impl AsRef<Path>) -> Result<PathBuf> {
        let file = tfjs::model_file::find(path.as_ref())?;
        #[cfg(feature = "onnx")]
        if path.as_ref().is_dir()
            && !file.exists()
            && let Some(file) = crate::onnx::find(path.as_ref())
        {
            return Ok(file);
        }
        Ok(file)
    }
}

/// Maximum size of an ONNX file in bytes: that of a protocol buffer.
#[cfg(feature = "onnx")]
const MOST_ONNX_BYTES: u64 = i32::MAX as u64;

/// The bytes of a file that a source provides.
#[cfg(feature = "onnx")]
fn shared(source: &dyn Source, name: &str) -> Result<SharedBytes> {
    let size = source.size(name)?;
    if size > MOST_ONNX_BYTES {
        return Err(Error::limit(format!("has {size} bytes, which exceeds the limit of {MOST_ONNX_BYTES}"))
            .cause("an ONNX file is one protocol buffer, which has at most 2 GiB")
            .hint("save the model with its weights in files beside it (external data)"));
    }
    Ok(match source.open(name)? {
        SourceBytes::Shared(bytes) => bytes,
        SourceBytes::Borrowed(bytes) => bytes.to_vec().into(),
        SourceBytes::Reader(mut reader) => {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|cause| Error::io(Path::new(name), cause))?;
            bytes.into()
        }
    })
}

/// Whether a file is an ONNX model, by its first bytes or its name.
#[cfg(feature = "onnx")]
fn is_onnx(file: &Path) -> bool {
    let is_named = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
    let mut head = [0; 16];
    let mut read = || std::fs::File::open(file).and_then(|mut file| file.read(&mut head));
    !file.is_dir() && (is_named || (file.is_file() && read().is_ok_and(|_| formats::is_onnx(&head))))
}

fn from_path(path: &Path, options: LoadOptions, source: impl FnOnce(&Path) -> Box<dyn Source>) -> Result<Model> {
    let file = Model::file(path)?;
    if !file.exists() {
        // The error for a missing model.json says what to pass, unless the folder contains a model of another format.
        formats::expect_no_other(path)?;
    }
    #[cfg(feature = "onnx")]
    if is_onnx(&file) {
        let source = source(file.parent().unwrap_or(Path::new("")));
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let load = || crate::onnx::load(shared(&*source, name)?, &*source, Some(&file), options);
        if let Err(cause) = std::fs::File::open(&file) {
            return Err(Error::io(&file, cause).hint("give an .onnx file, or the folder that holds one"));
        }
        return load().at(|| file.display().to_string());
    }
    let json = tfjs::model_file::read(&file, options.tfjs.json_bytes, expect_layers_model)?;
    let source = source(file.parent().unwrap_or(Path::new("")));
    tfjs::load(&json, &*source, options).at(|| file.display().to_string())
}
