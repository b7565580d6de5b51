//! Batched matrix product, contracting one dimension of each input: Keras Dot, and both products of attention.
//!
//! `output[n, i…, j…] = scale · Σₖ left[n, i…, k, …] · right[n, j…, k, …]`; all float32. The output has the dimensions
//! of `left` without its contracted axis, then those of `right` without its own. Two vectors give `[N, 1]`.
//!
//! The kernel is a loop over the sum by one of three entry points:
//!
//! | entry point | an invocation computes | for |
//! |---|---|---|
//! | `elements` | one element | one row or one column: no reuse |
//! | `blocks` | 4 rows × 4 columns, by loads of 4 words | inputs in which 4 words are always a vector |
//! | `ragged_blocks` | 4 rows × 4 columns, by loads of a word | all others |
//!
//! Rows are the longest dimension that only the left input has, columns the longest that only the right input has; the
//! other dimensions are entries. An element takes 2 loads per product, a block one half. `blocks` needs a depth in
//! multiples of 4, and in each input contiguous steps of the sum, or contiguous rows or columns in a multiple of 4.
//!
//! GFLOP per two seconds of CPU time, measured on two cores of an x86-64 server that was also doing other work, llvmpipe
//! (Mesa 22.3.6) / SwiftShader (Chromium 156), 256 samples (1024 with few rows): attention of 50 queries to 50 keys by 2
//! heads of 32, and 26 vectors of 16. A Dense of 1024 rows and 256 → 256 computes 1.1 / 1.7.
//!
//! | product | `elements` | `ragged_blocks` | `blocks` |
//! |---|---|---|---|
//! | scores | 0.25 / – | 0.97 / 1.2 | 0.96 / 1.3 |
//! | values | 0.26 / – | 0.97 / 1.3 | – |
//! | Dot of 26 vectors | – / 0.25 | – / 0.90 | – / 0.99 |
//! | 2 rows × 50, depth 32 | 0.25 / 0.25 | – | 0.53 / 0.56 |
//! | 1 row × 50, depth 32 | – | – | 0.25 / 0.25 |
//!
//! Not measured on hardware.
//!
//! With `heads`, one more dimension of each side is a batch dimension: `[N, T, H, K]` and `[N, S, H, K]` give `[N, H,
//! T, S]` without a transpose. Keras' `normalize` is a separate [`L2Normalize`](super::L2Normalize) on each side. TF.js
//! takes ranks up to 3; this operator takes any rank.

use super::operator::{
    ConcreteType, KernelRequest, Operator, absolute, equal_by_bits, expect_dtype, expect_inputs, expect_loops,
    expect_sample_axis, word,
};
use super::row_form::{RowForm, RowValue, Work};
use super::strided::{MAX_RANK, aligned, forwards};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance, row_major_strides};

/// Multiplies two batches of tensors.
#[derive(Debug, Clone)]
pub struct BatchMatmul {
    /// The contracted dimension of the left and of the right input (0 is the batch).
    pub axes: [usize; 2],
    /// The second batch dimension of both inputs, if there is one.
    pub heads: Option<Heads>,
    /// The factor by which every sum is multiplied.
    pub scale: f32,
}

equal_by_bits!(BatchMatmul { axes, heads, scale });

/// The position of a second batch dimension; the first batch dimension is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heads {
    /// In the left and in the right input.
    pub inputs: [usize; 2],
    /// In the output.
    pub output: usize,
}

params! {
    /// `Params` of `shaders/batch_matmul.wgsl`. Dimensions of the entries are right-aligned.
    BatchMatmulParams {
        size: [u32; MAX_RANK],
        left_strides: [u32; MAX_RANK],
        right_strides: [u32; MAX_RANK],
        output_strides: [u32; MAX_RANK],
        entries: u32,
        /// The number of dimensions in use.
        rank: u32,
        rows: u32,
        columns: u32,
        depth: u32,
        scale: f32,
        left_row: u32,
        left_step: u32,
        right_column: u32,
        right_step: u32,
        output_row: u32,
        output_column: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("batch_matmul", BatchMatmulParams, fragments: [GRID])];

/// The number of rows and columns of a block.
const BLOCK: usize = 4;

/// Minimum number of rows and of columns for which a block is not slower than elements: it reads 8 words for each step
/// of the sum, and so do the elements of two rows and two columns.
const MIN_LINES: usize = 2;

/// The loop steps that store a block: over its rows, and over the columns of each row.
const STORE_STEPS: usize = BLOCK + BLOCK * BLOCK;

/// A dimension of the output, including N: its size, and its stride in both inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputDim {
    pub(crate) size: usize,
    pub(crate) strides: [usize; 2],
}

