//! Which dtype an operation computes in.
//!
//! Operands of different dtypes meet in the wider one, bool before int32 before float32: so Keras 3 has it, whose int64 is int32
//! here, and so it comes out in Keras 2, where a number takes the dtype of the tensor beside it and tensors of different dtypes
//! do not meet.

use super::argument::Argument;
use super::arguments::Arguments;
use super::numbers::dtype_called;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::Function;
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;

fn width(dtype: DType) -> u8 {
    match dtype {
        DType::Bool => 0,
        DType::I32 => 1,
        DType::F32 => 2,
    }
}

fn wider(left: DType, right: DType) -> DType {
    if width(left) >= width(right) { left } else { right }
}

/// Operands in the dtype in which they meet, but no narrower than `least`.
pub(super) fn together<'g, 'm: 'g>(
    call: &mut LayerCall<'_, '_>,
    operands: impl IntoIterator<Item = &'g Argument<'m>> + Clone,
    least: DType,
) -> Result<Vec<ValueId>> {
    let mut dtype = least;
    for operand in operands.clone() {
        dtype = wider(dtype, operand.dtype(call)?);
    }
    operands.into_iter().map(|operand| operand.in_dtype(call, dtype)).collect()
}

/// Two operands in the dtype in which they meet, but no narrower than `least`.
pub(super) fn pair(
    call: &mut LayerCall<'_, '_>,
    given: &Arguments<'_>,
    [left, right]: [usize; 2],
    least: DType,
) -> Result<[ValueId; 2]> {
    let both = together(call, [given.get(left)?, given.get(right)?], least)?;
    Ok([both[0], both[1]])
}

/// The only operand, booleans as integers.
pub(super) fn numeric(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>, index: usize) -> Result<ValueId> {
    let x = given.value(call, index)?;
    let dtype = wider(call.dtype(x), DType::I32);
    call.cast(x, dtype)
}

/// `x` in the dtype that is called `name`.
pub(super) fn cast(call: &mut LayerCall<'_, '_>, x: ValueId, name: &str) -> Result<ValueId> {
    if name == "int64" && call.dtype(x) != DType::Bool {
        call.lowering.warn(format!("operation `{}` casts to int64, of which 32 bits are kept here", call.name));
    }
    match dtype_called(name) {
        Some(DType::Bool) => call.truth(x),
        Some(DType::F32) if name == "float16" => {
            let x = call.float(x)?;
            call.apply(Function::Half, x)
        }
        Some(dtype) if !matches!(name, "bfloat16" | "int16" | "int8" | "uint8" | "uint16" | "uint32") => {
            call.cast(x, dtype)
        }
        _ => Err(Error::unsupported(format!("casts to {name} are not supported"))),
    }
}

/// `x` in the dtype of the option `dtype`, if there is one.
pub(super) fn as_option(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    match call.config.string("dtype")? {
        Some(name) => cast(call, x, name),
        None => Ok(x),
    }
}
