//! The steps of a program's operators, one after another, over values that have no place yet.

use super::super::row_form::{DIMS, Role, RowForm, RowInput, RowStep, RowValue, View, Work};
use super::assembly::Action;
use super::{RowProgram, RowSource};
use crate::error::{Error, Result};
use crate::tensor::{DType, TensorType};
use std::ops::Range;

/// A value during assembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// An input, with its elements from one position to the next.
    Input(usize, usize),
    Node(usize),
    Scratch(usize, usize),
    /// An output of the program, in memory.
    Output(usize),
}

/// An instruction whose values have no place yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) action: Action,
    pub(super) size: [usize; DIMS],
    pub(super) depth: usize,
    pub(super) output: (Value, View),
    pub(super) left: (Value, View),
    pub(super) right: Option<(Value, View)>,
}

/// The steps of all nodes.
pub(super) struct Drafts<'p> {
    program: &'p RowProgram,
    positions: Vec<usize>,
    /// By node: the value that holds its output.
    roots: Vec<Value>,
    pub(super) drafts: Vec<Draft>,
    /// Values and their numbers of elements, in the order in which they are first written.
    pub(super) sizes: Vec<(Value, usize)>,
}

/// The dimensions of a row of a value, and where its rows are.
pub(super) fn row_of(ty: &TensorType, row_rank: usize, positions: &[usize]) -> (Role, Vec<usize>) {
    if !ty.shape.is_batched() {
        return (Role::Constant, ty.shape.sample());
    }
    let sample = ty.shape.sample();
    let leading = row_rank - 1;
    if sample.len() >= leading && sample[..leading] == *positions {
        (Role::Row, sample[leading..].to_vec())
    } else if sample.len() >= leading && sample[..leading].iter().all(|&size| size == 1) {
        (Role::Sample, sample[leading..].to_vec())
    } else {
        (Role::Sample, sample)
    }
}

impl<'p> Drafts<'p> {
    /// The steps of all operators. Returns an error that says which operator has none.
    pub(super) fn new(program: &'p RowProgram) -> Result<Self> {
        let positions = program.positions();
        let mut drafts = Drafts { program, positions, roots: Vec::new(), drafts: Vec::new(), sizes: Vec::new() };
        for node in 0..program.nodes.len() {
            if drafts.add(node).is_none() {
                let op = program.nodes[node].op.operator().name();
                return Err(Error::unsupported(format!(
                    "{op} computes no rows of rank {} from these operands",
                    program.row_rank
                )));
            }
        }
        Ok(drafts)
    }

    fn root(&self, source: RowSource) -> Value {
        match source {
            RowSource::Input(input) => Value::Input(input, 0),
            RowSource::Node(node) => self.roots[node],
        }
    }

    /// Adds the steps of a node, and stores its output if the program has it.
    fn add(&mut self, index: usize) -> Option<()> {
        let program = self.program;
        let node = &program.nodes[index];
        let seen = |source: &RowSource| {
            let (role, shape) = row_of(program.ty(*source), program.row_rank, &self.positions);
            let is_computed = !matches!(self.root(*source), Value::Input(..));
            let ty = program.ty(*source);
            RowInput { shape, sample: ty.shape.sample(), dtype: ty.dtype, role, is_computed }
        };
        let inputs: Vec<RowInput> = node.inputs.iter().map(seen).collect();
        let (role, row) = row_of(&node.ty, program.row_rank, &self.positions);
        // Integers are loaded as floats, so they cannot be outputs.
        let is_output = program.outputs.contains(&index);
        if role != Role::Row || (is_output && node.ty.dtype == DType::I32) {
            return None;
        }
        let positions = self.positions.clone();
        let mut form = RowForm::new(program.row_rank, &inputs, &row, &positions);
        node.op.operator().row_form(&mut form)?;
        let RowForm { steps, scratch, alias, position_strides, .. } = form;
        self.roots.push(match alias {
            Some(input) => self.root(node.inputs[input]),
            None => Value::Node(index),
        });
        let of = |view: View| {
            let value = match view.value {
                RowValue::Output => Value::Node(index),
                RowValue::Scratch(at) => Value::Scratch(index, at),
                RowValue::Input(at) => match self.root(node.inputs[at]) {
                    Value::Input(input, _) => Value::Input(input, position_strides[at]),
                    value => value,
                },
            };
            (value, view)
        };
        let drafts: Vec<Draft> = steps.iter().map(|step| draft(step, &of, &node.inputs)).collect::<Option<_>>()?;
        if alias.is_none() {
            self.sizes.push((Value::Node(index), row.iter().product()));
        }
        self.sizes.extend(scratch.iter().enumerate().map(|(at, &size)| (Value::Scratch(index, at), size)));
        for mut draft in drafts {
            self.swap_large(&mut draft);
            let reads_ids = matches!(draft.action, Action::Work(Work::Lookup { .. }));
            for (value, _) in [Some(draft.left), draft.right].into_iter().flatten() {
                if !reads_ids && !self.reads_from_memory(&draft, value) {
                    self.load(value);
                }
            }
            self.drafts.push(draft);
        }
        for (position, _) in program.outputs.iter().enumerate().filter(|(_, output)| **output == index) {
            self.store(self.roots[index], position, row.iter().product());
        }
        Some(())
    }

    /// The number of elements of a row of an input, or of a constant that is loaded.
    fn input_elements(&self, input: usize, position_stride: usize) -> usize {
        let (role, shape) = row_of(&self.program.inputs[input], self.program.row_rank, &self.positions);
        match role {
            Role::Constant if position_stride > 0 => position_stride,
            _ => shape.iter().product(),
        }
    }

