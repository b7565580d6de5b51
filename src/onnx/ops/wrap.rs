//! Ids that Keras 3 wraps before a lookup: `id < 0 ? id + V : id`, in arithmetic on integers.
//!
//! The lookup does so itself, or refuses negative ids, so the arithmetic is left out.

use crate::graph::ValueId;
use crate::onnx::call::Call;
use crate::ops::{BinaryFunction, Op};

/// The ids before they were wrapped for a table of this many rows, if they were.
pub(super) fn unwrapped(call: &Call<'_, '_, '_>, ids: ValueId, rows: usize) -> ValueId {
    found(call, ids, rows).unwrap_or(ids)
}

/// `Cast(id < 0) · (id + V) + id · Cast(!(id < 0))`, in any order.
fn found(call: &Call<'_, '_, '_>, ids: ValueId, rows: usize) -> Option<ValueId> {
    let builder = &call.lowering.builder;
    let pair = |id: ValueId, function: BinaryFunction| match builder.operator(id)? {
        (Op::Binary(binary), &[left, right]) if binary.function == function => Some([left, right]),
        _ => None,
    };
    let number = |id: ValueId| {
        let tensor = builder.constant_at(id)?;
        (tensor.len() == 1).then(|| tensor.to_f64()[0])
    };
    let terms = pair(ids, BinaryFunction::Add)?;
    for [wrapped, kept] in [terms, [terms[1], terms[0]]] {
        let (wrapped, kept) = (pair(wrapped, BinaryFunction::Multiply)?, pair(kept, BinaryFunction::Multiply)?);
        for [sum, mask] in [wrapped, [wrapped[1], wrapped[0]]] {
            let Some(sum) = pair(sum, BinaryFunction::Add) else { continue };
            for [id, count] in [sum, [sum[1], sum[0]]] {
                let is_count = number(count) == Some(rows as f64);
                let is_kept = kept.contains(&id);
                if is_count && is_kept && is_mask(call, mask) {
                    return Some(id);
                }
            }
        }
    }
    None
}

/// Whether a value is a mask as an integer.
fn is_mask(call: &Call<'_, '_, '_>, id: ValueId) -> bool {
    let made = call.lowering.builder.operator(id);
    matches!(made, Some((Op::Cast(_), [from])) if call.lowering.builder.ty(*from).dtype == crate::tensor::DType::Bool)
}
