//! Sliding windows over the positions of a sample, for Convolution and Pool; not an operator itself.
//!
//! Samples are `[positions…, channels]` with one to three spatial dimensions. Along each, tap `k` of output position
//! `o` reads input position `(o · stride + k · dilation − before) / stretch`. A tap reads nothing if that is not an
//! integer or lies outside of the input. `stretch` is the dilation of the input: a transposed convolution is a
//! convolution over an input whose positions are `stretch` apart.

use super::operator::word;
use crate::error::{Error, Result};
use crate::kernel::{Fragment, Kernel};
use crate::tensor::{Dim, TensorType};
use std::fmt;

/// The largest position; kernels also count down from it.
const MOST: usize = i32::MAX as usize;

/// Maximum number of spatial dimensions.
pub(super) const MAX_DIMS: usize = 3;

/// `shaders/lib/window.wgsl`.
pub(super) const WINDOW: Fragment = Fragment { name: "window", source: include_str!("../../shaders/lib/window.wgsl") };

/// A window along one dimension.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The number of taps (kernel size).
    pub size: usize,
    /// The stride: the distance of consecutive windows.
    pub stride: usize,
    /// The dilation: the distance of consecutive taps.
    pub dilation: usize,
    /// The dilation of the input; 1 for none.
    pub stretch: usize,
    /// Padding before the input; negative for cropping.
    pub before: isize,
    /// The number of windows.
    pub count: usize,
}

/// Omits default values, to keep graphs readable.
impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Window");
        fields.field("size", &self.size);
        for (name, distance) in [("stride", self.stride), ("dilation", self.dilation), ("stretch", self.stretch)] {
            if distance != 1 {
                fields.field(name, &distance);
            }
        }
        if self.before != 0 {
            fields.field("before", &self.before);
        }
        fields.field("count", &self.count).finish()
    }
}

/// The padding of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Padding {
    /// None: every window lies in the input.
    Valid,
    /// Padding such that there is one window per stride: half of it before the input, an odd position after it.
    Same,
    /// Like `Same`, but half of the positions that strides skip are skipped at the front, as in TF.js in three
    /// dimensions.
    SameCentred,
    /// Causal: padding before the input only, so that a window reads no later positions.
    Causal,
}

impl Window {
    /// Whether no tap reads beyond this many positions.
    pub(super) fn lies_within(&self, positions: usize) -> bool {
        let last = self.count.saturating_sub(1) * self.stride + self.size.saturating_sub(1) * self.dilation;
        self.before <= 0 && last + self.before.unsigned_abs() < positions
    }

    /// The windows over `input` positions; `None` if no window fits or a number overflows.
    pub fn over(input: usize, size: usize, stride: usize, dilation: usize, padding: Padding) -> Option<Window> {
        let span = span(size, dilation)?;
        if stride == 0 {
            return None;
        }
        let within = |length: usize| length.checked_sub(span).map(|rest| rest / stride + 1);
        let padding_is_clamped = padding == Padding::Same;
        let (before, count) = match padding {
            Padding::Valid => (0, within(input)?),
            Padding::Causal => (isize::try_from(span - 1).ok()?, within(input.checked_add(span - 1)?)?),
            Padding::Same | Padding::SameCentred => {
                let count = input.div_ceil(stride);
                let needed = count.saturating_sub(1).checked_mul(stride)?.checked_add(span)?;
                let padding = isize::try_from(needed).ok()?.checked_sub_unsigned(input)?;
                (if padding_is_clamped { padding.max(0) } else { padding }.div_euclid(2), count)
            }
        };
        Some(Window { size, stride, dilation, stretch: 1, before, count })
    }

    /// The windows of a transposed convolution: the inverse of the windows of a convolution from `output` to `input`
    /// positions, with reversed taps. `None` if there is no such convolution.
    pub fn transposed(
        input: usize,
        output: usize,
        size: usize,
        stride: usize,
        dilation: usize,
        padding: Padding,
    ) -> Option<Window> {
        let forwards = Window::over(output, size, stride, dilation, padding)?;
        let before = isize::try_from(span(size, dilation)? - 1).ok()?.checked_sub(forwards.before)?;
        (forwards.count == input).then_some(Window { stride: 1, stretch: stride, before, count: output, ..forwards })
    }

    /// The position that a tap of a window reads in a dimension with `input` positions; `None` if it reads nothing.
    #[inline(always)]
    pub(crate) fn position(&self, window: usize, tap: usize, input: usize) -> Option<usize> {
        let at = (window * self.stride + tap * self.dilation).checked_add_signed(-self.before)?;
        // The common case, without a division.
        if self.stretch == 1 {
            return (at < input).then_some(at);
        }
        (at.is_multiple_of(self.stretch) && at / self.stretch < input).then_some(at / self.stretch)
    }

    /// Whether the window is a single tap at every position.
    fn is_plain(&self, input: usize) -> bool {
        self.size == 1 && self.stride == 1 && self.stretch == 1 && self.before == 0 && self.count == input
    }

