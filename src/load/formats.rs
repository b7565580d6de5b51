//! Recognises unsupported model formats by their first bytes, so that the error can name them. Nothing is parsed.

use crate::error::{Context, Error, Result};
use crate::tfjs::model_file::FORMAT_HINT;
use std::path::Path;

/// A format that cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Onnx,
    KerasArchive,
    Zip,
    Hdf5,
    SavedModel,
    GraphDef,
    TfLite,
    Safetensors,
    Npy,
}

impl Foreign {
    /// The format of a file that begins with these bytes. `None` for text and for unknown formats.
    fn of(head: &[u8]) -> Option<Foreign> {
        let json_length = head.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
        match head {
            [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Foreign::Hdf5),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Foreign::Npy),
            [b'P', b'K', 3, 4, ..] => Some(if is_keras_entry(head) { Foreign::KerasArchive } else { Foreign::Zip }),
            [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Some(Foreign::TfLite),
            // The length of the JSON that follows. In a text file, these bytes would be an implausibly large length.
            [_, _, _, _, _, _, _, _, b'{', ..] if json_length.is_some_and(|length| length < 1 << 32) => {
                Some(Foreign::Safetensors)
            }
            // Protocol buffer messages. A SavedModel begins with its schema version, which is always 1, followed by
            // graphs. An ONNX model begins with its version, which is at least 3, followed by its producer, its graph
            // or another of the fields 2 to 14. A GraphDef begins with nodes, which begin with a name.
            [0x08, 1, 0x12, ..] => Some(Foreign::SavedModel),
            [0x08, 1..=127, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72, ..] => Some(Foreign::Onnx),
            [0x0a, first, rest @ ..] if is_node(*first, rest) => Some(Foreign::GraphDef),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Foreign::Onnx => "an ONNX model",
            Foreign::KerasArchive => "a Keras archive (.keras)",
            Foreign::Zip => "a zip archive",
            Foreign::Hdf5 => "a Keras HDF5 file (.h5)",
            Foreign::SavedModel => "a TensorFlow SavedModel",
            Foreign::GraphDef => "a TensorFlow graph",
            Foreign::TfLite => "a TensorFlow Lite model",
            Foreign::Safetensors => "a safetensors file",
            Foreign::Npy => "a NumPy array",
        }
    }

    /// Why it cannot be loaded, and what to do.
    fn advice(self) -> [&'static str; 2] {
        match self {
            Foreign::KerasArchive | Foreign::Hdf5 => [
                "TF.js reads what tensorflowjs_converter makes of such a file",
                "convert it by tensorflowjs_converter with --output_format=tfjs_layers_model, and give the model.json it writes",
            ],
            Foreign::Onnx => [
                "an ONNX model is one file, without a model.json",
                "give its path to Model::load, or its bytes to Model::from_onnx; both need the feature `onnx`",
            ],
            Foreign::SavedModel | Foreign::GraphDef | Foreign::TfLite => [
                "it holds a graph of operators, without the layers of Keras",
                "convert the Keras model that it was made from, by tensorflowjs_converter with \
                 --output_format=tfjs_layers_model",
            ],
            Foreign::Safetensors | Foreign::Npy => ["it holds tensors, and no layers", FORMAT_HINT],
            Foreign::Zip => ["an archive is not unpacked", FORMAT_HINT],
        }
    }

    fn error(self) -> Error {
        let [cause, hint] = self.advice();
        Error::unsupported(format!("is {}, not a TF.js layers model", self.name())).cause(cause).hint(hint)
    }
}

/// Whether a file that begins with these bytes is an ONNX model.
#[cfg(feature = "onnx")]
pub(super) fn is_onnx(head: &[u8]) -> bool {
    Foreign::of(head) == Some(Foreign::Onnx)
}

/// Whether the first file in a zip is one that Keras puts into its archives.
fn is_keras_entry(head: &[u8]) -> bool {
    let length = head.get(26..28).and_then(|bytes| bytes.first_chunk::<2>()).map(|length| u16::from_le_bytes(*length));
    let name = length.and_then(|length| head.get(30..30 + usize::from(length)));
    name.is_some_and(|name| matches!(name, b"metadata.json" | b"config.json" | b"model.weights.h5"))
}

/// Whether a field whose first length byte is `first` begins like a node of a GraphDef: with its name.
fn is_node(first: u8, rest: &[u8]) -> bool {
    // A length of 128 or more takes a second byte.
    let node = if first < 128 { rest } else { rest.get(1..).unwrap_or_default() };
    matches!(node, [0x0a, 1..=127, name, ..] if name.is_ascii_alphanumeric())
}

/// Returns an error that names the format if the file begins like a known format other than the JSON of a model.
pub(super) fn expect_layers_model(head: &[u8]) -> Result<()> {
    Foreign::of(head).map_or(Ok(()), |foreign| Err(foreign.error()))
}

/// File names that reveal the format of a folder without a model.json.
const OTHERS: [(&str, Foreign); 6] = [
    ("saved_model.pb", Foreign::SavedModel),
    ("model.onnx", Foreign::Onnx),
    ("model.keras", Foreign::KerasArchive),
    ("model.h5", Foreign::Hdf5),
    ("model.tflite", Foreign::TfLite),
    ("model.safetensors", Foreign::Safetensors),
];

/// Returns an error if a folder contains a model of another format.
pub(super) fn expect_no_other(folder: &Path) -> Result<()> {
    let other = OTHERS.iter().find(|(name, _)| folder.join(name).is_file());
    other.map_or(Ok(()), |(name, foreign)| Err(foreign.error()).at(|| folder.join(name).display().to_string()))
}
