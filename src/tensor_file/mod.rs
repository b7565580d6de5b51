//! Named tensors in files: safetensors, NumPy archives and JSON, told apart by the file's extension.
//!
//! Files hold more element types than models have: whatever is read becomes float32, int32 or bool, and a value that
//! does not survive that is an error. Nothing here knows what the tensors are for.

mod elements;
mod json;
mod npy;
mod npz;
mod safetensors;

use crate::error::{Error, ErrorKind, Place, Result};
use crate::tensor::NamedTensors;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What to do about a binary file that makes no sense.
const WRITE_AGAIN: &str = "write the file again with safetensors or numpy.savez";

/// A format of files of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// A NumPy archive.
    Npz,
    /// `{"name": nested arrays}`.
    Json,
}

impl Format {
    /// The format of the file at `path`, by its extension.
    pub fn of(path: impl AsRef<Path>) -> Result<Format> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "safetensors" => Ok(Format::Safetensors),
            "npz" => Ok(Format::Npz),
            "json" => Ok(Format::Json),
            _ => Err(Error::unsupported("files of tensors of this kind are not known")
                .at(path.display().to_string())
                .hint("the name must end in .safetensors, .npz or .json")),
        }
    }
}

/// Reads the tensors of the file at `path`, in the file's order. Its extension says the [`Format`].
///
/// float16 and float64 become float32; int64, uint32 and smaller integers become int32. In JSON, `{"x": [[1], [2]]}`,
/// numbers that are all written without point and exponent are int32, other numbers float32.
pub fn read(path: impl AsRef<Path>) -> Result<NamedTensors> {
    let path = path.as_ref();
    let format = Format::of(path)?;
    let bytes = std::fs::read(path).map_err(|cause| Error::io(path, cause))?;
    from_bytes(&bytes, format).at(|| path.display().to_string())
}

/// Reads the tensors of a file that is in memory, an Android asset for example, as [`read`] does.
pub fn from_bytes(bytes: &[u8], format: Format) -> Result<NamedTensors> {
    let tensors = match format {
        Format::Safetensors => safetensors::read(bytes),
        Format::Npz => npz::read(bytes),
        Format::Json => return json::read(bytes),
    };
    tensors.map_err(|error| error.or_hint(WRITE_AGAIN))
}

/// An error unless [`write()`] can make a file at `path`: says so before there is anything to write.
pub fn expect_writable(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    Format::of(path)?;
    if path.is_dir() {
        return Err(unwritable(path, "it is a folder"));
    }
    // Only an attempt knows all of owners, read-only disks and their like.
    let attempt = temporary_beside(path).and_then(|temporary| {
        File::create_new(&temporary)?;
        std::fs::remove_file(&temporary)
    });
    attempt.map_err(|cause| unwritable(path, &cause.to_string()))
}

fn unwritable(path: &Path, cause: &str) -> Error {
    let error = Error::new(ErrorKind::Io, "cannot be written").at(path.display().to_string()).cause(cause);
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
            error.hint(format!("make the folder {} first", folder.display()))
        }
        _ => error.hint("choose another name, in a folder that you may write to"),
    }
}

/// Writes `tensors` to the file at `path`, which is replaced only once the new one is complete.
///
/// JSON cannot say what is not finite, nor the shape of what has no elements: both are errors there.
pub fn write(path: impl AsRef<Path>, tensors: &NamedTensors) -> Result<()> {
    let path = path.as_ref();
    let bytes = match Format::of(path)? {
        Format::Safetensors => safetensors::write(tensors),
        Format::Npz => npz::write(tensors),
        Format::Json => json::write(tensors),
    };
    let bytes = bytes.at(|| path.display().to_string())?;
    replace(path, &bytes).map_err(|cause| unwritable(path, &cause.to_string()))
}

/// Writes a new file beside the one at `path` and puts it in its place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    let mut file = File::create_new(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    let replaced = written.and_then(|()| std::fs::rename(&temporary, path));
    if replaced.is_err() {
        // The first failure is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    replaced
}

/// A name in the folder of `path` that no other writer has: a rename works only within one file system.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.{}.tmp", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(temporary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.npz");
        for value in [1.0, 2.0] {
            let tensors = [("x", Tensor::f32(&[1], vec![value]).expect("tensor"))].into_iter().collect();
            write(&path, &tensors).expect("write");
            assert_eq!(read(&path).expect("read"), tensors);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
    }

    #[test]
    fn an_extension_that_is_not_known_is_an_error() {
        for name in ["x.csv", "x", ".json"] {
            let error = read(name).expect_err("unknown");
            assert_eq!(error.hint_text(), Some("the name must end in .safetensors, .npz or .json"), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_names_the_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("missing").join("x.npz");
        for error in
            [write(&path, &NamedTensors::new()), expect_writable(&path)].map(|done| done.expect_err("no folder"))
        {
            assert!(error.to_string().ends_with("x.npz: cannot be written"), "{error}");
            assert!(error.cause_text().is_some());
            assert!(error.hint_text().is_some_and(|hint| hint.contains("missing first")), "{error:?}");
        }
    }

    #[test]
    fn asking_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("folder");
        expect_writable(folder.path().join("x.npz")).expect("writable");
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
        std::fs::create_dir(folder.path().join("y.npz")).expect("folder");
        let error = expect_writable(folder.path().join("y.npz")).expect_err("a folder");
        assert_eq!(error.cause_text(), Some("it is a folder"));
    }
}
