//! Named tensors in files: safetensors, NumPy archives and JSON. The file's extension selects the format.
//!
//! Files have more element types than models. All elements become float32, int32 or bool; a value that does not fit is
//! an error.
//!
//! ```
//! use tfjs_wgpu::tensor_file;
//!
//! let inputs = tensor_file::read("examples/shop_rank/input.safetensors")?;
//! let folder = std::env::temp_dir();
//! let path = folder.join(format!("tfjs-wgpu-doc-{}.json", std::process::id()));
//! tensor_file::write(&path, &inputs)?;
//! assert_eq!(tensor_file::read(&path)?.len(), inputs.len());
//! # std::fs::remove_file(path).expect("the file");
//! # Ok::<(), tfjs_wgpu::Error>(())
//! ```

mod elements;
mod json;
mod limits;
#[cfg(feature = "npz")]
mod npy;
#[cfg(feature = "npz")]
mod npz;
#[cfg(not(feature = "npz"))]
#[path = "npz_missing.rs"]
mod npz;
mod safetensors;

pub use limits::ReadLimits;

use crate::error::{Context, Error, ErrorKind, Result};
use crate::replace_file;
use crate::tensor::NamedTensors;
use limits::Budget;
use std::path::Path;

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
/// numbers that are all written without point and exponent are int32, other numbers float32. What is beyond
/// the usual [`ReadLimits`] is an error.
pub fn read(path: impl AsRef<Path>) -> Result<NamedTensors> {
    let path = path.as_ref();
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    read_within(path, ReadLimits::of_file(bytes))
}

/// [`read`] within other limits.
pub fn read_within(path: impl AsRef<Path>, limits: ReadLimits) -> Result<NamedTensors> {
    let path = path.as_ref();
    let format = Format::of(path)?;
    let unreadable = |cause| Error::io(path, cause);
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    let place = || path.display().to_string();
    expect_size(length, format, &Budget::new(limits)).at(place)?;
    let bytes = std::fs::read(path).map_err(unreadable)?;
    from_bytes_within(&bytes, format, limits).at(place)
}

/// Reads the tensors of a file that is in memory, an Android asset for example, as [`read`] does.
pub fn from_bytes(bytes: &[u8], format: Format) -> Result<NamedTensors> {
    from_bytes_within(bytes, format, ReadLimits::of_file(bytes.len() as u64))
}

/// [`from_bytes`] within other limits.
pub fn from_bytes_within(bytes: &[u8], format: Format, limits: ReadLimits) -> Result<NamedTensors> {
    let mut budget = Budget::new(limits);
    expect_size(bytes.len() as u64, format, &budget)?;
    let tensors = match format {
        Format::Safetensors => safetensors::read(bytes, &mut budget),
        Format::Npz => npz::read(bytes, &mut budget),
        Format::Json => return json::read(bytes, &mut budget),
    };
    tensors.map_err(|error| error.or_hint(WRITE_AGAIN))
}

/// An error if a file of `bytes` bytes exceeds the limit.
fn expect_size(bytes: u64, format: Format, budget: &Budget) -> Result<()> {
    match format {
        Format::Json => budget.expect_json(bytes),
        Format::Safetensors | Format::Npz => budget.expect_binary(bytes),
    }
}

/// An error unless [`write()`] can make a file at `path`: says so before there is anything to write.
pub fn expect_writable(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    Format::of(path)?;
    if path.is_dir() {
        return Err(unwritable(path, "it is a folder"));
    }
    replace_file::attempt(path).map_err(|cause| unwritable(path, &cause.to_string()))
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

/// Writes `tensors` to the file at `path`, which is replaced only once the new one is complete. A symbolic link stays, and the file
/// that it names is replaced; the permissions of a file stay.
///
/// JSON has no NaN or infinity, and no shape for an empty tensor: both are errors there.
pub fn write(path: impl AsRef<Path>, tensors: &NamedTensors) -> Result<()> {
    let path = path.as_ref();
    let bytes = match Format::of(path)? {
        Format::Safetensors => safetensors::write(tensors),
        Format::Npz => npz::write(tensors),
        Format::Json => json::write(tensors),
    };
    let bytes = bytes.at(|| path.display().to_string())?;
    replace_file::replace(path, &bytes).map_err(|cause| unwritable(path, &cause.to_string()))
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
