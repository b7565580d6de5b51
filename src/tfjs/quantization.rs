//! How a weight may be stored in fewer bytes than it has once decoded, and what that costs.

use crate::tensor::Tensor;
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

impl Quantization {
    /// What to say of a decoded weight most of which is lost: in steps as wide as its outliers ask for, small values are all
    /// the same. A variance that is lost is divided by, so one is too many.
    pub(super) fn loss(&self, name: &str, decoded: &Tensor) -> Option<String> {
        let Quantization::U8 { scale, .. } = *self else { return None };
        let error = scale / 2.0;
        let lost = decoded.count_floats(|value| f64::from(value.abs()) < error);
        let is_variance = name.rsplit('/').next().is_some_and(|last| last.contains("variance"));
        let most = match decoded.shape() {
            _ if is_variance => 0,
            [_, _, ..] => decoded.len() / 2,
            _ => return None,
        };
        (lost > most).then(|| {
            format!(
                "weight `{name}` is quantized to 8 bits in steps of {scale:.3}: {lost} of its {} numbers are smaller than the \
                 error, and lost unless they were 0",
                decoded.len()
            )
        })
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