/// A dimension of the output as kernels address it: its size, and its stride in both inputs and in the output.
#[derive(Debug, Clone, Copy)]
struct Axis {
    size: usize,
    strides: [usize; 2],
    of_output: usize,
}

impl Axis {
    /// A dimension of 1.
    const ONE: Axis = Axis { size: 1, strides: [0, 0], of_output: 0 };

    /// Whether the next dimension and this one can be addressed as one.
    fn continues_as(&self, inner: &Axis) -> bool {
        let side = |side: usize| self.strides[side] == inner.strides[side] * inner.size;
        side(0) && side(1) && self.of_output == inner.of_output * inner.size
    }
}

/// A product as kernels compute it: for each entry a matrix product of the rows of the left input and the columns of
/// the right one. Rows and columns are the longest dimension that only the left or only the right input has.
#[derive(Debug)]
struct Matrices {
    /// The other dimensions.
    entries: Vec<Axis>,
    row: Axis,
    column: Axis,
    depth: usize,
    /// The stride of the contracted dimension in both inputs.
    steps: [usize; 2],
}

impl Matrices {
    /// The entry point, the number of loop steps in one invocation, and the number of rows and columns for each.
    fn form(&self) -> (&'static str, usize, usize) {
        if self.row.size < MIN_LINES || self.column.size < MIN_LINES {
            ("elements", self.depth, 1)
        } else if self.in_steps(0).is_some() && self.in_steps(1).is_some() {
            ("blocks", self.depth / BLOCK + STORE_STEPS, BLOCK)
        } else {
            ("ragged_blocks", self.depth + STORE_STEPS, BLOCK)
        }
    }

    /// If four neighbours in memory are a vector of an input, whether they are steps of the contracted dimension rather
    /// than rows or columns.
    fn in_steps(&self, side: usize) -> Option<bool> {
        let line = [self.row, self.column][side];
        // With a depth of 0 the bindings may be shorter than four words.
        let whole = |size: usize| size > 0 && size.is_multiple_of(BLOCK);
        let by_lines = |stride: usize| self.entries.iter().all(|axis| axis.strides[side] % BLOCK == 0) && whole(stride);
        if !whole(self.depth) {
            None
        } else if self.steps[side] == 1 && by_lines(line.strides[side]) {
            Some(true)
        } else if line.strides[side] == 1 && whole(line.size) && by_lines(self.steps[side]) {
            Some(false)
        } else {
            None
        }
    }

    fn kernel(&self, scale: f32, request: &KernelRequest<'_>) -> Result<Kernel> {
        let (entry_point, loop_steps, piece) = self.form();
        expect_loops(request, loop_steps + MAX_RANK)?;
        let of = |value: fn(&Axis) -> usize| self.entries.iter().map(value).collect::<Vec<_>>();
        let entries: usize = self.entries.iter().map(|axis| axis.size).product();
        let params = BatchMatmulParams {
            size: aligned(&of(|axis| axis.size), 1)?,
            left_strides: aligned(&of(|axis| axis.strides[0]), 0)?,
            right_strides: aligned(&of(|axis| axis.strides[1]), 0)?,
            output_strides: aligned(&of(|axis| axis.of_output), 0)?,
            entries: word(entries)?,
            rank: word(self.entries.len())?,
            rows: word(self.row.size)?,
            columns: word(self.column.size)?,
            depth: word(self.depth)?,
            scale,
            left_row: word(self.row.strides[0])?,
            left_step: word(self.steps[0])?,
            right_column: word(self.column.strides[1])?,
            right_step: word(self.steps[1])?,
            output_row: word(self.row.of_output)?,
            output_column: word(self.column.of_output)?,
        };
        let pieces = entries * self.row.size.div_ceil(piece) * self.column.size.div_ceil(piece);
        let in_steps = |side| f64::from(u8::from(entry_point == "blocks" && self.in_steps(side) == Some(true)));
        let kernel = Kernel::new("batch_matmul", &params, 2, invocations(pieces)).entry_point(entry_point);
        Ok(kernel.constant("left_in_steps", in_steps(0)).constant("right_in_steps", in_steps(1)))
    }
}