    /// Makes the operand of a product that does not fit the arena the right one.
    fn swap_large(&self, draft: &mut Draft) {
        let is_product = matches!(draft.action, Action::Work(Work::Product { triangle: None, .. }));
        let Some(right) = draft.right.filter(|(_, view)| is_product && !view.is_of_sample) else { return };
        let elements = |value: Value| match value {
            Value::Input(input, _) => self.input_elements(input, 0),
            _ => 0,
        };
        if elements(draft.left.0) > elements(right.0) {
            (draft.left, draft.right) = (right, Some(draft.left));
        }
    }

    /// Whether an operand of a product is read where it is, because it would not fit the arena.
    fn reads_from_memory(&self, draft: &Draft, value: Value) -> bool {
        let Value::Input(input, _) = value else { return false };
        if draft.right.is_some_and(|(right, view)| right == value && view.is_of_sample) {
            return true;
        }
        let is_right = draft.right.is_some_and(|(right, _)| right == value) && draft.left.0 != value;
        let is_large = self.input_elements(input, 0) > super::MOST_LOADED;
        let is_product = matches!(draft.action, Action::Work(Work::Product { triangle: None, .. }));
        is_product && is_right && is_large && self.program.inputs[input].dtype == DType::F32
    }

    /// Loads an input unless it is loaded already.
    fn load(&mut self, value: Value) {
        let Value::Input(input, position_stride) = value else { return };
        if self.sizes.iter().any(|(known, _)| *known == value) {
            return;
        }
        let elements = self.input_elements(input, position_stride);
        self.sizes.push((value, elements));
        self.copy(Action::Load, value, elements);
    }

    fn store(&mut self, value: Value, output: usize, elements: usize) {
        self.load(value);
        self.copy(Action::Store, value, elements);
        // The step of a store is the output's number until it has a place.
        if let Some(draft) = self.drafts.last_mut() {
            draft.depth = output;
        }
    }

    fn copy(&mut self, action: Action, value: Value, elements: usize) {
        let view = View { value: RowValue::Output, offset: 0, strides: [0, 0, 1], step: 0, is_of_sample: false };
        let of = (value, view);
        self.drafts.push(Draft { action, size: [1, 1, elements], depth: 1, output: of, left: of, right: None });
    }
}

fn draft(step: &RowStep, of: &impl Fn(View) -> (Value, View), inputs: &[RowSource]) -> Option<Draft> {
    let constant = |at: usize| match inputs[at] {
        RowSource::Input(input) => Some(input),
        RowSource::Node(_) => None,
    };
    let work = match step.work {
        Work::Dense { kernel, bias, relu } => {
            let bias = match bias {
                Some((at, first)) => Some((constant(at)?, first)),
                None => None,
            };
            Work::Dense { kernel: (constant(kernel.0)?, kernel.1), bias, relu }
        }
        Work::ChannelNormalization { statistics, epsilon } => {
            Work::ChannelNormalization { statistics: constant(statistics)?, epsilon }
        }
        Work::LayerNormalization { gamma, beta, epsilon, mean } => {
            Work::LayerNormalization { gamma: constant(gamma)?, beta: constant(beta)?, epsilon, mean }
        }
        Work::Lookup { table, pooling, bad_id, adds } => {
            Work::Lookup { table: constant(table)?, pooling, bad_id, adds }
        }
        work => work,
    };
    Some(Draft {
        action: Action::Work(work),
        size: step.size,
        depth: step.depth,
        output: of(step.output),
        left: of(step.left),
        right: step.right.map(of),
    })
}

impl Draft {
    /// Whether it reads or writes elements of a value.
    pub(super) fn uses(&self, value: Value) -> bool {
        [Some(self.output), Some(self.left), self.right].into_iter().flatten().any(|(used, _)| used == value)
    }

    /// Whether it writes elements of a value.
    pub(super) fn writes(&self, value: Value) -> bool {
        self.action != Action::Store && self.output.0 == value
    }

    /// The elements of the output's value from the first to the last that it writes.
    pub(super) fn written(&self) -> Range<usize> {
        range(&self.size, self.depth, &self.output.1)
    }

    /// The elements of the left and of the right operand that it reads.
    pub(super) fn read(&self) -> [Range<usize>; 2] {
        let size = match self.action {
            Action::Work(Work::Product { triangle: Some(vectors), .. }) => [1, vectors, vectors],
            _ => self.size,
        };
        [Some(self.left), self.right].map(|operand| match operand {
            Some((_, view)) => range(&size, self.depth, &view),
            None => 0..0,
        })
    }
}

/// The elements from the first to the last of a view.
fn range(size: &[usize; DIMS], depth: usize, view: &View) -> Range<usize> {
    let (mut first, mut last) = (view.offset, view.offset);
    for (size, stride) in size.iter().copied().zip(view.strides).chain([(depth, view.step)]) {
        let end = stride * (size.max(1) as isize - 1);
        if end < 0 { first += end } else { last += end }
    }
    first.max(0) as usize..(last + 1).max(0) as usize
}

pub(super) fn overlap(left: &Range<usize>, right: &Range<usize>) -> bool {
    left.start < right.end && right.start < left.end
}

/// Whether the elements of a view follow each other.
pub(super) fn is_flat(size: &[usize; DIMS], view: &View) -> bool {
    let mut expected = 1;
    for (&size, &stride) in size.iter().zip(&view.strides).rev() {
        if size != 1 && stride != expected {
            return false;
        }
        expected *= size as isize;
    }
    true
}
