//! Loading a model: which format a file has, and where its weights come from. What the file means, its front end knows.

mod formats;

use crate::error::{Context, Result};
use crate::model::{LoadOptions, Model};
use crate::tfjs;
use crate::weights::{Folder, Memory, Source};
use formats::expect_layers_model;
use std::path::{Path, PathBuf};

impl Model {
    /// Loads a model from its file, or from the folder that holds it. What the file is, its first bytes say; today it is a
    /// `model.json` of a TF.js layers model, with weight files beside it.
    ///
    /// Errors name the file, the layer or weight, what is wrong and what to do. Nothing in the files can make it
    /// panic, and memory is claimed only after the sizes in the manifest were found to be those of the files.
    ///
    /// Each file is read once, large weights straight into the memory where they stay. Afterwards the model depends on no file.
    /// [`Model::load_mapped`] leaves large weights in their files instead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if a file cannot be read, [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported)
    /// if it is a model of another format or has layers that are not supported, and others by what is wrong.
    pub fn load(path: impl AsRef<Path>, options: LoadOptions) -> Result<Model> {
        from_path(path.as_ref(), options, |folder| Box::new(Folder::new(folder)))
    }

    /// [`Model::load`] with weight files that are mapped into memory. Large float32 weights, and float16 and uint8 ones that stay
    /// packed, are left there: they are pages of the files, which processes share and the system may drop and read again.
    ///
    /// # Safety
    ///
    /// No weight file may be changed or shortened, by any process, as long as the model is in use, or a clone of it, or a session
    /// that was opened with it. See [`MappedFolder::new`](crate::weights::MappedFolder::new).
    ///
    /// # Errors
    ///
    /// Those of [`Model::load`].
    #[cfg(feature = "mmap")]
    #[allow(unsafe_code)]
    pub unsafe fn load_mapped(path: impl AsRef<Path>, options: LoadOptions) -> Result<Model> {
        from_path(path.as_ref(), options, |folder| {
            // SAFETY: the caller promises what the source asks for.
            Box::new(unsafe { crate::weights::MappedFolder::new(folder) })
        })
    }

    /// Loads a TF.js layers model from the text of its `model.json` and a source of its weight files, under the paths that the
    /// weights manifest gives them.
    ///
    /// # Errors
    ///
    /// Those of [`Model::load`], and what the source answers with.
    pub fn from_parts(model_json: &[u8], source: &dyn Source, options: LoadOptions) -> Result<Model> {
        let load = || {
            expect_layers_model(model_json)?;
            tfjs::load(model_json, source, options)
        };
        load().at(|| "model.json".into())
    }

    /// [`Model::from_parts`] with weight files in borrowed memory, which the model does not need afterwards.
    ///
    /// # Errors
    ///
    /// Those of [`Model::from_parts`].
    pub fn from_bytes(model_json: &[u8], shards: &[(&str, &[u8])], options: LoadOptions) -> Result<Model> {
        let source = shards.iter().fold(Memory::new(), |source, (path, bytes)| source.borrowed(path, bytes));
        Model::from_parts(model_json, &source, options)
    }

    /// The file that [`Model::load`] reads for `path`: `path` itself, or the `model.json` in a folder, or the only JSON file
    /// there that holds a model.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the folder cannot be listed, or holds several models and none of that name.
    pub fn file(path: impl AsRef<Path>) -> Result<PathBuf> {
        tfjs::model_file::find(path.as_ref())
    }
}

fn from_path(path: &Path, options: LoadOptions, source: impl FnOnce(&Path) -> Box<dyn Source>) -> Result<Model> {
    let file = Model::file(path)?;
    if !file.exists() {
        // The error for a missing model.json says what to give, unless something else lies there.
        formats::expect_no_other(path)?;
    }
    let json = tfjs::model_file::read(&file, options.tfjs.json_bytes, expect_layers_model)?;
    let source = source(file.parent().unwrap_or(Path::new("")));
    tfjs::load(&json, &*source, options).at(|| file.display().to_string())
}
