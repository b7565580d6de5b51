//! Layers that join several tensors.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{BatchMatmul, Binary, BinaryFunction, Concatenate, L2Normalize, Reduce, Reduction};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("Add", add, "✓", ""),
    Class::new("Average", average, "✓", ""),
    Class::new(
        "Concatenate",
        concatenate,
        "takes every negative axis as the last; fails on masks of merged tensors",
        "",
    ),
    Class::new("Dot", dot, "rank 3 at most, not all pairs of axes", ""),
    Class::new("Maximum", maximum, "✓", ""),
    Class::new("Minimum", minimum, "✓", ""),
    Class::new("Multiply", multiply, "✓", ""),
    Class::new("Subtract", subtract, "–", ""),
];

fn add(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    merge(call, inputs, BinaryFunction::Add)
}

fn multiply(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    merge(call, inputs, BinaryFunction::Multiply)
}

fn maximum(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    merge(call, inputs, BinaryFunction::Maximum)
}

fn minimum(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    merge(call, inputs, BinaryFunction::Minimum)
}

/// Not a layer of TF.js.
fn subtract(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    if inputs.len() != 2 {
        return Err(Error::format(format!("takes 2 inputs, not {}", inputs.len())));
    }
    merge(call, inputs, BinaryFunction::Subtract)
}

fn average(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let sum = merge(call, inputs, BinaryFunction::Add)?[0];
    call.float_operand(sum.id)?;
    let count = call.filled(&format!("count_{}", inputs.len()), &[1], inputs.len() as f32)?;
    let id = call.op(Binary { function: BinaryFunction::Divide }, &[sum.id, count])?;
    Ok(vec![Value::with(id, sum.masks)])
}

