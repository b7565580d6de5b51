//! Values `[N, C, positions…]`, whose channels are last in memory, and the windows over their positions.

use super::sample::{Held, Sample, over_the_batch};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::value::{LogicalDim, Value};
use crate::ops::{Pad, Window};

/// Maximum number of dimensions that windows slide over.
const MOST_DIMS: usize = 3;

/// Images, signals or volumes with their channels behind the positions.
pub(super) struct Images {
    /// `[N, positions…, C]`, or `[N, images, positions…, C]` where a sample has several.
    pub(super) held: Held,
    first: LogicalDim,
    /// The images of a sample, if there are others than one.
    several: Option<usize>,
    pub(super) positions: Vec<usize>,
    pub(super) channels: usize,
}

impl Images {
    pub(super) fn of(call: &mut Call<'_, '_, '_>, value: &Value) -> Result<Images> {
        let sample = Sample::of(call, value)?;
        let rank = sample.dims.len();
        if sample.batch_axis().is_some_and(|axis| axis != 0) {
            return Err(over_the_batch());
        }
        let (first, several) = match sample.dims.first() {
            Some(&first @ (LogicalDim::Batch(rows) | LogicalDim::Interleaved(rows))) => (first, rows),
            Some(&first @ LogicalDim::Fixed(images)) => (first, images),
            None => return Err(Error::shape("takes images, and not a number")),
        };
        let several = (several != 1).then_some(several);
        let front = usize::from(several.is_some());
        if !(3..=2 + MOST_DIMS - front).contains(&rank) {
            return Err(Error::unsupported(format!("takes a value of rank {rank}, which is not supported"))
                .cause("windows slide over one to three dimensions, the images of a sample being one of them"));
        }
        let sizes = (1..rank).map(|axis| sample.size(axis)).collect::<Result<Vec<_>>>()?;
        let (channels, positions) = (sizes[0], sizes[1..].to_vec());
        let whole = [several.as_slice(), &sizes].concat();
        let held = sample.held.reshaped(call, &whole)?;
        let order = (0..=front).chain(front + 2..=whole.len()).chain([front + 1]).collect();
        let held = held.permuted(call, order)?;
        Ok(Images { held, first, several, positions, channels })
    }

    /// The windows, with one for each image where there are several.
    pub(super) fn windows(&self, windows: &[Window]) -> Vec<Window> {
        let of_images = |count| Window { size: 1, stride: 1, dilation: 1, stretch: 1, before: 0, count };
        self.several.map(of_images).into_iter().chain(windows.iter().copied()).collect()
    }

    /// The taps of windows, with one for the images where there are several.
    pub(super) fn taps(&self, taps: &[usize]) -> Vec<usize> {
        self.several.map(|_| 1).into_iter().chain(taps.iter().copied()).collect()
    }

    /// Zeros around the positions.
    pub(super) fn padded(&self, call: &mut Call<'_, '_, '_>, around: &[[usize; 2]]) -> Result<Held> {
        if around.iter().all(|&around| around == [0, 0]) {
            return Ok(self.held.clone());
        }
        let front = self.several.map(|_| [0, 0]);
        let around = front.into_iter().chain(around.iter().copied()).chain([[0, 0]]).collect();
        self.held.step(call, Pad { around }, &[])
    }

    /// A result in the order of dimensions of the file.
    pub(super) fn back(&self, call: &mut Call<'_, '_, '_>, held: &Held) -> Result<Value> {
        let front = usize::from(self.several.is_some());
        let mut sizes = held.shape(call);
        let rank = sizes.len();
        let order = (0..=front).chain([rank]).chain(front + 1..rank).collect();
        let held = held.permuted(call, order)?;
        sizes.drain(..front);
        let channels = sizes.pop().unwrap_or(0);
        let whole = [&[channels], sizes.as_slice()].concat();
        let dims: Vec<LogicalDim> =
            std::iter::once(self.first).chain(whole.iter().map(|&size| LogicalDim::Fixed(size))).collect();
        let front = match self.first {
            LogicalDim::Batch(1) | LogicalDim::Interleaved(1) => Vec::new(),
            LogicalDim::Batch(images) | LogicalDim::Interleaved(images) | LogicalDim::Fixed(images) => vec![images],
        };
        let held = held.reshaped(call, &[front, whole].concat())?;
        Sample { held, dims }.value()
    }
}

/// The attributes of windows over `dims` dimensions.
pub(super) struct Attributes {
    pub(super) taps: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    /// Before and after each dimension.
    pub(super) pads: Vec<[usize; 2]>,
    pub(super) auto_pad: AutoPad,
}

/// What `auto_pad` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AutoPad {
    /// As `pads` say.
    Explicit,
    /// As many windows as strides, an odd position after the input.
    SameUpper,
    /// The same with an odd position before the input.
    SameLower,
    Valid,
}

