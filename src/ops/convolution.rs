//! Convolution over one to three spatial dimensions, with bias and activation: Keras Conv1D to Conv3D, grouped,
//! depthwise and transposed.
//!
//! `output[n, o, u] = f(bias[u] + Σₖ Σ_c x[n, p(o, k), g · C/G + c] · kernel[k, c, u])`; `x: [N, positions…, C]`,
//! `kernel: [taps…, C/G, U]` in Keras' layout, `bias: [U]`, all float32. `p` is a [`Window`] in each dimension; a tap
//! outside the input adds 0. `g = u / (U/G)` is the group of an output channel (unit). `f` is an elementwise activation
//! or none.
//!
//! A depthwise convolution has `G = C` groups. Keras' kernel `[taps…, C, M]` is `[taps…, 1, C · M]` for it, with the
//! same bytes. A transposed convolution is a convolution over dilated positions with the taps reversed.
//!
//! | entry point | an invocation computes | for |
//! |---|---|---|
//! | `blocks` | 4 units of one group at 4 positions | channels in multiples of 4 |
//! | `ragged_blocks` | the same | other channel counts |
//! | `quads` | 4 units of one group at 1 position | fewer positions |
//! | `depthwise` | 4 channels, each with its own unit | depthwise convolutions |
//! | `elements` | 1 unit | unit counts that are not multiples of 4 |
//!
//! An input is read once for 4 units, a weight once for 4 positions. Front ends turn a 1 × 1 convolution into a
//! [`Dense`](super::Dense).

use super::activation::Function;
use super::operator::{
    ConcreteType, KernelRequest, Operator, absolute, expect_dtype, expect_inputs, expect_loops, overflowing, word,
};
use super::row_form::{RowForm, RowValue};
use super::window::{self, WINDOW, Walk, Window, WindowParams};
use crate::error::{Error, Result};
use crate::kernel::{ACTIVATE, GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// A convolution, a bias and an activation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// The window of each spatial dimension.
    pub windows: Vec<Window>,
    /// Applied to the sum; `None` for linear.
    pub activation: Option<Function>,
}

params! {
    /// `Params` of `shaders/convolution.wgsl`.
    ConvolutionParams {
        window: WindowParams,
        invocations: u32,
        depth: u32,
        group_units: u32,
        positions: u32,
        a: f32,
        b: f32,
        c: f32,
        padding1: u32,
    }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("convolution", ConvolutionParams, fragments: [GRID, SPECIAL, ACTIVATE, WINDOW])];

/// Units per invocation, if there are enough.
const QUAD: usize = 4;

/// The extents of a kernel `[taps…, depth, units]`.
#[derive(Debug, Clone, Copy)]
struct Extents {
    taps: usize,
    depth: usize,
    units: usize,
    channels: usize,
    group_units: usize,
}

impl Extents {
    fn new(x: &[usize], kernel: &[usize]) -> Extents {
        let rank = kernel.len();
        let (depth, units, channels) = (kernel[rank - 2], kernel[rank - 1], x[x.len() - 1]);
        let taps = kernel[..rank - 2].iter().product();
        Extents { taps, depth, units, channels, group_units: units / (channels / depth).max(1) }
    }

    /// The first channel that a unit reads.
    fn first_channel(&self, unit: usize) -> usize {
        unit / self.group_units * self.depth
    }

    fn is_depthwise(&self) -> bool {
        self.depth == 1 && self.group_units == 1
    }
}

impl Convolution {
    /// The sums before the activation, in f64.
    fn sums(&self, inputs: &[&Tensor]) -> Result<Vec<f64>> {
        let (x, kernel, bias) = (inputs[0].as_f32()?, inputs[1].as_f32()?, inputs[2].as_f32()?);
        let extents @ Extents { depth, units, channels, .. } = Extents::new(inputs[0].shape(), inputs[1].shape());
        let positions = &inputs[0].shape()[1..=self.windows.len()];
        let (walk, sample) = (Walk::new(&self.windows, positions), positions.iter().product::<usize>() * channels);
        let mut sums = Vec::new();
        for row in 0..inputs[0].shape()[0] {
            let x = &x[row * sample..][..sample];
            for at in 0..walk.count() {
                let first = sums.len();
                sums.extend(bias.iter().map(|&bias| f64::from(bias)));
                walk.for_each_tap(at, |tap, from| {
                    for unit in 0..units {
                        let x = &x[from * channels + extents.first_channel(unit)..][..depth];
                        let product = |c: usize| f64::from(x[c]) * f64::from(kernel[(tap * depth + c) * units + unit]);
                        sums[first + unit] += (0..depth).map(product).sum::<f64>();
                    }
                });
            }
        }
        Ok(sums)
    }

    fn output_sample(&self, units: usize) -> Vec<usize> {
        self.windows.iter().map(|window| window.count).chain([units]).collect()
    }
}