impl BatchMatmul {
    /// The product over `axes` without heads and scale.
    pub fn new(axes: [usize; 2]) -> Self {
        BatchMatmul { axes, heads: None, scale: 1.0 }
    }

    /// Whether the product is Keras' Dot: without heads and unscaled.
    pub(crate) fn is_plain(&self) -> bool {
        self.heads.is_none() && self.scale == 1.0
    }

    /// The dimensions of the output, N first, for inputs of these dimensions. For two vectors there is only N.
    pub(crate) fn output_dims(&self, inputs: [&[usize]; 2]) -> Vec<OutputDim> {
        let mut dims = Vec::new();
        let strides = inputs.map(row_major_strides);
        for side in [0, 1] {
            for axis in 1..inputs[side].len() {
                let is_head = self.heads.is_some_and(|heads| heads.inputs[side] == axis);
                if axis != self.axes[side] && !is_head {
                    let mut dim = OutputDim { size: inputs[side][axis], strides: [0, 0] };
                    dim.strides[side] = strides[side][axis];
                    dims.push(dim);
                }
            }
        }
        let shared = |axes: [usize; 2]| OutputDim {
            size: inputs[0][axes[0]],
            strides: [strides[0][axes[0]], strides[1][axes[1]]],
        };
        dims.insert(0, shared([0, 0]));
        if let Some(heads) = self.heads {
            dims.insert(heads.output, shared(heads.inputs));
        }
        dims
    }

    /// The matrices that a kernel multiplies, for inputs of these dimensions.
    fn matrices(&self, inputs: [&[usize]; 2]) -> Matrices {
        let dims = self.output_dims(inputs);
        let of_output = row_major_strides(&dims.iter().map(|dim| dim.size).collect::<Vec<_>>());
        let mut entries: Vec<Axis> = Vec::new();
        for (dim, of_output) in dims.iter().zip(of_output) {
            let axis = Axis { size: dim.size, strides: dim.strides, of_output };
            match entries.last_mut() {
                // A dimension of 1 has only one position.
                _ if axis.size == 1 => (),
                Some(outer) if outer.continues_as(&axis) => *outer = Axis { size: outer.size * axis.size, ..axis },
                _ => entries.push(axis),
            }
        }
        let [row, column] = [0, 1].map(|side| {
            let of_side = |&at: &usize| entries[at].strides[1 - side] == 0 && entries[at].strides[side] != 0;
            let longest = (0..entries.len()).filter(of_side).max_by_key(|&at| entries[at].size);
            longest.map_or(Axis::ONE, |at| entries.remove(at))
        });
        let steps = [0, 1].map(|side| row_major_strides(inputs[side])[self.axes[side]]);
        Matrices { entries, row, column, depth: inputs[0][self.axes[0]], steps }
    }

    fn shape(&self, inputs: [&[usize]; 2]) -> Vec<usize> {
        let mut shape: Vec<usize> = self.output_dims(inputs).iter().map(|dim| dim.size).collect();
        if shape.len() == 1 {
            shape.push(1);
        }
        shape
    }

    fn expect_heads(&self, left: &TensorType, right: &TensorType) -> Result<()> {
        let Some(heads) = self.heads else { return Ok(()) };
        for (side, input) in [left, right].into_iter().enumerate() {
            expect_sample_axis(&input.shape, heads.inputs[side])?;
            if heads.inputs[side] == self.axes[side] {
                return Err(Error::shape(format!("axis {} of {input} is summed and shared", self.axes[side])));
            }
        }
        if left.shape.dims()[heads.inputs[0]] != right.shape.dims()[heads.inputs[1]] {
            let [of_left, of_right] = heads.inputs;
            return Err(Error::shape(format!("axis {of_left} of {left} and axis {of_right} of {right} differ")));
        }
        if !(1..left.shape.rank() + right.shape.rank() - 4).contains(&heads.output) {
            return Err(Error::shape(format!("the product has no dimension {}", heads.output)));
        }
        Ok(())
    }
}

impl BatchMatmul {
    /// A row of the left input times the whole sample of the right one, as in attention: one query and all keys.
    fn row_of_left(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (row, sample) = (form.row(0)?, form.whole_sample(1)?);
        if self.heads.is_some() || sample.len() < 2 {
            return None;
        }
        let shapes = [[&[1], row].concat(), [&[1], sample].concat()];
        let axes = [self.axes[0].checked_sub(form.row_rank - 1).filter(|axis| *axis > 0)?, self.axes[1]];
        let product = BatchMatmul { axes, ..self.clone() };
        let steps = [0, 1].map(|side| row_major_strides(&shapes[side])[axes[side]]);
        let depth = shapes[0][axes[0]];
        product.elements(form, [&shapes[0], &shapes[1]])?;
        form.sum_over(depth, steps);
        form.read_whole_sample();
        Some(())
    }

