//! How an operator computes one row of its output from one row of its inputs; not an operator.
//!
//! A row is the part of a value at one position of its leading dimensions: of the batch alone (`row_rank` 1), or also of
//! steps, heads or fields. An operator whose output row depends only on the same row of its inputs answers
//! [`Operator::row_form`](super::Operator::row_form) with [`RowStep`]s. A [`RowProgram`](super::RowProgram) runs the
//! steps of several operators in one dispatch. This module has no addresses in memory: those are the program's.

use super::activation::Function;
use super::binary::BinaryFunction;
use super::embedding::BadId;
use super::embedding_bag::Pooling;
use super::layer_normalization::Mean;
use super::reduce::Reduction;
use super::strided::{StridedDim, forwards, merged};
use super::view::AxisView;
use crate::tensor::{DType, broadcast_strides, row_major_strides};

/// The number of dimensions that the address of an element has.
pub(super) const DIMS: usize = 3;

/// A value that a step reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RowValue {
    /// The operator's input at this position.
    Input(usize),
    /// The operator's output.
    Output,
    /// Scratch space of the operator.
    Scratch(usize),
}

/// Elements of a value. Element `(i, j, k)` at step `d` is `offset + (i, j, k) · strides + d · step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) value: RowValue,
    pub(super) offset: isize,
    pub(super) strides: [isize; DIMS],
    pub(super) step: isize,
    /// Whether the offsets are those in a whole sample, and not in a row of it.
    pub(super) is_of_sample: bool,
}

/// What a step computes for every element `(i, j, k)` of its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    /// `function(pair(left, right))`; the pair is `left` without a function of two elements.
    Elementwise { pair: Pair, function: Option<Function> },
    /// `bias[u] + Σ left · kernel[d, u]` for the units `u` in the last dimension, clipped below at 0 by `relu`. Kernel
    /// and bias are constants: an input, and the offset of its first element.
    Dense { kernel: (usize, usize), bias: Option<(usize, usize)>, relu: bool },
    /// `scale · Σ left · right`. With a `triangle` of F vectors the last dimension is the pairs `i ≤ j < F`, row by row;
    /// the last two strides are then those of i and j.
    Product { scale: f32, triangle: Option<usize> },
    /// A sum, mean, maximum or minimum over the steps.
    Reduce { reduction: Reduction },
    /// Softmax over the steps.
    Softmax { log: bool },
    /// Layer normalization over the steps; gamma and beta are constant inputs.
    LayerNormalization { gamma: usize, beta: usize, epsilon: f32, mean: Mean },
    /// Batch normalization with the statistics of a constant input `[4, C]`; the channel is the middle dimension.
    ChannelNormalization { statistics: usize, epsilon: f32 },
    /// L2 normalization over the steps.
    L2Normalize { floor: f32 },
    /// Rows of a table by the ids of `left`, which are never computed values. The last dimension is that of the table,
    /// and the steps are pooled. The result is added to the output if it `adds`.
    Lookup { table: usize, pooling: Pooling, bad_id: BadId, adds: bool },
}

/// A function of two elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// The left one.
    Left,
    /// A function of both.
    Of(BinaryFunction),
    /// 1 where the left one is not 0, else 0.
    IsNotZero,
}

/// One step of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowStep {
    pub(super) work: Work,
    pub(super) size: [usize; DIMS],
    pub(super) depth: usize,
    pub(super) output: View,
    pub(super) left: View,
    pub(super) right: Option<View>,
}

/// Where the rows of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// One for each row.
    Row,
    /// One for all rows of a sample.
    Sample,
    /// None: a constant.
    Constant,
}

/// An input as one row sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowInput {
    /// The dimensions of a row, of a sample, or of the constant.
    pub(crate) shape: Vec<usize>,
    /// The element type.
    pub(crate) dtype: DType,
    /// The dimensions of a sample; those of a constant.
    pub(crate) sample: Vec<usize>,
    /// Where its rows are.
    pub(crate) role: Role,
    /// Whether the program computes it.
    pub(crate) is_computed: bool,
}