impl Attributes {
    /// `taps` are those of a kernel, if there is one.
    pub(super) fn of(call: &Call<'_, '_, '_>, taps: Option<&[usize]>, dims: usize) -> Result<Attributes> {
        let given = numbers(call, "kernel_shape", dims, 1)?;
        let taps = match (taps, given) {
            (Some(taps), Some(given)) if taps != given.as_slice() => {
                return Err(Error::shape(format!("`kernel_shape` is {given:?} for a kernel of {taps:?}")));
            }
            (Some(taps), _) => taps.to_vec(),
            (None, Some(given)) => given,
            (None, None) => return Err(Error::format("has no `kernel_shape`")),
        };
        let auto_pad = match call.string("auto_pad")?.unwrap_or("NOTSET") {
            "" | "NOTSET" => AutoPad::Explicit,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            "VALID" => AutoPad::Valid,
            other => return Err(Error::format(format!("`auto_pad` is {other:?}"))),
        };
        let pads = numbers(call, "pads", 2 * dims, 0)?.filter(|_| auto_pad == AutoPad::Explicit);
        let pads = pads.unwrap_or_else(|| vec![0; 2 * dims]);
        let ones = || vec![1; dims];
        Ok(Attributes {
            taps,
            strides: numbers(call, "strides", dims, 1)?.unwrap_or_else(ones),
            dilations: numbers(call, "dilations", dims, 1)?.unwrap_or_else(ones),
            pads: (0..dims).map(|dim| [pads[dim], pads[dim + dims]]).collect(),
            auto_pad,
        })
    }

    /// The positions from the first tap to the last.
    pub(super) fn span(&self, dim: usize) -> Option<usize> {
        self.taps[dim].checked_sub(1)?.checked_mul(self.dilations[dim])?.checked_add(1)
    }

    /// The window along a dimension with `input` positions. With `ceil_mode` the last may end behind the padding.
    fn window(&self, dim: usize, input: usize, ceil_mode: bool) -> Option<(Window, [usize; 2])> {
        let (stride, span) = (self.strides[dim], self.span(dim)?);
        let same = || {
            let count = input.div_ceil(stride);
            let total = count.saturating_sub(1).checked_mul(stride)?.checked_add(span)?.saturating_sub(input);
            Some((count, total))
        };
        let (around, count) = match self.auto_pad {
            AutoPad::SameUpper => same().map(|(count, total)| ([total / 2, total - total / 2], Some(count)))?,
            AutoPad::SameLower => same().map(|(count, total)| ([total - total / 2, total / 2], Some(count)))?,
            AutoPad::Explicit | AutoPad::Valid => (self.pads[dim], None),
        };
        let padded = input.checked_add(around[0])?.checked_add(around[1])?;
        let count = match count {
            Some(count) => count,
            None => {
                let rest = padded.checked_sub(span)?;
                let count = if ceil_mode { rest.div_ceil(stride) } else { rest / stride } + 1;
                // A window that starts behind the input is none.
                count - usize::from(ceil_mode && (count - 1).checked_mul(stride)? >= input + around[0])
            }
        };
        let before = isize::try_from(around[0]).ok()?;
        let window = Window { size: self.taps[dim], stride, dilation: self.dilations[dim], stretch: 1, before, count };
        Some((window, around))
    }

    /// The windows and the padding of all dimensions.
    pub(super) fn windows(&self, positions: &[usize], ceil_mode: bool) -> Result<(Vec<Window>, Vec<[usize; 2]>)> {
        let each = positions.iter().enumerate().map(|(dim, &input)| self.window(dim, input, ceil_mode));
        let windows = each.collect::<Option<Vec<_>>>().ok_or_else(|| self.misfit(positions))?;
        Ok(windows.into_iter().unzip())
    }

    pub(super) fn misfit(&self, positions: &[usize]) -> Error {
        Error::shape(format!("a window of {:?} does not fit into {positions:?} with its padding", self.taps))
    }
}

/// An attribute of `count` numbers from `least` on.
pub(super) fn numbers(call: &Call<'_, '_, '_>, name: &str, count: usize, least: usize) -> Result<Option<Vec<usize>>> {
    let Some(given) = call.ints(name)? else { return Ok(None) };
    let number = |&number: &i64| usize::try_from(number).ok().filter(|&number| number >= least);
    match given.iter().map(number).collect::<Option<Vec<_>>>().filter(|numbers| numbers.len() == count) {
        Some(numbers) => Ok(Some(numbers)),
        None if given.iter().any(|&number| number < 0) => {
            Err(Error::unsupported(format!("`{name}` is {given:?}, and negative numbers are not supported")))
        }
        None => Err(Error::format(format!("`{name}` should be {count} numbers from {least} on, not {given:?}"))),
    }
}
