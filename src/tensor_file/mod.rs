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

/// The hint for a damaged binary file.
const WRITE_AGAIN: &str = "write the file again with safetensors or numpy.savez";

/// A file format for named tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// [safetensors](https://github.com/huggingface/safetensors).
    Safetensors,
    /// A NumPy archive, as `numpy.savez` writes it. Reading and writing need the feature `npz`.
    Npz,
    /// A JSON object: `{"name": nested arrays}`.
    Json,
}

impl Format {
    /// The format of a file, from the extension of `path`, ignoring case. The file is not read.
    ///
    /// ```
    /// use tfjs_wgpu::tensor_file::Format;
    ///
    /// assert_eq!(Format::of("inputs/User.NPZ")?, Format::Npz);
    /// assert!(Format::of("user.csv").is_err());
    /// # Ok::<(), tfjs_wgpu::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if the extension is not `safetensors`, `npz` or `json`.
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

/// Reads the tensors of the file at `path`, in the file's order. The extension selects the [`Format`].
///
/// float16 and float64 become float32; int64, uint32 and smaller integers become int32. A tensor in JSON is int32 if
/// all its numbers are written without a point and an exponent, otherwise float32.
///
/// The default [`ReadLimits`] apply, except that tensors may take up to four times the size of the file if that is
/// more.
///
/// ```
/// use tfjs_wgpu::tensor_file;
///
/// let inputs = tensor_file::read("examples/shop_rank/input.safetensors")?;
/// for (name, tensor) in inputs.iter() {
///     println!("{name}: {} {:?}", tensor.dtype(), tensor.shape());
/// }
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// - [`ErrorKind::Io`]: the file cannot be read.
/// - [`ErrorKind::Unsupported`]: the extension is unknown, the file has an element type that cannot be read, or it is
///   an `.npz` file and the feature `npz` is off.
/// - [`ErrorKind::Format`]: the file is damaged or is another kind of file, an integer does not fit int32, a number in
///   JSON does not fit float32, or a name is given twice.
/// - [`ErrorKind::Limit`]: the file or its tensors exceed the limits.
pub fn read(path: impl AsRef<Path>) -> Result<NamedTensors> {
    let path = path.as_ref();
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    read_within(path, ReadLimits::of_file(bytes))
}

/// [`read`] with other limits.
///
/// ```
/// use tfjs_wgpu::tensor_file::{self, ReadLimits};
///
/// let limits = ReadLimits::default().tensor_bytes(16 << 20);
/// let inputs = tensor_file::read_within("examples/shop_rank/input.safetensors", limits)?;
/// # assert!(!inputs.is_empty());
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`read`].
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

/// Reads the tensors of a file that is in memory, such as an Android asset. Types and limits are those of [`read`].
///
/// ```
/// use tfjs_wgpu::Tensor;
/// use tfjs_wgpu::tensor_file::{self, Format};
///
/// let inputs = tensor_file::from_bytes(br#"{"user_id": [[245]], "price": [[9.5]]}"#, Format::Json)?;
/// assert_eq!(inputs.get("user_id"), Some(&Tensor::i32(&[1, 1], vec![245])?));
/// assert_eq!(inputs.get("price"), Some(&Tensor::f32(&[1, 1], vec![9.5])?));
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`read`], except [`ErrorKind::Io`].
pub fn from_bytes(bytes: &[u8], format: Format) -> Result<NamedTensors> {
    from_bytes_within(bytes, format, ReadLimits::of_file(bytes.len() as u64))
}

/// [`from_bytes`] with other limits.
///
/// # Errors
///
/// Those of [`from_bytes`].
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

/// Fails if a file of `bytes` bytes exceeds the limits.
fn expect_size(bytes: u64, format: Format, budget: &Budget) -> Result<()> {
    match format {
        Format::Json => budget.expect_json(bytes),
        Format::Safetensors | Format::Npz => budget.expect_binary(bytes),
    }
}

/// Checks that [`write()`] can write a file at `path`, before there is anything to write. An existing file is not
/// changed.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] if the extension is unknown. [`ErrorKind::Io`] if `path` is a folder, or if its folder
/// does not exist or cannot be written to.
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

/// Writes `tensors` to the file at `path`. The extension selects the [`Format`]. An existing file is replaced only once
/// the new one is complete, and keeps its permissions. If `path` is a symbolic link, the file it points to is replaced.
///
/// ```
/// use tfjs_wgpu::{NamedTensors, Tensor, tensor_file};
///
/// let mut tensors = NamedTensors::new();
/// tensors.insert("user_id", Tensor::i32(&[2, 1], vec![245, 17])?);
/// let path = std::env::temp_dir().join(format!("tfjs-wgpu-write-{}.safetensors", std::process::id()));
/// tensor_file::write(&path, &tensors)?;
/// assert_eq!(tensor_file::read(&path)?, tensors);
/// # std::fs::remove_file(path).expect("the file");
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// - [`ErrorKind::Unsupported`]: the extension is unknown, or is `npz` while the feature `npz` is off.
/// - [`ErrorKind::Format`]: the format cannot hold a tensor. JSON cannot hold NaN, infinities and empty tensors;
///   safetensors cannot hold a tensor called `__metadata__`.
/// - [`ErrorKind::Io`]: the file cannot be written.
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