    /// A step for every element of the product, without its sum.
    fn elements(&self, form: &mut RowForm<'_>, shapes: [&[usize]; 2]) -> Option<()> {
        let dims = &self.output_dims(shapes)[1..];
        let size: Vec<usize> = dims.iter().map(|dim| dim.size).collect();
        let side = |side: usize| {
            (RowValue::Input(side), 0, dims.iter().map(|dim| dim.strides[side] as isize).collect::<Vec<_>>())
        };
        let output = (RowValue::Output, 0, forwards(&row_major_strides(&size)));
        form.elementwise(Work::Product { scale: self.scale, triangle: None }, &size, &[side(0), side(1), output])
    }
}

impl Operator for BatchMatmul {
    fn name(&self) -> &'static str {
        "batch_matmul"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [left, right] = expect_inputs(inputs)?;
        for (input, axis) in [(left, self.axes[0]), (right, self.axes[1])] {
            expect_dtype(input, &[DType::F32])?;
            expect_sample_axis(&input.shape, axis)?;
            if !input.shape.is_batched() {
                return Err(Error::shape(format!("{input} has no batch")));
            }
        }
        if left.shape.is_shared() != right.shape.is_shared() {
            return Err(Error::shape(format!("{left} and {right} have different batches")));
        }
        if left.shape.dims()[self.axes[0]] != right.shape.dims()[self.axes[1]] {
            return Err(Error::shape(format!(
                "axis {} of {left} and axis {} of {right} differ",
                self.axes[0], self.axes[1]
            )));
        }
        self.expect_heads(left, right)?;
        let shape = self.shape([&left.shape.resolve(1), &right.shape.resolve(1)]);
        Ok(vec![TensorType::f32(left.shape.with_sample(&shape[1..]))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (inputs[0].as_f32()?, inputs[1].as_f32()?);
        let shapes = [inputs[0].shape(), inputs[1].shape()];
        let dims = self.output_dims(shapes);
        let depth = shapes[0][self.axes[0]];
        let steps = [0, 1].map(|side| row_major_strides(shapes[side])[self.axes[side]]);
        let count = dims.iter().map(|dim| dim.size).product();
        let element = |index: usize| {
            let (mut rest, mut at) = (index, [0, 0]);
            for dim in dims.iter().rev() {
                for side in [0, 1] {
                    at[side] += rest % dim.size * dim.strides[side];
                }
                rest /= dim.size;
            }
            let product = |k: usize| f64::from(left[at[0] + k * steps[0]]) * f64::from(right[at[1] + k * steps[1]]);
            (f64::from(self.scale) * (0..depth).map(product).sum::<f64>()) as f32
        };
        Ok(vec![Tensor::f32(&self.shape(shapes), (0..count).map(element).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let shapes = [request.inputs[0].shape.as_slice(), request.inputs[1].shape.as_slice()];
        for count in [request.inputs[0].len(), request.inputs[1].len(), request.output().len()] {
            word(count)?;
        }
        Ok(vec![self.matrices(shapes).kernel(self.scale, request)?])
    }

    /// Over rows that are whole samples, or over rows of the left input, each with the whole sample of the right one.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        if form.row_rank > 1 {
            return self.row_of_left(form);
        }
        let rows = [form.row(0)?, form.row(1)?].map(|row| [&[1], row].concat());
        let shapes = [rows[0].as_slice(), rows[1].as_slice()];
        self.elements(form, shapes)?;
        form.sum_over(shapes[0][self.axes[0]], [0, 1].map(|side| row_major_strides(shapes[side])[self.axes[side]]));
        Some(())
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[0].shape()[self.axes[0]] + usize::from(self.scale != 1.0) }
    }

    /// The sums of absolute products, times the absolute scale.
    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let absolute = [absolute(inputs[0])?, absolute(inputs[1])?];
        BatchMatmul { scale: self.scale.abs(), ..self.clone() }.eval(&[&absolute[0], &absolute[1]])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        (2 * outputs[0].len()).saturating_mul(inputs[0].shape[self.axes[0]]) as u64
    }
}
