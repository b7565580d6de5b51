//! From the steps of a program's operators to instructions over workgroup memory.
//!
//! Every value of a row has a place in the arena from the instruction that writes it first to the one that reads it
//! last. Inputs are loaded where they are first read, and outputs are stored where they are complete. An instruction
//! waits at a barrier only if it reads what another invocation may have written since the last one, or overwrites what
//! another may still read.

use super::super::row_form::{DIMS, Pair, View, Work};
use super::RowProgram;
use super::drafts::{Draft, Drafts, Value, overlap};
use crate::error::Result;
use std::ops::Range;

/// Where an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the arena, from this element on.
    Arena(usize),
    /// An input of the program.
    Input(usize),
    /// An output of the program.
    Output(usize),
}

/// An operand of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) place: Place,
    pub(super) view: View,
    /// The elements from one position of a sample to the next, for an input.
    pub(super) position_stride: usize,
}

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    /// Copies a row of an input into the arena.
    Load,
    /// Copies a row of the arena to an output.
    Store,
    /// A step; constants are positions among the program's inputs.
    Work(Work),
}

/// One instruction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instruction {
    pub(super) action: Action,
    pub(super) waits: bool,
    pub(super) size: [usize; DIMS],
    pub(super) depth: usize,
    pub(super) output: Operand,
    pub(super) left: Operand,
    pub(super) right: Option<Operand>,
}

/// The instructions of a program.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Assembly {
    pub(super) instructions: Vec<Instruction>,
    /// The number of elements of the arena, for each row.
    pub(super) elements: usize,
}

impl Assembly {
    /// Assembles a program.
    pub(super) fn new(program: &RowProgram) -> Result<Assembly> {
        let mut drafts = Drafts::new(program)?;
        drafts.simplify();
        Ok(drafts.place())
    }
}

impl Drafts<'_> {
    /// Gives every value its place.
    fn place(self) -> Assembly {
        let spans: Vec<Range<usize>> = self.sizes.iter().map(|(value, _)| self.span(*value)).collect();
        let mut places = vec![0; self.sizes.len()];
        let mut order: Vec<usize> = (0..self.sizes.len()).filter(|&at| !spans[at].is_empty()).collect();
        order.sort_by_key(|&at| (spans[at].start, at));
        let mut elements = 0;
        for (done, &at) in order.iter().enumerate() {
            let size = self.sizes[at].1;
            let living = || order[..done].iter().copied().filter(|&other| overlap(&spans[other], &spans[at]));
            let range = |other: usize| places[other]..places[other] + self.sizes[other].1;
            let replaced = living().find(|&other| {
                let is_free = |third: usize| third == other || !overlap(&range(third), &range(other));
                self.replaces(at, other, &spans) && living().all(is_free)
            });
            places[at] = match replaced {
                Some(other) => places[other],
                None => first_gap(living().map(range).collect(), size),
            };
            elements = elements.max(places[at] + size);
        }
        let place_of = |value: Value| self.sizes.iter().position(|(known, _)| *known == value).map(|at| places[at]);
        let mut instructions: Vec<Instruction> = self.drafts.iter().map(|draft| placed(draft, &place_of)).collect();
        wait(&mut instructions, &self.drafts);
        Assembly { instructions, elements }
    }

    /// The instructions from the first that uses a value to the last.
    fn span(&self, value: Value) -> Range<usize> {
        let uses = |draft: &Draft| draft.uses(value);
        let first = self.drafts.iter().position(uses).unwrap_or(0);
        let last = self.drafts.iter().rposition(uses).map_or(0, |last| last + 1);
        first..last
    }

    /// Whether a value may take the place of another one that its first instruction reads last, element by element.
    fn replaces(&self, at: usize, other: usize, spans: &[Range<usize>]) -> bool {
        let draft = &self.drafts[spans[at].start];
        let same = |operand: &(Value, View)| {
            operand.0 == self.sizes[other].0
                && operand.1.strides == draft.output.1.strides
                && operand.1.offset == 0
                && draft.output.1.offset == 0
        };
        let operands: Vec<&(Value, View)> = [Some(&draft.left), draft.right.as_ref()]
            .into_iter()
            .flatten()
            .filter(|used| used.0 == self.sizes[other].0)
            .collect();
        matches!(draft.action, Action::Work(Work::Elementwise { .. }))
            && draft.output.0 == self.sizes[at].0
            && spans[other].end == spans[at].start + 1
            && self.sizes[other].1 == self.sizes[at].1
            && !operands.is_empty()
            && operands.into_iter().all(same)
    }
}

