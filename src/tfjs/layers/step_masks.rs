//! Which mask a recurrent layer follows, and what its masked steps put out: that of its input in Keras, that of an earlier
//! layer in TF.js.

use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{MaskedOutput, Slice};
use crate::tensor::Dim;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};

/// The mask of the steps, and what those put out that it hides.
///
/// TF.js takes whatever mask the calls before this one left behind, of a longer one the steps it comes to first; of a
/// shorter one it fails, and Keras is followed. At a hidden step TF.js puts out the state. Keras repeats what the step
/// before put out, which differs before all others if the layer has `begun` with other states than zeros, or puts `zeros`
/// out if it is told to.
pub(super) fn masking(
    call: &mut LayerCall<'_, '_>,
    input: Value,
    [backwards, zeros, begun]: [bool; 3],
) -> Result<(Option<ValueId>, MaskedOutput)> {
    let wanted = call.shape(input.id).dims().get(..2).unwrap_or_default().to_vec();
    let keras = input.masks.keras;
    if let Some(mask) = keras.filter(|mask| call.shape(*mask).dims() != wanted) {
        return Err(Error::format(format!("a mask of shape {} is not one of its steps", call.shape(mask))));
    }
    let mut tfjs = call.lowering.lingering_mask.flatten();
    if let Some(mask) = tfjs.filter(|mask| call.shape(*mask).dims() != wanted) {
        tfjs = first_steps(call, mask, &wanted, backwards)?;
        if tfjs.is_none() {
            tfjs = keras;
            call.differ("cannot be computed in TF.js, where the mask of an earlier layer reaches it and does not fit");
        }
    }
    Ok(by_semantics(call, Masks { tfjs, keras }, [zeros, begun]))
}

/// The mask to follow, and what a step puts out that it hides.
pub(super) fn by_semantics(
    call: &mut LayerCall<'_, '_>,
    masks: Masks,
    [zeros, begun]: [bool; 2],
) -> (Option<ValueId>, MaskedOutput) {
    let Masks { tfjs, keras } = masks;
    if tfjs != keras {
        call.differ("is masked differently in TF.js and in Keras");
    } else if tfjs.is_some() && (zeros || begun) {
        call.differ("puts out the state in TF.js where a step is masked, and zeros or the output before in Keras");
    }
    match call.semantics() {
        Semantics::TfJs => (tfjs, MaskedOutput::State),
        Semantics::Keras => (keras, if zeros { MaskedOutput::Zero } else { MaskedOutput::Previous }),
    }
}

/// The steps of a longer mask that TF.js comes to first; none of one that is not longer.
fn first_steps(
    call: &mut LayerCall<'_, '_>,
    mask: ValueId,
    wanted: &[Dim],
    backwards: bool,
) -> Result<Option<ValueId>> {
    let (&[batch, Dim::Fixed(steps)], &[wanted_batch, Dim::Fixed(count)]) = (call.shape(mask).dims(), wanted) else {
        return Ok(None);
    };
    if batch != wanted_batch || steps < count {
        return Ok(None);
    }
    let start = if backwards { steps - count } else { 0 };
    call.op(Slice { axis: 1, start, step: 1, count }, &[mask]).map(Some)
}