/// The answer of an operator under construction.
#[derive(Debug)]
pub struct RowForm<'r> {
    pub(super) row_rank: usize,
    pub(super) inputs: &'r [RowInput],
    /// The dimensions of a row of the output.
    pub(super) output: &'r [usize],
    pub(super) steps: Vec<RowStep>,
    /// The sizes of scratch spaces.
    pub(super) scratch: Vec<usize>,
    /// The input whose memory is the output.
    pub(super) alias: Option<usize>,
    /// By input: the elements from one position of a sample to the next in a constant that differs by position.
    pub(super) position_strides: Vec<usize>,
    /// The dimensions of positions within a sample: those of a row but the batch.
    pub(super) positions: &'r [usize],
}

impl<'r> RowForm<'r> {
    pub(super) fn new(row_rank: usize, inputs: &'r [RowInput], output: &'r [usize], positions: &'r [usize]) -> Self {
        let position_strides = vec![0; inputs.len()];
        let (steps, scratch) = (Vec::new(), Vec::new());
        RowForm { row_rank, inputs, output, steps, scratch, alias: None, position_strides, positions }
    }

    /// The dimensions of a row of an input that has one for each row. Floats, or numbers that are read as floats.
    pub(super) fn row(&self, input: usize) -> Option<&'r [usize]> {
        let input = self.inputs.get(input)?;
        (input.role == Role::Row && input.dtype != DType::I32).then_some(&input.shape)
    }

    /// Like [`RowForm::row`], also for integers, which a program reads as the nearest floats.
    pub(super) fn numbers(&self, input: usize) -> Option<&'r [usize]> {
        let input = self.inputs.get(input)?;
        (input.role == Role::Row).then_some(&input.shape)
    }

    /// The dimensions of a sample of an input that has one row for all rows of a sample.
    pub(super) fn sample(&self, input: usize) -> Option<&'r [usize]> {
        let input = self.inputs.get(input)?;
        (input.role == Role::Sample).then_some(&input.shape)
    }

    /// The dimensions of a sample of an input that is in memory, so that a row can read all of it.
    pub(super) fn whole_sample(&self, input: usize) -> Option<&'r [usize]> {
        let input = self.inputs.get(input)?;
        let is_readable = input.role != Role::Constant && !input.is_computed && input.dtype == DType::F32;
        is_readable.then_some(&input.sample)
    }

    /// The dimensions of a constant input.
    pub(super) fn constant(&self, input: usize) -> Option<&'r [usize]> {
        let input = self.inputs.get(input)?;
        (input.role == Role::Constant && input.dtype != DType::I32).then_some(&input.shape)
    }

    /// The dimension of a row that is dimension `axis` of the whole value.
    pub(super) fn axis(&self, axis: usize) -> Option<usize> {
        axis.checked_sub(self.row_rank)
    }

    /// Scratch space of this many elements.
    pub(super) fn scratch(&mut self, elements: usize) -> RowValue {
        self.scratch.push(elements);
        RowValue::Scratch(self.scratch.len() - 1)
    }

    /// The output is an input in other dimensions.
    pub(super) fn alias(&mut self, input: usize) -> Option<()> {
        self.alias = Some(input);
        Some(())
    }

    /// A step over elements of the shape `size`. Every operand has an offset and strides along its dimensions; the last
    /// is the output. Returns `None` if the addresses need more dimensions than a step has.
    pub(super) fn elementwise(
        &mut self,
        work: Work,
        size: &[usize],
        operands: &[(RowValue, usize, Vec<isize>)],
    ) -> Option<()> {
        let dim = |axis: usize| {
            let mut strides = [0; DIMS];
            operands.iter().zip(&mut strides).for_each(|((_, _, of), slot)| *slot = of[axis]);
            StridedDim { size: size[axis], strides }
        };
        let dims = merged((0..size.len()).map(dim));
        let before = DIMS.checked_sub(dims.len())?;
        let mut folded = [1; DIMS];
        folded[before..].iter_mut().zip(&dims).for_each(|(slot, dim)| *slot = dim.size);
        let view = |at: usize| {
            let (value, offset, _) = &operands[at];
            let mut strides = [0; DIMS];
            strides[before..].iter_mut().zip(&dims).for_each(|(slot, dim)| *slot = dim.strides[at]);
            View { value: *value, offset: *offset as isize, strides, step: 0, is_of_sample: false }
        };
        let last = operands.len() - 1;
        let right = (last > 1).then(|| view(1));
        self.steps.push(RowStep { work, size: folded, depth: 1, output: view(last), left: view(0), right });
        Some(())
    }

    /// A product of `rows` vectors that follow each other in `left` with a kernel `[depth, units]`, into the output.
    pub(super) fn dense(
        &mut self,
        [rows, depth, units]: [usize; 3],
        left: RowValue,
        kernel: (usize, usize),
        bias: Option<(usize, usize)>,
        relu: bool,
    ) {
        let view = |value, stride: usize, step| View {
            value,
            offset: 0,
            strides: [0, stride as isize, 0],
            step,
            is_of_sample: false,
        };
        let output = View { strides: [0, units as isize, 1], ..view(RowValue::Output, units, 0) };
        let work = Work::Dense { kernel, bias, relu };
        let left = view(left, depth, 1);
        self.steps.push(RowStep { work, size: [1, rows, units], depth, output, left, right: None });
    }

    /// Adds an input, broadcast, to the output.
    pub(super) fn add_to_output(&mut self, input: usize) -> Option<()> {
        let operands = [self.output(), self.broadcast(input)?, self.output()];
        let work = Work::Elementwise { pair: Pair::Of(BinaryFunction::Add), function: None };
        self.elementwise(work, self.output, &operands)
    }

    /// A step over the lines of the first input along an axis. The output is like the input if it `keeps` the axis;
    /// otherwise it has one element for each line.
    pub(super) fn along(&mut self, work: Work, view: &AxisView, keeps: bool) {
        let of = |value, axis: usize, step| View {
            value,
            offset: 0,
            strides: [0, (axis * view.inner) as isize, 1],
            step: step * view.inner as isize,
            is_of_sample: false,
        };
        let output = if keeps { of(RowValue::Output, view.axis, 1) } else { of(RowValue::Output, 1, 0) };
        let (size, left) = ([1, view.outer, view.inner], of(RowValue::Input(0), view.axis, 1));
        self.steps.push(RowStep { work, size, depth: view.axis, output, left, right: None });
    }

    /// Sums `steps` elements that are `stride` apart, for each of `width` neighbours.
    pub(super) fn sum(&mut self, [width, steps]: [usize; 2], (from, stride): (RowValue, usize), to: RowValue) {
        let view = |value, step| View { value, offset: 0, strides: [0, 0, 1], step, is_of_sample: false };
        let work = Work::Reduce { reduction: Reduction::Sum };
        let (output, left) = (view(to, 0), view(from, stride as isize));
        self.steps.push(RowStep { work, size: [1, 1, width], depth: steps, output, left, right: None });
    }

    /// Makes the last step a sum over `depth` steps, which are so many elements apart in the left and right operand.
    pub(super) fn sum_over(&mut self, depth: usize, steps: [usize; 2]) {
        if let Some(step) = self.steps.last_mut() {
            step.depth = depth;
            step.left.step = steps[0] as isize;
            if let Some(right) = &mut step.right {
                right.step = steps[1] as isize;
            }
        }
    }

    /// Looks up `ids` elements of the first input, each for a row of `dim` elements of the output.
    pub(super) fn lookup(&mut self, work: Work, [ids, dim]: [usize; 2]) {
        let view = |value, strides| View { value, offset: 0, strides, step: 0, is_of_sample: false };
        let output = view(RowValue::Output, [0, dim as isize, 1]);
        let left = view(RowValue::Input(0), [0, 1, 0]);
        self.steps.push(RowStep { work, size: [1, ids, dim], depth: 1, output, left, right: None });
    }

    /// A step over all elements of the first input, with its channels in the middle.
    pub(super) fn normalize_channels(&mut self, work: Work, view: &AxisView) {
        let inner = view.inner as isize;
        let of = |value| View {
            value,
            offset: 0,
            strides: [view.axis as isize * inner, inner, 1],
            step: 0,
            is_of_sample: false,
        };
        let (size, left) = ([view.outer, view.axis, view.inner], of(RowValue::Input(0)));
        self.steps.push(RowStep { work, size, depth: 1, output: of(RowValue::Output), left, right: None });
    }

    /// Makes the right operand of the last step that of a whole sample.
    pub(super) fn read_whole_sample(&mut self) {
        if let Some(right) = self.steps.last_mut().and_then(|step| step.right.as_mut()) {
            right.is_of_sample = true;
        }
    }

    /// Makes the lines of the last step begin at `first`, `stride` elements apart.
    pub(super) fn overlap(&mut self, first: usize, stride: usize) {
        if let Some(step) = self.steps.last_mut() {
            step.left.offset = first as isize;
            step.left.strides[1] = stride as isize;
        }
    }

    /// Makes the last step write the elements from `first` on.
    pub(super) fn write_from(&mut self, first: usize) {
        if let Some(step) = self.steps.last_mut() {
            step.output.offset = first as isize;
        }
    }

    /// Copies elements of the shape `size`.
    pub(super) fn copy(
        &mut self,
        size: &[usize],
        from: (RowValue, usize, Vec<isize>),
        to: (RowValue, usize, Vec<isize>),
    ) -> Option<()> {
        self.elementwise(Work::Elementwise { pair: Pair::Left, function: None }, size, &[from, to])
    }

    /// Applies a function to `count` elements in their place.
    pub(super) fn apply(&mut self, function: Function, value: RowValue, count: usize) -> Option<()> {
        let work = Work::Elementwise { pair: Pair::Left, function: Some(function) };
        self.elementwise(work, &[count], &[(value, 0, vec![1]), (value, 0, vec![1])])
    }

    /// Writes the function of two operands, which have the dimensions of the output, to a third.
    pub(super) fn pair(
        &mut self,
        function: BinaryFunction,
        operands: [&(RowValue, usize, Vec<isize>); 3],
    ) -> Option<()> {
        let work = Work::Elementwise { pair: Pair::Of(function), function: None };
        self.elementwise(work, self.output, &operands.map(Clone::clone))
    }

    /// Scratch space of the size of the output.
    pub(super) fn like_output(&mut self) -> (RowValue, usize, Vec<isize>) {
        let (_, offset, strides) = self.output();
        (self.scratch(self.output.iter().product()), offset, strides)
    }

    /// Combines two inputs that are broadcast to the output.
    pub(super) fn combine(&mut self, function: BinaryFunction, left: usize, right: usize) -> Option<()> {
        let operands = [self.broadcast(left)?, self.broadcast(right)?, self.output()];
        let work = Work::Elementwise { pair: Pair::Of(function), function: None };
        self.elementwise(work, self.output, &operands)
    }

    /// The output, whole.
    pub(super) fn output(&self) -> (RowValue, usize, Vec<isize>) {
        (RowValue::Output, 0, forwards(&row_major_strides(self.output)))
    }

    /// A float input, broadcast to the output as in NumPy.
    pub(super) fn broadcast(&mut self, position: usize) -> Option<(RowValue, usize, Vec<isize>)> {
        let input = self.inputs.get(position)?;
        if input.dtype == DType::I32 {
            return None;
        }
        let shape = if input.role == Role::Constant { self.constant_row(position)? } else { input.shape.clone() };
        if shape.len() > self.output.len() {
            return None;
        }
        Some((RowValue::Input(position), 0, forwards(&broadcast_strides(&shape, self.output))))
    }

    /// The dimensions of a constant that belong to a row. The others must be 1, or those of the positions.
    fn constant_row(&mut self, position: usize) -> Option<Vec<usize>> {
        let shape = self.constant(position)?;
        let leading = shape.len().saturating_sub(self.output.len());
        let (leading, row) = shape.split_at(leading);
        if leading.iter().any(|&size| size != 1) {
            // The last of the leading dimensions are those of positions; the batch before them must be 1.
            let batch = leading.len().checked_sub(self.positions.len())?;
            if leading[batch..] != *self.positions || leading[..batch].iter().any(|&size| size != 1) {
                return None;
            }
            self.position_strides[position] = row.iter().product();
        }
        Some(row.to_vec())
    }
}