/// The first place with room for `size` elements.
fn first_gap(mut taken: Vec<Range<usize>>, size: usize) -> usize {
    taken.sort_by_key(|range| range.start);
    let mut first = 0;
    for range in taken {
        if first + size <= range.start {
            break;
        }
        first = first.max(range.end);
    }
    first
}

/// The instruction of a draft. What has no place in the arena is an input.
fn placed(draft: &Draft, place_of: &impl Fn(Value) -> Option<usize>) -> Instruction {
    let operand = |(value, view): (Value, View), in_arena: bool| {
        let in_arena = in_arena && !view.is_of_sample;
        let (place, position_stride) = match (value, place_of(value)) {
            (_, Some(first)) if in_arena => (Place::Arena(first), 0),
            (Value::Input(input, position_stride), _) => (Place::Input(input), position_stride),
            (Value::Output(output), _) => (Place::Output(output), 0),
            (_, first) => (Place::Arena(first.unwrap_or(0)), 0),
        };
        Operand { place, view, position_stride }
    };
    let reads_input = matches!(draft.action, Action::Load | Action::Work(Work::Lookup { .. }));
    let mut output = operand(draft.output, true);
    if draft.action == Action::Store {
        // The whole output, wherever the value is in the arena.
        output = Operand { place: Place::Output(draft.depth), view: View { offset: 0, ..output.view }, ..output };
    }
    Instruction {
        action: draft.action,
        waits: false,
        size: draft.size,
        depth: if draft.action == Action::Store { 1 } else { draft.depth },
        output,
        left: operand(draft.left, !reads_input),
        right: draft.right.map(|right| operand(right, true)),
    }
}

/// Marks the instructions before which a workgroup has to wait.
fn wait(instructions: &mut [Instruction], drafts: &[Draft]) {
    let in_arena = |operand: &Operand, range: Range<usize>| match operand.place {
        // The ranges of views count from the start of their value.
        Place::Arena(first) => first + range.start..first + range.end,
        Place::Input(_) | Place::Output(_) => 0..0,
    };
    let (mut written, mut read): (Vec<Range<usize>>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
    for (instruction, draft) in instructions.iter_mut().zip(drafts) {
        let output = in_arena(&instruction.output, draft.written());
        let [left, right] = draft.read();
        let left = in_arena(&instruction.left, left);
        let right = instruction.right.as_ref().map(|operand| in_arena(operand, right));
        let inputs: Vec<Range<usize>> = [Some(left), right].into_iter().flatten().collect();
        let meets = |ranges: &[Range<usize>], one: &Range<usize>| ranges.iter().any(|range| overlap(range, one));
        let conflicts =
            inputs.iter().any(|input| meets(&written, input)) || meets(&written, &output) || meets(&read, &output);
        if conflicts {
            instruction.waits = true;
            written.clear();
            read.clear();
        }
        written.push(output);
        read.extend(inputs);
    }
}

impl Pair {
    /// The function's number in the shader: that of `combine`, or one of those beyond.
    pub(super) fn code(self) -> u32 {
        match self {
            Pair::Of(function) => function.code(),
            Pair::IsNotZero => 30,
            Pair::Left => 31,
        }
    }
}
