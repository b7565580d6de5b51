//! Fully connected layer: Keras Dense, also under TimeDistributed; ONNX Gemm or MatMul, Add and an activation.
//!
//! `output[…, u] = f(bias[u] + Σₖ x[…, k] · kernel[k, u])`; `x: [N, …, K]`, `kernel: [K, U]` in Keras' layout, `bias:
//! [U]` (zeros if the layer has none), all float32. The bias may also be `[S, U]`, computed from shared inputs. `f` is
//! an elementwise activation or none.
//!
//! [`DenseKernel::choose`] chooses one of four kernels:
//!
//! | kernel | an invocation computes | for |
//! |---|---|---|
//! | `Elements` | one element, or 4 units of a row | few rows or units: no reuse |
//! | `Blocks` | 4 rows × 4 units, directly from storage | everything else on software GPUs, and products too small to fill a GPU |
//! | `Tiles` | 8 rows × 8 units of a 64 × 64 tile in workgroup memory | large products on hardware |
//! | `Split` | 1/16 of the depth of 4 units of a row | fewer than 4 rows and a depth of at least 64 on hardware |
//!
//! On software GPUs loads and barriers are expensive compared with arithmetic. A block has 32 products per 8 loads of
//! four words, and no barrier. `Blocks` has one form for a depth and units in multiples of 4, which loads four words at
//! once, and one for all others, which loads single words.
//!
//! With few rows, hardware has more lanes than the output has elements, and the time is the latency of a serial loop
//! over the depth. `Split` has 4 times as many invocations as `Elements`, each with 1/16 of the steps. The partial sums
//! are added in workgroup memory. It reads the kernel once per row, as `Elements` does. Not measured on hardware. CPU
//! time of `Split` ÷ that of `Elements`, 1 and 3 rows of 240 → 256 and 1 row of 1024 → 1024, two cores of an x86-64
//! server, llvmpipe (Mesa 22.3.6) / SwiftShader (Chromium 156): 0.85 to 0.99 / 2.6 to 5.5.
//!
//! A packed kernel ([`Packing`]) is decoded exactly in the product. If units are a multiple of 4, every row of the
//! kernel starts at a word, and one load has 4 codes. `Elements` then computes 4 units per invocation, and `Blocks` 8
//! rows, which share the decoded values. Packing saves memory and bandwidth. On software GPUs, whose caches hold either
//! form, it costs little: time of a prediction with codes ÷ with words, 32 → 10 000 units and a softmax, minimum of 9
//! interleaved rounds with a spread of about 5 %, two cores of an x86-64 server, llvmpipe (Mesa 22.3.6) / SwiftShader
//! (Chromium 156): 0.84 / 1.08 for 1 row, 1.09 / 1.15 for 32 (`cargo bench --bench predict --
//! tests/data/models/youtube_dnn_10k --batch 1,32 --weight-format keep`, and `f32`). Not measured on hardware.

use super::activation::Function;
use super::operator::{
    ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, overflowing, word,
};
use super::row_form::{RowForm, RowValue};
use crate::error::{Error, Result};
use crate::kernel::{
    ACTIVATE, DeviceFacts, GRID, HALF, Kernel, PACKED, Packing, SPECIAL, Shader, invocations, params, shader,
    workgroups,
};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};
use std::fmt;

/// A matrix product over the last dimension, a bias, and an activation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Dense {
    /// Applied to the sum; `None` for linear.
    pub activation: Option<Function>,
    /// The kernel, for benchmarks and tests; `None` lets [`DenseKernel::choose`] decide.
    pub kernel: Option<DenseKernel>,
}

/// One of the kernels of [`Dense`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenseKernel {
    /// One element per invocation, or 4 consecutive ones with packed weights.
    Elements,
    /// A block of 4 × 4 per invocation.
    Blocks,
    /// A tile of 64 × 64 per workgroup.
    Tiles,
    /// 16 units of a row per workgroup, whose invocations share the depth.
    Split,
}

params! {
    /// `Params` of `shaders/dense.wgsl`.
    DenseParams { rows: u32, depth: u32, units: u32, a: f32, b: f32, c: f32, padding0: u32, padding1: u32 }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("dense", DenseParams, fragments: [GRID, HALF, PACKED, SPECIAL, ACTIVATE])];

/// Minimum number of rows and of units for which a block is faster than elements: a block reads every weight once for 4
/// rows.
const BLOCK: usize = 4;

/// The loop steps that store a block: over its rows, and over the units of each row.
const STORE_STEPS: usize = BLOCK + BLOCK * BLOCK;

/// The number of rows and of units in a tile.
const TILE: usize = 64;

/// The number of steps of k that a tile takes between barriers.
const TILE_DEPTH: usize = 16;

/// The number of units whose depth a workgroup splits.
const SPLIT_UNITS: usize = 16;

