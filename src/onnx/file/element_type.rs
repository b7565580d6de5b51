//! The element types of ONNX tensors, with the names that onnxruntime gives them.

use crate::error::{Error, Result};
use std::fmt;

macro_rules! element_types {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The type of the elements of a tensor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ElementType {
            $($(#[$doc])* $variant,)*
        }

        impl TryFrom<i32> for ElementType {
            type Error = Error;

            fn try_from(number: i32) -> Result<Self> {
                Ok(match number {
                    $($number => ElementType::$variant,)*
                    _ => return Err(unknown(number)),
                })
            }
        }

        impl ElementType {
            fn name(self) -> &'static str {
                match self {
                    $(ElementType::$variant => $name,)*
                }
            }
        }
    };
}

element_types! {
    /// float32.
    Float = 1, "float";
    /// 8 bits without sign.
    Uint8 = 2, "uint8";
    /// 8 bits.
    Int8 = 3, "int8";
    /// 16 bits without sign.
    Uint16 = 4, "uint16";
    /// 16 bits.
    Int16 = 5, "int16";
    /// 32 bits.
    Int32 = 6, "int32";
    /// 64 bits.
    Int64 = 7, "int64";
    /// Strings.
    String = 8, "string";
    /// Booleans.
    Bool = 9, "bool";
    /// IEEE half precision.
    Float16 = 10, "float16";
    /// float64.
    Double = 11, "double";
    /// 32 bits without sign.
    Uint32 = 12, "uint32";
    /// 64 bits without sign.
    Uint64 = 13, "uint64";
    /// Two float32.
    Complex64 = 14, "complex64";
    /// Two float64.
    Complex128 = 15, "complex128";
    /// The upper half of a float32.
    Bfloat16 = 16, "bfloat16";
    /// A float of 8 bits.
    Float8e4m3fn = 17, "float8e4m3fn";
    /// A float of 8 bits.
    Float8e4m3fnuz = 18, "float8e4m3fnuz";
    /// A float of 8 bits.
    Float8e5m2 = 19, "float8e5m2";
    /// A float of 8 bits.
    Float8e5m2fnuz = 20, "float8e5m2fnuz";
    /// 4 bits without sign.
    Uint4 = 21, "uint4";
    /// 4 bits.
    Int4 = 22, "int4";
    /// A float of 4 bits.
    Float4e2m1 = 23, "float4e2m1";
    /// A power of two.
    Float8e8m0 = 24, "float8e8m0";
    /// 2 bits without sign.
    Uint2 = 25, "uint2";
    /// 2 bits.
    Int2 = 26, "int2";
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor({})", self.name())
    }
}

impl ElementType {
    /// The bytes of an element in raw storage, of the types whose values can be read.
    pub(super) fn width(self) -> Option<usize> {
        Some(match self {
            ElementType::Uint8 | ElementType::Int8 | ElementType::Bool => 1,
            ElementType::Uint16 | ElementType::Int16 | ElementType::Float16 | ElementType::Bfloat16 => 2,
            ElementType::Float | ElementType::Int32 | ElementType::Uint32 => 4,
            ElementType::Int64 | ElementType::Double | ElementType::Uint64 => 8,
            _ => return None,
        })
    }

    /// The bytes of an element of the types whose values can be read; 0 for others.
    pub(crate) fn bytes(self) -> usize {
        self.width().unwrap_or(0)
    }

    /// Whether it is an integer type, or that of booleans.
    pub fn is_integer(self) -> bool {
        let floats = [ElementType::Float, ElementType::Float16, ElementType::Bfloat16, ElementType::Double];
        self.width().is_some() && !floats.contains(&self)
    }

    /// The error for a type whose values cannot be read.
    pub(super) fn unsupported(self) -> Error {
        let error = Error::unsupported(format!("has the type {self}, which is not supported"));
        let error = error.cause("models are computed in float32, int32 and bool");
        error.hint(if self == ElementType::String {
            "map strings to ids before the model, and export the model without the lookup"
        } else {
            "export the model in float32, or with its weights in float16"
        })
    }
}

fn unknown(number: i32) -> Error {
    let what =
        if number == 0 { "has no element type".into() } else { format!("has the unknown element type {number}") };
    let error = Error::unsupported(what).cause("ONNX numbers its element types from 1 to 26");
    error.hint("export the model again in float32, with another version of the exporter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_onnxruntime() {
        let name = |number: i32| {
            ElementType::try_from(number).map(|kind| kind.to_string()).map_err(|error: Error| error.to_string())
        };
        assert_eq!(name(1).as_deref(), Ok("tensor(float)"));
        assert_eq!(name(7).as_deref(), Ok("tensor(int64)"));
        assert_eq!(name(0).expect_err("no type"), "has no element type");
        assert_eq!(name(-3).expect_err("no type"), "has the unknown element type -3");
        assert!(ElementType::Bool.is_integer() && !ElementType::Double.is_integer() && !ElementType::Int4.is_integer());
        assert!(ElementType::String.unsupported().to_string().contains("tensor(string)"));
    }
}