/// Integers beside floats are floats. Integers alone stay so, and wrap.
fn operands(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<ValueId>> {
    let has = |dtype: DType| inputs.iter().any(|input| call.dtype(input.id) == dtype);
    match (has(DType::F32), has(DType::Bool)) {
        (true, _) => inputs.iter().map(|input| call.float(input.id)).collect(),
        (false, true) => inputs.iter().map(|input| call.float_operand(input.id)).collect(),
        (false, false) => Ok(inputs.iter().map(|input| input.id).collect()),
    }
}

/// Combines the inputs one after the other, those of lower rank with dimensions of 1 after N.
fn merge(call: &mut LayerCall<'_, '_>, inputs: &[Value], function: BinaryFunction) -> Result<Vec<Value>> {
    if inputs.len() < 2 {
        return Err(Error::format(format!("takes 2 inputs or more, not {}", inputs.len())));
    }
    let may_leave_out =
        matches!(function, BinaryFunction::Multiply | BinaryFunction::Maximum | BinaryFunction::Minimum);
    if call.is_keras_3() && may_leave_out && inputs.iter().any(|input| input.masks.keras.is_some()) {
        call.differ("takes masked elements in TF.js and leaves them out in Keras 3");
        if call.answers_as_keras_3() {
            return merge_what_counts(call, inputs, function);
        }
    }
    let rank = inputs.iter().map(|input| call.rank(input.id)).max().unwrap_or_default();
    let mut merged: Option<ValueId> = None;
    for mut x in operands(call, inputs)? {
        while call.rank(x) < rank {
            x = call.expand(x, 1)?;
        }
        merged = Some(match merged {
            None => x,
            Some(before) => call.op(Binary { function }, &[before, x])?,
        });
    }
    let id = merged.ok_or_else(|| Error::format("has no inputs"))?;
    if call.is_keras_3() {
        let keras = any_of(call, inputs)?;
        return Ok(vec![Value::with(id, Masks { tfjs: None, keras })]);
    }
    // TF.js gives the mask an extra leading dimension here. Of what follows only a Softmax would take it, and answer
    // with another rank; that is not reproduced.
    let keras: Vec<ValueId> = inputs.iter().filter_map(|input| input.masks.keras).collect();
    let keras = all_of(call, &keras)?;
    Ok(vec![Value::with(id, Masks { tfjs: None, keras })])
}

/// Multiply, Maximum and Minimum of Keras 3, where a masked element takes no part: Multiply takes 1 for it and answers 0
/// where all are masked; the others take what the inputs before it gave, or the input after it.
fn merge_what_counts(call: &mut LayerCall<'_, '_>, inputs: &[Value], function: BinaryFunction) -> Result<Vec<Value>> {
    let with_features = |call: &mut LayerCall<'_, '_>, mask: Option<ValueId>| -> Result<Option<ValueId>> {
        mask.map(|mask| call.expand(mask, call.rank(mask))).transpose()
    };
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs {
        let mask = with_features(call, input.masks.keras)?;
        parts.push((call.float_operand(input.id)?, mask));
    }
    let mask = any_of(call, inputs)?;
    if function == BinaryFunction::Multiply {
        let one = call.number(1.0)?;
        for (x, mask) in &mut parts {
            if let Some(mask) = *mask {
                *x = call.choose(mask, *x, one)?;
            }
        }
    }
    let [first, rest @ ..] = parts.as_slice() else { return Err(Error::format("has no inputs")) };
    let (mut merged, mut merged_mask) = *first;
    for &(mut x, mask) in rest {
        if function != BinaryFunction::Multiply {
            if let Some(mask) = mask {
                x = call.choose(mask, x, merged)?;
            }
            if let Some(mask) = merged_mask {
                merged = call.choose(mask, merged, x)?;
            }
        }
        merged_mask = match (merged_mask, mask) {
            (Some(before), Some(mask)) => Some(call.binary(BinaryFunction::Maximum, before, mask)?),
            _ => None,
        };
        merged = call.binary(function, merged, x)?;
    }
    if let (BinaryFunction::Multiply, Some(mask)) = (function, with_features(call, mask)?) {
        merged = call.kept(merged, mask)?;
    }
    Ok(vec![Value::with(merged, Masks { tfjs: None, keras: mask })])
}

/// The steps that any mask keeps; none if an input has no mask. What merges in Keras 3 passes on.
fn any_of(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Option<ValueId>> {
    let masks: Option<Vec<ValueId>> = inputs.iter().map(|input| input.masks.keras).collect();
    combined(call, BinaryFunction::Maximum, &masks.unwrap_or_default())
}

/// The steps that every mask keeps; none without masks.
fn all_of(call: &mut LayerCall<'_, '_>, masks: &[ValueId]) -> Result<Option<ValueId>> {
    combined(call, BinaryFunction::Minimum, masks)
}

fn combined(call: &mut LayerCall<'_, '_>, function: BinaryFunction, masks: &[ValueId]) -> Result<Option<ValueId>> {
    let mut combined: Option<ValueId> = None;
    for &mask in masks {
        combined = Some(match combined {
            Some(before) if before != mask => call.binary(function, before, mask)?,
            _ => mask,
        });
    }
    Ok(combined)
}

fn concatenate(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let Some(first) = inputs.first() else { return Err(Error::format("has no inputs")) };
    let axis = call.config.integers("axis")?.unwrap_or_else(|| vec![-1]);
    let [axis] = axis.as_slice() else { return Err(Error::format("`axis` should be one number")) };
    let axis = call.sample_axis(first.id, *axis)?;
    let same = inputs.iter().all(|input| call.dtype(input.id) == call.dtype(first.id));
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs {
        parts.push(if same { input.id } else { call.float(input.id)? });
    }
    let id = call.op(Concatenate { axis }, &parts)?;
    if call.is_keras_3() {
        let keras = concatenated_mask_of_keras_3(call, inputs, axis)?;
        return Ok(vec![Value::with(id, Masks { tfjs: None, keras })]);
    }
    let masks = Masks {
        tfjs: concatenated_mask(call, inputs, axis, |masks| masks.tfjs)?,
        keras: concatenated_mask(call, inputs, axis, |masks| masks.keras)?,
    };
    Ok(vec![Value::with(id, masks)])
}

/// Along the features, a step counts where all masks keep it; along the steps, masks follow each other.
fn concatenated_mask(
    call: &mut LayerCall<'_, '_>,
    inputs: &[Value],
    axis: usize,
    of: impl Fn(&Masks) -> Option<ValueId>,
) -> Result<Option<ValueId>> {
    let masks: Vec<ValueId> = inputs.iter().filter_map(|input| of(&input.masks)).collect();
    if masks.is_empty() {
        return Ok(None);
    }
    let rank = call.rank(inputs[0].id);
    if axis + 1 == rank {
        return all_of(call, &masks);
    }
    if masks.len() == inputs.len() && axis < call.rank(masks[0]) {
        return call.op(Concatenate { axis }, &masks).map(Some);
    }
    Err(Error::unsupported("joins masked and unmasked inputs along their steps")
        .cause("Keras refuses this too, unless the last axis is 1 wide"))
}

/// In Keras 3 a step of the result counts where any of its features does.
fn concatenated_mask_of_keras_3(
    call: &mut LayerCall<'_, '_>,
    inputs: &[Value],
    axis: usize,
) -> Result<Option<ValueId>> {
    if inputs.iter().all(|input| input.masks.keras.is_none()) {
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs {
        let none = call.number(0.0)?;
        let zeros = call.float(input.id)?;
        let zeros = call.binary(BinaryFunction::Keep, zeros, none)?;
        let mask = match input.masks.keras {
            Some(mask) if call.rank(mask) < call.rank(zeros) => call.expand(mask, call.rank(mask))?,
            Some(mask) => mask,
            None => call.number(1.0)?,
        };
        let mask = call.float(mask)?;
        parts.push(call.binary(BinaryFunction::Add, zeros, mask)?);
    }
    let joined = call.op(Concatenate { axis }, &parts)?;
    let truth = call.truth(joined)?;
    let last = call.rank(truth) - 1;
    call.op(Reduce { reduction: Reduction::Maximum, axis: last }, &[truth]).map(Some)
}

/// Drops masks in TF.js and in Keras.
fn dot(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let [left, right] = inputs else {
        return Err(Error::format(format!("takes 2 inputs, not {}", inputs.len())));
    };
    let (mut x, mut y) = (call.float_operand(left.id)?, call.float_operand(right.id)?);
    let axes = match call.config.integers("axes")?.as_deref() {
        Some(&[axis]) => [call.sample_axis(x, axis)?, call.sample_axis(y, axis)?],
        Some(&[left, right]) => [call.sample_axis(x, left)?, call.sample_axis(y, right)?],
        _ => return Err(Error::format("`axes` should be one number or two")),
    };
    if call.config.boolean_or("normalize", false)? {
        // Differs for vectors shorter than 3.2e-4 only, so it is no skew worth a note on every model.
        let floor = if call.semantics() == Semantics::TfJs { L2Normalize::TFJS_FLOOR } else { 1e-12 };
        x = call.op(L2Normalize { axis: axes[0], floor }, &[x])?;
        y = call.op(L2Normalize { axis: axes[1], floor }, &[y])?;
    }
    Ok(vec![Value::unmasked(call.op(BatchMatmul::new(axes), &[x, y])?)])
}