/// The number of parts of a split depth.
const SPLIT_PARTS: usize = 16;

/// Minimum depth for a split: 4 steps of k for each part.
const SPLIT_DEPTH: usize = 4 * SPLIT_PARTS;

/// Minimum number of tiles for which a GPU has enough workgroups to hide its latency.
const MIN_TILES: usize = 64;

impl DenseKernel {
    /// All kernels.
    pub const ALL: [DenseKernel; 4] =
        [DenseKernel::Elements, DenseKernel::Blocks, DenseKernel::Tiles, DenseKernel::Split];

    /// Chooses the kernel for `[rows, depth] × [depth, units]` on a device.
    ///
    /// Tiles and splits are never used on software GPUs: their barriers cost more than they save.
    pub fn choose(rows: usize, depth: usize, units: usize, facts: &DeviceFacts) -> DenseKernel {
        let fills_tiles = rows.div_ceil(TILE) * units.div_ceil(TILE) >= MIN_TILES && depth >= TILE_DEPTH;
        if rows < BLOCK && depth >= SPLIT_DEPTH && !facts.software {
            DenseKernel::Split
        } else if rows < BLOCK || units < BLOCK {
            DenseKernel::Elements
        } else if fills_tiles && !facts.software {
            DenseKernel::Tiles
        } else {
            DenseKernel::Blocks
        }
    }

    /// The form of this kernel for a given shape and packing.
    fn form(self, depth: usize, units: usize, packing: Packing) -> Form {
        let packed = packing != Packing::Words;
        let quads = units.is_multiple_of(BLOCK);
        // With a depth of 0 the bindings may be shorter than four words.
        let whole = depth > 0 && depth.is_multiple_of(BLOCK) && quads;
        let (entry_point, rows, units) = match self {
            // With unpacked weights, computing 4 units per invocation saves less in loads than it costs in parallelism.
            DenseKernel::Elements if packed && quads => ("quads", 1, BLOCK),
            DenseKernel::Elements => ("elements", 1, 1),
            DenseKernel::Blocks if packed && whole => ("packed_blocks", 2 * BLOCK, BLOCK),
            DenseKernel::Blocks if whole => ("blocks", BLOCK, BLOCK),
            DenseKernel::Blocks => ("ragged_blocks", BLOCK, BLOCK),
            DenseKernel::Tiles => ("tiles", TILE, TILE),
            DenseKernel::Split => ("split", 1, SPLIT_UNITS),
        };
        Form { kernel: self, entry_point, rows, units }
    }
}

/// An entry point of the shader, and its tile size.
#[derive(Debug, Clone, Copy)]
struct Form {
    kernel: DenseKernel,
    entry_point: &'static str,
    /// The number of rows and units of the output per invocation, or per workgroup if its invocations cooperate.
    rows: usize,
    units: usize,
}

impl Form {
    /// The number of loop steps in one invocation, over all its loops.
    fn loop_steps(&self, depth: usize) -> usize {
        let steps = depth / BLOCK + depth % BLOCK;
        match self.kernel {
            DenseKernel::Elements if self.units == 1 => steps,
            DenseKernel::Elements => steps + self.units,
            DenseKernel::Blocks => steps + self.rows / BLOCK * STORE_STEPS,
            // Each step over k contains 4 steps of loading and 16 of summing.
            DenseKernel::Tiles => depth.div_ceil(TILE_DEPTH) * (1 + 4 + TILE_DEPTH) + 4 * STORE_STEPS,
            // The last steps add what the invocations have summed.
            DenseKernel::Split => depth.div_ceil(SPLIT_DEPTH) + SPLIT_PARTS.ilog2() as usize,
        }
    }

    fn grid(&self, rows: usize, units: usize) -> [u32; 3] {
        let pieces = rows.div_ceil(self.rows) * units.div_ceil(self.units);
        match self.kernel {
            DenseKernel::Tiles | DenseKernel::Split => workgroups(pieces),
            DenseKernel::Elements | DenseKernel::Blocks => invocations(pieces),
        }
    }
}

/// The name used in tests and benchmarks.
impl fmt::Display for DenseKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DenseKernel::Elements => "elements",
            DenseKernel::Blocks => "blocks",
            DenseKernel::Tiles => "tiles",
            DenseKernel::Split => "split",
        })
    }
}

impl Dense {
    /// The layer with an activation, and the kernel chosen by [`DenseKernel::choose`].
    pub fn with(activation: Option<Function>) -> Self {
        Dense { activation, kernel: None }
    }

