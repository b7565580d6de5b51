//! Element types, and the elements of a tensor on the host.

/// The element types of TF.js layers models. On the GPU each element is one 32-bit word; a boolean is the float 0 or 1,
/// so that a mask can be multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// 32-bit signed integer, used for ids.
    I32,
    /// Boolean, used for masks.
    Bool,
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DType::F32 => "float32",
            DType::I32 => "int32",
            DType::Bool => "bool",
        })
    }
}

/// The elements of a [`Tensor`](super::Tensor) in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Floats.
    F32(Vec<f32>),
    /// Integers.
    I32(Vec<i32>),
    /// Booleans.
    Bool(Vec<bool>),
}

impl Data {
    /// No elements.
    pub(crate) fn empty(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Data::F32(Vec::new()),
            DType::I32 => Data::I32(Vec::new()),
            DType::Bool => Data::Bool(Vec::new()),
        }
    }

    /// The type of the elements.
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Data::F32(_) => DType::F32,
            Data::I32(_) => DType::I32,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// The size of the elements in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Data::F32(values) => size_of_val(&values[..]),
            Data::I32(values) => size_of_val(&values[..]),
            Data::Bool(values) => size_of_val(&values[..]),
        };
        bytes as u64
    }
}
