//! How a weight may be stored in fewer bytes than it has once decoded.

use std::fmt;

/// How a weight is stored in fewer bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Quantization {
    U8 { scale: f64, min: f64 },
    U16 { scale: f64, min: f64 },
    F16,
}

impl Quantization {
    /// Bytes an element.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Quantization::U8 { .. } => 1,
            Quantization::U16 { .. } | Quantization::F16 => 2,
        }
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantization::U8 { scale, min } => write!(f, "uint8 (scale {scale:.6}, min {min:.6})"),
            Quantization::U16 { scale, min } => write!(f, "uint16 (scale {scale:.6}, min {min:.6})"),
            Quantization::F16 => f.write_str("float16"),
        }
    }
}
