//! Dense, Activation and the layers that move data.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{Binary, BinaryFunction, Dense, NotEqual, Permute, Reduce, Reduction, RepeatVector};
use crate::tensor::DType;
use crate::tfjs::activations;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("Activation", activation, "✓", ""),
    Class::new("ActivityRegularization", activity_regularization, "–", ""),
    Class::new("Dense", dense, "✓", ""),
    Class::new("Flatten", flatten, "not rank 2", ""),
    Class::new("Identity", identity, "–", ""),
    Class::new("Masking", masking, "✓", ""),
    Class::new("Permute", permute, "✓", ""),
    Class::new("RepeatVector", repeat_vector, "✓", ""),
    Class::new("Reshape", reshape, "not `-1` before a layer with weights", ""),
];

fn dense(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let units = call.config.positive_size("units")?;
    call.config.ignore(&["input_dim"]);
    let x = call.float(input.id)?;
    let shape = call.shape(x);
    let Some(&depth) = shape.sample().last() else {
        return Err(Error::format(format!("takes inputs of rank 2 or more, not {shape}")));
    };
    let kernel = call.weight("kernel", &[depth, units])?;
    let bias = if call.config.boolean_or("use_bias", true)? {
        call.weight("bias", &[units])?
    } else {
        call.filled("no_bias", &[units], 0.0)?
    };
    let id = call.op(Dense::default(), &[x, kernel, bias])?;
    let id = activations::apply(call, id)?;
    Ok(vec![Value::with(id, input.masks)])
}

fn activation(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    Ok(vec![Value::with(activations::apply(call, x)?, input.masks)])
}

/// Only training pays for it. Its mask goes on.
fn activity_regularization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    call.config.ignore(&["l1", "l2"]);
    let input = call.one(inputs)?;
    Ok(vec![Value::with(input.id, input.masks.keras_only())])
}

/// Drops the mask in Keras 2.
fn identity(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    Ok(vec![Value::unmasked(call.one(inputs)?.id)])
}

/// Drops the mask in TF.js and in Keras. TF.js refuses rank 2, which Keras leaves as it is.
fn flatten(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let mut x = call.one(inputs)?.id;
    let rank = call.rank(x);
    if rank < 3 {
        call.refused_by_tfjs("flattens what is flat");
    }
    if call.config.channels_first()? && rank > 2 {
        let order = std::iter::once(0).chain(2..rank).chain([1]).collect();
        x = call.op(Permute { order }, &[x])?;
    }
    let length = call.shape(x).sample_len();
    Ok(vec![Value::unmasked(call.reshape(x, &[length])?)])
}

/// Drops the mask in TF.js and in Keras. TF.js cannot resolve −1 before a layer with weights.
fn reshape(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let x = call.one(inputs)?.id;
    let mut target = Vec::new();
    for dim in call.config.array("target_shape")? {
        target.push(if dim.is_null() { -1 } else { json::integer("target_shape", dim)? });
    }
    let sample = resolve_shape(&target, call.shape(x).sample_len())
        .ok_or_else(|| Error::format(format!("{} cannot be reshaped to {target:?}", call.shape(x))))?;
    Ok(vec![Value::unmasked(call.reshape(x, &sample)?)])
}

/// `target` with its one open dimension computed from the number of elements.
pub(in crate::tfjs) fn resolve_shape(target: &[i64], elements: usize) -> Option<Vec<usize>> {
    let known: usize =
        target.iter().filter(|&&dim| dim >= 0).try_fold(1usize, |product, &dim| product.checked_mul(dim as usize))?;
    match target.iter().filter(|&&dim| dim < 0).count() {
        0 => (known == elements).then(|| target.iter().map(|&dim| dim as usize).collect()),
        1 if known > 0 && elements.is_multiple_of(known) => {
            Some(target.iter().map(|&dim| usize::try_from(dim).unwrap_or(elements / known)).collect())
        }
        _ => None,
    }
}

/// Drops the mask in TF.js and in Keras.
fn permute(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let x = call.one(inputs)?.id;
    let dims = call.config.array("dims")?.iter().map(|dim| json::size("dims", dim));
    let order = std::iter::once(Ok(0)).chain(dims).collect::<Result<_>>()?;
    Ok(vec![Value::unmasked(call.op(Permute { order }, &[x])?)])
}

/// Drops the mask in TF.js and in Keras.
fn repeat_vector(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let x = call.one(inputs)?.id;
    if call.rank(x) != 2 {
        return Err(Error::format(format!("takes inputs of rank 2, not {}", call.shape(x))));
    }
    let count = call.config.positive_size("n")?;
    Ok(vec![Value::unmasked(call.op(RepeatVector { count }, &[x])?)])
}

/// A step counts if any of its features differs from `mask_value`; others become zeros.
fn masking(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let x = call.one(inputs)?.id;
    let x = call.float_operand(x)?;
    let mask = step_mask(call, x)?;
    let kept = call.cast(mask, DType::F32)?;
    let last = call.rank(x) - 1;
    let kept = call.expand(kept, last)?;
    let id = call.op(Binary { function: BinaryFunction::Multiply }, &[x, kept])?;
    Ok(vec![Value::with(id, Masks::both(mask))])
}

fn step_mask(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let rank = call.rank(x);
    if rank < 2 {
        return Err(Error::format(format!("takes inputs of rank 2 or more, not {}", call.shape(x))));
    }
    let value = call.config.number_or("mask_value", 0.0)? as f32;
    let different = call.op(NotEqual { value }, &[x])?;
    call.op(Reduce { reduction: Reduction::Maximum, axis: rank - 1 }, &[different])
}