impl Operator for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, kernel, bias] = expect_inputs(inputs)?;
        for input in [x, kernel, bias] {
            expect_dtype(input, &[DType::F32])?;
        }
        Function::expect_of_layers(self.activation)?;
        let sample = window::expect_positions(&self.windows, x)?;
        let (kernel_dims, channels) = (kernel.shape.sample(), sample[sample.len() - 1]);
        let sizes = self.windows.iter().map(|window| window.size);
        let misfit = || Error::shape(format!("input {x}, kernel {kernel} and bias {bias} do not fit"));
        let Some((&[depth, units], taps)) = kernel_dims.split_last_chunk::<2>().map(|(taps, last)| (last, taps)) else {
            return Err(misfit());
        };
        let groups = if depth > 0 && channels.is_multiple_of(depth) { channels / depth } else { 0 };
        let grouped = groups > 0 && units.is_multiple_of(groups);
        let fixed = !kernel.shape.is_batched() && !bias.shape.is_batched();
        if !grouped || !fixed || !sizes.eq(taps.iter().copied()) || bias.shape.sample() != [units] {
            return Err(misfit());
        }
        Ok(vec![TensorType::f32(x.shape.with_sample(&self.output_sample(units)))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let finish = |sum: f64| self.activation.map_or(sum, |function| function.at(overflowing(sum))) as f32;
        let units = inputs[2].len();
        let shape = [vec![inputs[0].shape()[0]], self.output_sample(units)].concat();
        Ok(vec![Tensor::f32(&shape, self.sums(inputs)?.into_iter().map(finish).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let extents = Extents::new(&request.inputs[0].shape, &request.inputs[1].shape);
        let Extents { taps, depth, units, group_units, .. } = extents;
        for count in [request.inputs[0].len(), request.inputs[1].len(), request.output().len()] {
            word(count)?;
        }
        let positions = request.output().shape[..=self.windows.len()].iter().product::<usize>();
        // The numbers of positions and of units that an invocation computes.
        let (entry_point, rows, each) = if group_units.is_multiple_of(QUAD) {
            match (positions < QUAD, depth.is_multiple_of(QUAD)) {
                (true, _) => ("quads", 1, QUAD),
                (false, true) => ("blocks", QUAD, QUAD),
                (false, false) => ("ragged_blocks", QUAD, QUAD),
            }
        } else if extents.is_depthwise() && units.is_multiple_of(QUAD) {
            ("depthwise", 1, QUAD)
        } else {
            ("elements", 1, 1)
        };
        let stores = if each == QUAD { rows * (1 + QUAD) } else { 0 };
        expect_loops(request, taps.saturating_mul(1 + rows * (1 + depth)) + stores)?;
        let (function, [a, b, c]) = Function::encode(self.activation);
        let count = positions.div_ceil(rows) * (units / each);
        let params = ConvolutionParams {
            window: window::params(&self.windows, &request.inputs[0].shape[1..], units)?,
            invocations: word(count)?,
            depth: word(depth)?,
            group_units: word(group_units)?,
            positions: word(positions)?,
            a,
            b,
            c,
            padding1: 0,
        };
        let kernel = window::stretched(Kernel::new("convolution", &params, 3, invocations(count)), &self.windows);
        Ok(vec![kernel.entry_point(entry_point).constant("function", f64::from(function))])
    }

    /// The tolerance of the sum. [`Operator::allowance`] includes that of the activation.
    /// Over the positions of one dimension: dense layers whose rows overlap. Windows that read the same taps are rows of
    /// one layer, and padding is not multiplied.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (&[positions, channels], &[taps, depth, units]) = (form.row(0)?, form.constant(1)?) else { return None };
        let &[window] = self.windows.as_slice() else { return None };
        form.constant(2)?;
        if depth != channels || window.dilation != 1 || window.stretch != 1 {
            return None;
        }
        let read = |at: usize| {
            let first = (at * window.stride) as isize - window.before;
            let inside = |end: isize| (end - first).clamp(0, taps as isize) as usize;
            inside(0)..inside(positions as isize)
        };
        let all: Vec<usize> = (0..window.count).collect();
        let relu = self.activation == Some(Function::RELU);
        for windows in all.chunk_by(|left, right| read(*left) == read(*right)) {
            let taps = read(windows[0]);
            let kernel = (1, taps.start * depth * units);
            let sizes = [windows.len(), taps.len() * depth, units];
            form.dense(sizes, RowValue::Input(0), kernel, Some((2, 0)), relu);
            let first = (windows[0] * window.stride + taps.start).checked_add_signed(-window.before)?;
            form.overlap(first * channels, window.stride * channels);
            form.write_from(windows[0] * units);
        }
        match self.activation.filter(|_| !relu) {
            Some(function) => form.apply(function, RowValue::Output, window.count * units),
            None => Some(()),
        }
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        let Extents { taps, depth, .. } = Extents::new(inputs[0].shape(), inputs[1].shape());
        Tolerance::Sum { terms: taps * depth }
    }

    /// The magnitude of the sum.
    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let absolute: Vec<Tensor> = inputs.iter().map(|tensor| absolute(tensor)).collect::<Result<_>>()?;
        let linear = Convolution { windows: self.windows.clone(), activation: None };
        linear.eval(&absolute.iter().collect::<Vec<_>>())
    }

    /// The allowance of the sum, carried through the activation.
    fn allowance(&self, inputs: &[&Tensor], expected: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let sums = self.sums(inputs)?;
        let allowed = self.tolerance(inputs).allowance(&sums, &self.magnitude(inputs)?[0].to_f64());
        Ok(vec![match self.activation {
            Some(function) => function.carry(&sums, &allowed, &expected[0]),
            None => allowed,
        }])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        let Extents { taps, depth, .. } = Extents::new(&inputs[0].shape, &inputs[1].shape);
        let activation = usize::from(self.activation.is_some());
        outputs[0].len().saturating_mul(2 * taps * depth + activation) as u64
    }
}