    /// Whether all intermediate numbers fit a 32-bit word.
    pub(crate) fn is_countable(&self) -> bool {
        let last = |count: usize, distance: usize| count.saturating_sub(1).checked_mul(distance);
        let farthest = || last(self.count, self.stride)?.checked_add(last(self.size, self.dilation)?);
        let farthest = farthest().filter(|&farthest| farthest.saturating_add(self.before.unsigned_abs()) <= MOST);
        self.size > 0 && self.stride > 0 && self.dilation > 0 && self.stretch > 0 && farthest.is_some()
    }
}

/// The number of positions from the first tap to the last.
fn span(size: usize, dilation: usize) -> Option<usize> {
    size.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)
}

/// Whether all windows are a single tap at every position.
pub fn are_plain(windows: &[Window], positions: &[usize]) -> bool {
    windows.iter().zip(positions).all(|(window, &input)| window.is_plain(input))
}

/// The dimensions of `x: [N, positions…, channels]` after the batch. Returns an error if their number does not match
/// the windows.
pub(super) fn expect_positions(windows: &[Window], x: &TensorType) -> Result<Vec<usize>> {
    if !(1..=MAX_DIMS).contains(&windows.len()) || x.shape.rank() != windows.len() + 2 || !x.shape.is_batched() {
        return Err(Error::shape(format!("{} windows do not go over {x}", windows.len())));
    }
    for (window, dim) in windows.iter().zip(&x.shape.dims()[1..]) {
        let stretched = if let Dim::Fixed(size) = dim { size.checked_mul(window.stretch) } else { None };
        if !window.is_countable() || stretched.is_none_or(|size| size > MOST) {
            return Err(Error::shape(format!("{window:?} does not go over {x}")));
        }
    }
    Ok(x.shape.sample())
}

/// A single tap at every position.
const PLAIN: Window = Window { size: 1, stride: 1, dilation: 1, stretch: 1, before: 0, count: 1 };

/// Iterates over the windows of a sample.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    windows: [Window; MAX_DIMS],
    positions: [usize; MAX_DIMS],
}

impl Walk {
    pub(crate) fn new(windows: &[Window], positions: &[usize]) -> Walk {
        let mut walk = Walk { windows: [PLAIN; MAX_DIMS], positions: [1; MAX_DIMS] };
        let first = MAX_DIMS - windows.len();
        walk.windows[first..].copy_from_slice(windows);
        walk.positions[first..].copy_from_slice(positions);
        walk
    }

    /// The number of windows.
    pub(crate) fn count(&self) -> usize {
        self.windows.iter().map(|window| window.count).product()
    }

    /// Calls `visit` with every tap of the window at output position `at` that lies in the input, and its input
    /// position; both are row-major indices.
    #[inline(always)]
    pub(crate) fn for_each_tap(&self, at: usize, mut visit: impl FnMut(usize, usize)) {
        let ([a, b, c], [_, inner, innermost]) = (&self.windows, self.positions);
        let starts = [at / c.count / b.count, at / c.count % b.count, at % c.count];
        for i in 0..a.size {
            let Some(x) = a.position(starts[0], i, self.positions[0]) else { continue };
            for j in 0..b.size {
                let Some(y) = b.position(starts[1], j, inner) else { continue };
                for k in 0..c.size {
                    let Some(z) = c.position(starts[2], k, innermost) else { continue };
                    visit((i * b.size + j) * c.size + k, (x * inner + y) * innermost + z);
                }
            }
        }
    }
}

/// `Window` of `shaders/lib/window.wgsl`: seven vectors of four words. The spatial dimensions are right-aligned in the
/// first three words. The last word of `input` and `output` is the number of channels.
pub(super) type WindowParams = [[u32; 4]; 7];

/// Sets the constant that removes an unneeded division in `shaders/lib/window.wgsl`.
pub(super) fn stretched(kernel: Kernel, windows: &[Window]) -> Kernel {
    let stretches = windows.iter().any(|window| window.stretch != 1);
    kernel.constant("stretches", f64::from(u8::from(stretches)))
}

/// The parameters for windows over an input of this sample.
pub(super) fn params(windows: &[Window], input: &[usize], output_channels: usize) -> Result<WindowParams> {
    let mut params = [[0; 4]; 7];
    for place in 0..MAX_DIMS {
        let dim = (place + windows.len()).checked_sub(MAX_DIMS);
        let (window, size) = dim.map_or((&PLAIN, 1), |dim| (&windows[dim], input[dim]));
        let Window { size: taps, stride, dilation, stretch, before, count } = *window;
        for (vector, number) in params.iter_mut().zip([size, count, taps, stride, dilation, stretch]) {
            vector[place] = word(number)?;
        }
        // Fits a signed word, because the windows are countable.
        params[6][place] = before as i32 as u32;
    }
    params[0][3] = word(input[windows.len()])?;
    params[1][3] = word(output_channels)?;
    Ok(params)
}