    /// The sums before the activation, in f64.
    pub(super) fn sums(inputs: &[&Tensor]) -> Result<Vec<f64>> {
        let (x, kernel, bias) = (inputs[0].as_f32()?, inputs[1].as_f32()?, inputs[2].as_f32()?);
        let (depth, units) = (inputs[1].shape()[0], inputs[1].shape()[1]);
        let leading = inputs[0].shape().len() - 1;
        let rows: usize = inputs[0].shape()[..leading].iter().product();
        let mut sums = Vec::with_capacity(rows * units);
        for row in 0..rows {
            for unit in 0..units {
                let mut sum = f64::from(bias[unit]);
                for k in 0..depth {
                    sum += f64::from(x[row * depth + k]) * f64::from(kernel[k * units + unit]);
                }
                sums.push(sum);
            }
        }
        Ok(sums)
    }

    fn output_shape(inputs: &[&Tensor]) -> Vec<usize> {
        let leading = inputs[0].shape().len() - 1;
        [&inputs[0].shape()[..leading], &inputs[1].shape()[1..]].concat()
    }
}

impl Operator for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, kernel, bias] = expect_inputs(inputs)?;
        for input in [x, kernel, bias] {
            expect_dtype(input, &[DType::F32])?;
        }
        Function::expect_of_layers(self.activation)?;
        let (&[depth, units], &([bias_units] | [Dim::Shared, bias_units])) = (kernel.shape.dims(), bias.shape.dims())
        else {
            return Err(Error::shape(format!("kernel {kernel} and bias {bias} are not a matrix and a vector")));
        };
        let Some((&last, leading)) = x.shape.dims().split_last() else {
            return Err(Error::shape("a scalar has no last dimension"));
        };
        let batched = x.shape.is_batched() || !bias.shape.is_batched();
        if last != depth || bias_units != units || !matches!(last, Dim::Fixed(_)) || !batched {
            return Err(Error::shape(format!("input {x}, kernel {kernel} and bias {bias} do not fit")));
        }
        Ok(vec![TensorType::f32(Shape::new([leading, &[units]].concat())?)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let finish = |sum: f64| self.activation.map_or(sum, |function| function.at(overflowing(sum))) as f32;
        Ok(vec![Tensor::f32(&Dense::output_shape(inputs), Dense::sums(inputs)?.into_iter().map(finish).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let (depth, units) = (request.inputs[1].shape[0], request.inputs[1].shape[1]);
        let leading = request.output().shape.len() - 1;
        let rows: usize = request.output().shape[..leading].iter().product();
        let kernel = self.kernel.unwrap_or_else(|| DenseKernel::choose(rows, depth, units, request.device));
        let packing = request.regions[1].packing;
        let form = kernel.form(depth, units, packing);
        expect_loops(request, form.loop_steps(depth))?;
        for count in [request.inputs[0].len(), request.inputs[1].len(), request.output().len()] {
            word(count)?;
        }
        let (function, [a, b, c]) = Function::encode(self.activation);
        let (rows_word, depth_word, units_word) = (word(rows)?, word(depth)?, word(units)?);
        let params =
            DenseParams { rows: rows_word, depth: depth_word, units: units_word, a, b, c, padding0: 0, padding1: 0 };
        let kernel = Kernel::new("dense", &params, 3, form.grid(rows, units))
            .entry_point(form.entry_point)
            .constant("function", f64::from(function))
            .constant("packing", f64::from(packing.number()));
        Ok(vec![kernel])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (x, &[depth, units]) = (form.row(0)?, form.constant(1)?) else { return None };
        let rows: usize = x[..x.len().checked_sub(1)?].iter().product();
        let bias = form.constant(2).map(|_| (2, 0));
        let relu = bias.is_some() && self.activation == Some(Function::RELU);
        form.dense([rows, depth, units], RowValue::Input(0), (1, 0), bias, relu);
        if bias.is_none() {
            form.add_to_output(2)?;
        }
        match self.activation.filter(|_| !relu) {
            Some(function) => form.apply(function, RowValue::Output, rows * units),
            None => Some(()),
        }
    }

    fn takes_packed(&self, position: usize) -> bool {
        position == 1
    }

    /// The tolerance of the sum. [`Operator::allowance`] includes that of the activation.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[1].shape()[0] }
    }

    /// The magnitude of the sum.
    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let absolute = |tensor: &&Tensor| super::operator::absolute(tensor);
        let absolute: Vec<Tensor> = inputs.iter().map(absolute).collect::<Result<_>>()?;
        Dense::default().eval(&absolute.iter().collect::<Vec<_>>())
    }

    /// The allowance of the sum, carried through the activation.
    fn allowance(&self, inputs: &[&Tensor], expected: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let sums = Dense::sums(inputs)?;
        let allowed = self.tolerance(inputs).allowance(&sums, &self.magnitude(inputs)?[0].to_f64());
        Ok(vec![match self.activation {
            Some(function) => function.carry(&sums, &allowed, &expected[0]),
            None => allowed,
        }])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        let activation = usize::from(self.activation.is_some());
        outputs[0].len().saturating_mul(2 * inputs[1].shape[0] + activation) as u64
    }
}
