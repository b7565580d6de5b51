//! What layers over positions share: their options for each dimension, channels in front or behind, and windows.
//!
//! No layers; in tfjs-layers `convolutional.ts` and `conv_utils.ts` have this.

use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{Padding, Permute, Window};
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// What all layers with windows over `dims` dimensions of positions read of their configuration, and their input with
/// its channels behind the positions.
pub(super) struct Positions {
    pub(super) dims: usize,
    pub(super) channels_first: bool,
    pub(super) x: ValueId,
    /// The positions of the input in each dimension.
    pub(super) sizes: Vec<usize>,
    pub(super) channels: usize,
}

impl Positions {
    /// Of the only input, as floats.
    pub(super) fn of(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Positions> {
        let channels_first = call.config.channels_first()?;
        let x = call.one(inputs)?.id;
        let x = call.float_operand(x)?;
        Positions::new(call, x, dims, channels_first)
    }

    pub(super) fn new(
        call: &mut LayerCall<'_, '_>,
        mut x: ValueId,
        dims: usize,
        channels_first: bool,
    ) -> Result<Positions> {
        if call.rank(x) != dims + 2 {
            return Err(Error::format(format!("takes inputs of rank {}, not {}", dims + 2, call.shape(x))));
        }
        if channels_first {
            let order = std::iter::once(0).chain(2..dims + 2).chain([1]).collect();
            x = call.op(Permute { order }, &[x])?;
        }
        let mut sizes = call.shape(x).sample();
        let channels = sizes.pop().unwrap_or(0);
        Ok(Positions { dims, channels_first, x, sizes, channels })
    }

    /// A result with its channels where the layer has them.
    pub(super) fn back(&self, call: &mut LayerCall<'_, '_>, y: ValueId) -> Result<ValueId> {
        if !self.channels_first {
            return Ok(y);
        }
        call.op(Permute { order: [0, self.dims + 1].into_iter().chain(1..=self.dims).collect() }, &[y])
    }

    /// A number from 1 on for each dimension.
    pub(super) fn numbers(&self, call: &LayerCall<'_, '_>, key: &'static str) -> Result<Option<Vec<usize>>> {
        let Some(given) = call.config.integers(key)? else { return Ok(None) };
        let given = if let [one] = given.as_slice() { vec![*one; self.dims] } else { given };
        let numbers = given.iter().map(|&number| usize::try_from(number).ok().filter(|&number| number > 0));
        let numbers: Option<Vec<usize>> = numbers.collect();
        match numbers.filter(|numbers| numbers.len() == self.dims) {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(Error::format(format!("`{key}` should be {} numbers from 1 on, not {given:?}", self.dims))),
        }
    }

    pub(super) fn numbers_or_1(&self, call: &LayerCall<'_, '_>, key: &'static str) -> Result<Vec<usize>> {
        Ok(self.numbers(call, key)?.unwrap_or_else(|| vec![1; self.dims]))
    }

    /// What `make` gives for the padding. In three dimensions TF.js has windows that are narrower than their strides begin
    /// elsewhere.
    pub(super) fn by_semantics(
        &self,
        call: &mut LayerCall<'_, '_>,
        padding: Padding,
        make: impl Fn(Padding) -> Option<Vec<Window>>,
    ) -> Option<Vec<Window>> {
        let made = make(padding);
        if self.dims < 3 || padding != Padding::Same {
            return made;
        }
        let centred = make(Padding::SameCentred);
        if made == centred {
            return made;
        }
        call.differ("leaves out the first positions where strides leave some out in TF.js, not in Keras");
        if call.semantics() == Semantics::TfJs { centred } else { made }
    }

    /// The windows with these taps.
    pub(super) fn windows(
        &self,
        call: &mut LayerCall<'_, '_>,
        taps: &[usize],
        strides: &[usize],
        dilations: &[usize],
        padding: Padding,
    ) -> Result<Vec<Window>> {
        let over = |padding: Padding| -> Option<Vec<Window>> {
            let over = |dim: usize| Window::over(self.sizes[dim], taps[dim], strides[dim], dilations[dim], padding);
            (0..self.dims).map(over).collect()
        };
        let windows = self.by_semantics(call, padding, over);
        windows.ok_or_else(|| {
            let (sizes, padding) = (&self.sizes, format!("{padding:?}").to_lowercase());
            Error::format(format!(
                "a window of {taps:?} with dilation {dilations:?} and {padding} padding does not fit into {sizes:?}"
            ))
        })
    }
}

/// The value of `padding`.
pub(super) fn padding(call: &LayerCall<'_, '_>, allowed: &[Padding]) -> Result<Padding> {
    let name = call.config.string("padding")?.unwrap_or("valid");
    let padding = match name {
        "valid" => Some(Padding::Valid),
        "same" => Some(Padding::Same),
        "causal" => Some(Padding::Causal),
        _ => None,
    };
    padding
        .filter(|padding| allowed.contains(padding))
        .ok_or_else(|| Error::format(format!("`padding` should not be `{name}`")))
}

/// Padding of a convolution; causal in one dimension alone.
pub(super) fn convolution_padding(call: &LayerCall<'_, '_>, dims: usize) -> Result<Padding> {
    let allowed = [Padding::Valid, Padding::Same, Padding::Causal];
    padding(call, if dims == 1 { &allowed } else { &allowed[..2] })
}
