//! Activations that are layers of their own.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{Activation, Binary, BinaryFunction, Function, Permute, Softmax};
use crate::tensor::{DType, broadcast};
use crate::tfjs::activations;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("ELU", elu, "`alpha` 1 only", "any `alpha`"),
    Class::new("LeakyReLU", leaky_relu, "✓", ""),
    Class::new("PReLU", prelu, "✓", ""),
    Class::new("ReLU", relu, "ignores `negative_slope`, `threshold`", "by semantics"),
    Class::new("Softmax", softmax, "last axis, or several; masked by any mask before it", "by semantics"),
    Class::new("ThresholdedReLU", thresholded_relu, "✓", ""),
];

fn relu(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let config = call.config;
    let function = activations::relu(call, config)?;
    let masks = call.one(inputs)?.masks;
    apply(call, inputs, function, masks)
}

fn leaky_relu(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let mut function = activations::leaky_relu(call.config)?;
    if call.config.get("negative_slope").is_some() && call.config.get("alpha").is_none() {
        call.differ("ignores negative_slope in TF.js, which calls it alpha, not in Keras");
        if call.semantics() == Semantics::TfJs {
            function = Function::relu(None, 0.3, 0.0);
        }
    }
    let masks = call.one(inputs)?.masks.keras_only();
    apply(call, inputs, function, masks)
}

/// TF.js refuses any alpha but 1.
fn elu(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let alpha = call.config.number_or("alpha", 1.0)? as f32;
    if alpha != 1.0 {
        call.refused_by_tfjs("is an ELU with an `alpha` other than 1");
    }
    let masks = call.one(inputs)?.masks.keras_only();
    apply(call, inputs, Function::Elu { alpha }, masks)
}

fn thresholded_relu(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let threshold = call.config.number_or("theta", 1.0)? as f32;
    let masks = call.one(inputs)?.masks.keras_only();
    apply(call, inputs, Function::relu(None, 0.0, threshold), masks)
}

fn apply(call: &mut LayerCall<'_, '_>, inputs: &[Value], function: Function, masks: Masks) -> Result<Vec<Value>> {
    let x = call.one(inputs)?.id;
    let x = call.float_operand(x)?;
    Ok(vec![Value::with(call.op(Activation { function }, &[x])?, masks)])
}

/// `alpha` has the shape of a sample, 1 along `shared_axes`.
fn prelu(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    let mut shape = call.shape(x).sample();
    for axis in call.config.integers("shared_axes")?.unwrap_or_default() {
        let axis = call.sample_axis(x, axis)?;
        shape[axis - 1] = 1;
    }
    let alpha = call.weight("alpha", &shape)?;
    let id = call.op(Binary { function: BinaryFunction::PRelu }, &[x, alpha])?;
    Ok(vec![Value::with(id, input.masks)])
}

/// The axis is −1 by default in Keras and 1 in TF.js; it may be a list, whose dimensions are normalised together.
/// A mask adds −1e9 where it is off; in Keras 3 the value is −1e9 there, and the answer 0.
fn softmax(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let mut x = call.float_operand(input.id)?;
    let axes = match call.config.integers("axis")? {
        Some(axes) => axes,
        None => {
            if call.rank(x) > 2 {
                call.differ("normalises axis 1 in TF.js and the last axis in Keras, as none is given");
            }
            vec![if call.semantics() == Semantics::TfJs { 1 } else { -1 }]
        }
    };
    let masks = softmax_masks(call, x, input.masks.keras);
    let mask = masks.of(call.semantics());
    if let Some(mask) = mask {
        x = if call.answers_as_keras_3() { masked_far(call, x, mask)? } else { mask_out(call, x, mask)? };
    }
    let axes: Vec<usize> = axes.iter().map(|&axis| call.sample_axis(x, axis)).collect::<Result<_>>()?;
    let id = match axes.as_slice() {
        [axis] => call.op(Softmax { axis: *axis, log: false }, &[x])?,
        [] => return Err(Error::format("`axis` names no dimension")),
        axes if (1..axes.len()).any(|index| axes[..index].contains(&axes[index])) => {
            return Err(Error::format(format!("`axis` names a dimension twice: {axes:?}")));
        }
        axes => softmax_together(call, x, axes)?,
    };
    let id = match mask.filter(|_| call.answers_as_keras_3()) {
        Some(mask) => call.kept(id, mask)?,
        None => id,
    };
    Ok(vec![Value::with(id, input.masks.keras_only())])
}

/// The masks that TF.js and Keras would add. TF.js takes whatever mask the calls before this one left behind; where that
/// does not fit, it fails or mixes the rows of the batch, and Keras is followed.
fn softmax_masks(call: &mut LayerCall<'_, '_>, x: ValueId, keras: Option<ValueId>) -> Masks {
    let lingering = call.lowering.lingering_mask.flatten();
    let fits = |mask: ValueId| broadcast(&call.shape(x), &call.shape(mask)).is_ok_and(|shape| shape == call.shape(x));
    let misfits = lingering.is_some_and(|mask| !fits(mask));
    let masks = Masks { tfjs: if misfits { keras } else { lingering }, keras };
    if misfits {
        call.differ("cannot be computed in TF.js, where the mask of an earlier layer reaches it and does not fit");
    } else if masks.tfjs != masks.keras {
        call.differ("is masked differently in TF.js and in Keras");
    }
    masks
}

/// `x + (1 − mask) · −1e9`.
pub(super) fn mask_out(call: &mut LayerCall<'_, '_>, x: ValueId, mask: ValueId) -> Result<ValueId> {
    let mask = call.cast(mask, DType::F32)?;
    let one = call.shared_constant("one", &[1], |_| 1.0)?;
    let far = call.shared_constant("far", &[1], |_| -1e9)?;
    let off = call.op(Binary { function: BinaryFunction::Subtract }, &[one, mask])?;
    let adder = call.op(Binary { function: BinaryFunction::Multiply }, &[off, far])?;
    call.op(Binary { function: BinaryFunction::Add }, &[x, adder])
}

/// `x` where the mask is on, else −1e9.
fn masked_far(call: &mut LayerCall<'_, '_>, x: ValueId, mask: ValueId) -> Result<ValueId> {
    let far = call.number(-1e9)?;
    call.choose(mask, x, far)
}

/// Softmax over several dimensions at once: moved to the back, seen as one, and put back.
fn softmax_together(call: &mut LayerCall<'_, '_>, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    let rank = call.rank(x);
    let kept = (0..rank).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = kept.chain((0..rank).filter(|axis| axes.contains(axis))).collect();
    let moved = call.op(Permute { order: order.clone() }, &[x])?;
    let sample = call.shape(moved).sample();
    let split = sample.len() - axes.len();
    let merged = [&sample[..split], &[sample[split..].iter().product()]].concat();
    let line = call.reshape(moved, &merged)?;
    let line = call.op(Softmax { axis: merged.len(), log: false }, &[line])?;
    let apart = call.reshape(line, &sample)?;
    let mut back = vec![0; rank];
    for (position, &axis) in order.iter().enumerate() {
        back[axis] = position;
    }
    call.op(Permute { order: back }, &[apart])
}
