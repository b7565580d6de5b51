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

/// The formats, by extension.
#[derive(Debug, Clone, Copy)]
enum FileFormat {
    Safetensors,
    Npz,
    Json,
}

impl FileFormat {
    fn of(path: &Path) -> Result<FileFormat> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "safetensors" => Ok(FileFormat::Safetensors),
            "npz" => Ok(FileFormat::Npz),
            "json" => Ok(FileFormat::Json),
            _ => Err(Error::unsupported("files of tensors of this kind are not known")
                .at(path.display().to_string())
                .hint("the name must end in .safetensors, .npz or .json")),
        }
    }
}

/// Reads the tensors of the file at `path`, in the file's order.
///
/// float16 and float64 become float32; int64, uint32 and smaller integers become int32. In JSON, `{"x": [[1], [2]]}`,
/// numbers that are all written without point and exponent are int32, other numbers float32.
pub fn read(path: impl AsRef<Path>) -> Result<NamedTensors> {
    let path = path.as_ref();
    let format = FileFormat::of(path)?;
    let bytes = std::fs::read(path).map_err(|cause| Error::io(path, &cause))?;
    let tensors = match format {
        FileFormat::Safetensors => safetensors::read(&bytes),
        FileFormat::Npz => npz::read(&bytes),
        FileFormat::Json => json::read(&bytes),
    };
    tensors.at(|| path.display().to_string())
}

/// An error unless a file with the name of `path` can be read and written: says so before there is anything to write.
pub fn expect_known_extension(path: impl AsRef<Path>) -> Result<()> {
    FileFormat::of(path.as_ref()).map(drop)
}

/// Writes `tensors` to the file at `path`, which is replaced only once the new one is complete.
///
/// JSON cannot say what is not finite, nor the shape of what has no elements: both are errors there.
pub fn write(path: impl AsRef<Path>, tensors: &NamedTensors) -> Result<()> {
    let path = path.as_ref();
    let bytes = match FileFormat::of(path)? {
        FileFormat::Safetensors => safetensors::write(tensors),
        FileFormat::Npz => npz::write(tensors),
        FileFormat::Json => json::write(tensors),
    };
    let bytes = bytes.at(|| path.display().to_string())?;
    replace(path, &bytes).map_err(|cause| {
        Error::new(ErrorKind::Io, "cannot be written").at(path.display().to_string()).cause(cause.to_string())
    })
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
        let error = write(&path, &NamedTensors::new()).expect_err("no folder");
        assert!(error.to_string().ends_with("x.npz: cannot be written"), "{error}");
        assert!(error.cause_text().is_some());
    }
}
