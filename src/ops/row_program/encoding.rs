//! The kernel of a program at one batch size: its instructions as words, and the division of rows among workgroups.

use super::super::activation::Function;
use super::super::embedding::BadId;
use super::super::embedding_bag::Pooling;
use super::super::operator::{KernelRequest, expect_loops, word};
use super::super::reduce::Reduction;
use super::super::row_form::{Pair, Role, Work};
use super::assembly::{Action, Assembly, Instruction, Operand, Place};
use super::drafts::{is_flat, row_of};
use super::sources::{FROM_WEIGHTS, Sources};
use super::{ARENA, INSTRUCTION_QUADS, MOST_GROUPS, MOST_INSTRUCTIONS, RowProgram, RowProgramParams};
use crate::error::{Error, Result};
use crate::kernel::{Binding, DeviceFacts, Kernel, Packing, WORKGROUP_SIZE, workgroups};
use crate::tensor::{DType, TensorType};

/// The number of rows in a group: the components of a vector.
const GROUP_ROWS: usize = 4;

/// Groups for which a GPU has enough workgroups to hide its latency. With more, a workgroup takes several. Not measured.
const MANY_GROUPS: usize = 1024;

const NONE: u32 = u32::MAX;

/// Spaces of operands in the shader.
const FROM_ARENA: u32 = 0;
const TO_MEMORY: u32 = 4;

/// Flags of an instruction in the shader, above its number.
const WAITS: u32 = 1 << 8;
const FROM_INTEGERS: u32 = 1 << 9;
const CLAMPS: u32 = 1 << 10;
const IN_HALVES: u32 = 1 << 11;
const IN_CODES: u32 = 1 << 12;
const ADDS: u32 = 1 << 13;
const FLAT: u32 = 1 << 14;

/// The bytes of workgroup memory for an arena of this many elements, and for the places of rows.
pub(super) fn workgroup_bytes(elements: usize) -> u32 {
    (16 * (elements + 2 * MOST_GROUPS) + 4 * MOST_GROUPS) as u32
}

/// The number of groups of rows that a workgroup takes through the instructions together.
fn groups(rows: usize, assembly: &Assembly, facts: &DeviceFacts) -> usize {
    let all = rows.div_ceil(GROUP_ROWS);
    let fitting = (ARENA / assembly.elements.max(1)).min(MOST_GROUPS);
    let runs = |groups: &usize| loop_steps(assembly, *groups) <= facts.max_loop_steps;
    let wanted = (all / MANY_GROUPS).clamp(1, fitting);
    // Two groups at a time need fewer loads.
    let wanted = if wanted > 2 { wanted - wanted % 2 } else { wanted };
    (1..=wanted).rev().find(runs).unwrap_or(1)
}

/// The loop steps of one invocation.
pub(super) fn loop_steps(assembly: &Assembly, groups: usize) -> usize {
    let lanes = WORKGROUP_SIZE as usize;
    let steps = |instruction: &Instruction| {
        let elements: usize = instruction.size.iter().product();
        let (tasks, of_task) = match instruction.action {
            Action::Load | Action::Work(Work::ChannelNormalization { .. }) => (elements, 1),
            Action::Store => (elements, GROUP_ROWS),
            Action::Work(Work::Elementwise { .. }) => (elements, 1 + GROUP_ROWS),
            Action::Work(Work::Dense { .. }) => {
                let [_, rows, units] = instruction.size;
                let pieces = if units % 4 == 0 { units / 4 } else { units };
                (rows * pieces, 1 + 16 + instruction.depth + 16 * GROUP_ROWS)
            }
            Action::Work(Work::Product { triangle, .. }) => (elements, 1 + instruction.depth + triangle.unwrap_or(0)),
            Action::Work(Work::Softmax { .. } | Work::LayerNormalization { .. } | Work::L2Normalize { .. }) => {
                (elements, 1 + 3 * instruction.depth)
            }
            Action::Work(Work::Reduce { .. } | Work::Lookup { .. }) => (elements, 1 + instruction.depth),
        };
        1 + (tasks * groups).div_ceil(lanes).saturating_mul(of_task)
    };
    assembly.instructions.iter().map(steps).fold(groups.div_ceil(lanes), usize::saturating_add)
}

/// The kernel of a program.
pub(super) fn kernel(program: &RowProgram, assembly: &Assembly, request: &KernelRequest<'_>) -> Result<Kernel> {
    for operand in request.inputs.iter().chain(request.outputs) {
        word(operand.len())?;
    }
    let leading = &request.output().shape[..program.row_rank];
    let rows: usize = leading.iter().product();
    let positions: usize = leading[1..].iter().product();
    let groups = groups(rows, assembly, request.device);
    expect_loops(request, loop_steps(assembly, groups))?;
    if assembly.instructions.len() > MOST_INSTRUCTIONS || assembly.elements > ARENA {
        return Err(Error::device_limit("a row program exceeds the instructions or the memory of one kernel"));
    }
    let mut params = RowProgramParams {
        rows: word(rows)?,
        positions: word(positions.max(1))?,
        groups: word(groups)?,
        count: word(assembly.instructions.len())?,
        ..bytemuck::Zeroable::zeroed()
    };
    let sources = Sources::new(program, request)?;
    let encoder = Encoder { program, request, sources: &sources, positions };
    for (instruction, quads) in assembly.instructions.iter().zip(params.program.chunks_exact_mut(INSTRUCTION_QUADS)) {
        quads.copy_from_slice(&encoder.instruction(instruction)?);
    }
    let grid = workgroups(rows.div_ceil(GROUP_ROWS * groups));
    let mut kernel = Kernel::new("row_program", &params, 0, grid);
    kernel.bindings = [sources.bindings, vec![Binding::weights(), Binding::output()]].concat();
    Ok(kernel)
}

/// The number of an instruction in the shader.
fn number(instruction: &Instruction) -> u32 {
    let Action::Work(work) = instruction.action else { return u32::from(instruction.action == Action::Store) };
    match work {
        Work::Elementwise { .. } => 2,
        Work::Dense { .. } => 3,
        Work::Lookup { .. } => 4,
        Work::Product { .. } if matches!(instruction.right, Some(Operand { place: Place::Input(_), .. })) => 6,
        Work::Product { .. } => 5,
        Work::Reduce { .. } => 7,
        Work::Softmax { .. } => 8,
        Work::LayerNormalization { .. } => 9,
        Work::L2Normalize { .. } => 10,
        Work::ChannelNormalization { .. } => 11,
    }
}

/// The number and the parameters of the function that an instruction applies.
fn function(instruction: &Instruction) -> (u32, [f32; 3]) {
    match instruction.action {
        Action::Work(Work::Elementwise { function, .. }) => Function::encode(function),
        _ => Function::encode(None),
    }
}

struct Encoder<'e> {
    program: &'e RowProgram,
    request: &'e KernelRequest<'e>,
    sources: &'e Sources,
    positions: usize,
}

impl Encoder<'_> {
    fn instruction(&self, instruction: &Instruction) -> Result<[[u32; 4]; INSTRUCTION_QUADS]> {
        let mut quads = [[0; 4]; INSTRUCTION_QUADS];
        let [_, middle, inner] = instruction.size;
        let elements: usize = instruction.size.iter().product();
        let mut head = Head { number: number(instruction), tasks: elements, ..Head::default() };
        self.describe(instruction, &mut head)?;
        let (function, [a, b, c]) = function(instruction);
        let waits = if instruction.waits { WAITS } else { 0 };
        quads[0] = [head.number | head.flags | waits, word(head.tasks)?, word(middle)?, word(inner)?];
        quads[1] = [word(instruction.depth)?, function | head.pair << 8, head.factor.to_bits(), head.extra];
        quads[2] = [a.to_bits(), b.to_bits(), c.to_bits(), head.more];
        self.operand(&instruction.output, &mut quads[3..5])?;
        self.operand(&instruction.left, &mut quads[5..7])?;
        match &instruction.right {
            Some(right) => self.operand(right, &mut quads[7..9])?,
            None => quads[7] = head.constants,
        }
        Ok(quads)
    }

    /// What is particular to an instruction.
    fn describe(&self, instruction: &Instruction, head: &mut Head) -> Result<()> {
        let work = match instruction.action {
            Action::Load => {
                let integers = matches!(instruction.left.place, Place::Input(input)
                    if self.program.inputs[input].dtype == DType::I32);
                head.flags = if integers { FROM_INTEGERS } else { 0 };
                return Ok(());
            }
            Action::Store => {
                return Ok(());
            }
            Action::Work(work) => work,
        };
        match work {
            Work::Elementwise { pair, .. } => {
                head.pair = pair.code();
                let operands = [Some(instruction.output), Some(instruction.left), instruction.right];
                let is_flat = |operand: Operand| is_flat(&instruction.size, &operand.view);
                head.flags = if operands.into_iter().flatten().all(is_flat) { FLAT } else { 0 };
            }
            Work::Dense { kernel, bias, relu } => {
                // The shader divides the units.
                head.tasks = instruction.size[1];
                head.constants = [self.constant(kernel)?, 0, 0, 0];
                head.extra = bias.map_or(Ok(NONE), |bias| self.constant(bias))?;
                head.more = u32::from(relu);
            }
            Work::Product { scale, triangle } => {
                head.factor = scale;
                head.extra = word(triangle.unwrap_or(0))?;
            }
            Work::Reduce { reduction } => {
                head.factor = if reduction == Reduction::Mean { instruction.depth as f32 } else { 1.0 };
                head.extra = match reduction {
                    Reduction::Maximum => 1,
                    Reduction::Minimum => 2,
                    _ => 0,
                };
            }
            Work::Softmax { log } => {
                head.extra = u32::from(log);
            }
            Work::LayerNormalization { gamma, beta, epsilon, mean } => {
                head.factor = epsilon;
                head.extra = mean as u32;
                head.constants = [self.constant((gamma, 0))?, self.constant((beta, 0))?, 0, 0];
            }
            Work::ChannelNormalization { statistics, epsilon } => {
                head.factor = epsilon;
                head.constants = [self.constant((statistics, 0))?, 0, 0, 0];
            }
            Work::L2Normalize { floor } => {
                head.factor = floor;
            }
            Work::Lookup { table, pooling, bad_id, adds } => {
                head.flags |= if adds { ADDS } else { 0 };
                self.lookup(instruction, table, pooling, bad_id, head)?;
            }
        }
        Ok(())
    }

    fn lookup(
        &self,
        instruction: &Instruction,
        table: usize,
        pooling: Pooling,
        bad_id: BadId,
        head: &mut Head,
    ) -> Result<()> {
        if let Place::Input(ids) = instruction.left.place
            && self.program.inputs[ids].dtype == DType::I32
        {
            head.flags |= FROM_INTEGERS;
        }
        head.flags |= if bad_id == BadId::Clamp { CLAMPS } else { 0 };
        head.flags |= match self.request.regions[table].packing {
            Packing::Words => 0,
            Packing::Halves => IN_HALVES,
            Packing::Codes => IN_CODES,
        };
        head.extra = match pooling {
            Pooling::Flatten => 0,
            Pooling::Sum => 1,
            Pooling::Mean => 2,
            Pooling::Maximum => 3,
            Pooling::MaskedMean => 4,
        };
        let shape = &self.request.inputs[table].shape;
        head.constants = [word(self.sources.places[table].1)?, word(shape[0])?, word(shape[1])?, 0];
        Ok(())
    }

    /// The word of the weights at which the elements of a constant begin.
    fn constant(&self, (input, first): (usize, usize)) -> Result<u32> {
        match self.sources.places[input] {
            (FROM_WEIGHTS, start) => word(start + first),
            _ => Err(Error::internal(format!("input {input} of a row program is not one of the plan's weights"))),
        }
    }

    fn operand(&self, operand: &Operand, quads: &mut [[u32; 4]]) -> Result<()> {
        let (space, start, [sample, position]) = match operand.place {
            Place::Arena(first) => (FROM_ARENA, first, [0, 0]),
            Place::Input(input) => {
                let (space, start) = self.sources.places[input];
                let ty = &self.program.inputs[input];
                let strides = match operand.view.is_of_sample {
                    true => [sample_stride(ty), 0],
                    false => self.strides(ty, operand.position_stride),
                };
                (space, start, strides)
            }
            Place::Output(output) => {
                let row = row_of(
                    &self.program.nodes[self.program.outputs[output]].ty,
                    self.program.row_rank,
                    &self.program.positions(),
                );
                let length: usize = row.1.iter().product();
                (TO_MEMORY, self.request.output_words[output], [length * self.positions, length])
            }
        };
        let wrapping = |stride: isize| -> Result<u32> {
            let magnitude = word(stride.unsigned_abs())?;
            Ok(if stride < 0 { magnitude.wrapping_neg() } else { magnitude })
        };
        let view = &operand.view;
        quads[0][0] = word(start)?.wrapping_add(wrapping(view.offset)?);
        for (slot, &stride) in quads[0][1..].iter_mut().zip(&view.strides) {
            *slot = wrapping(stride)?;
        }
        quads[1] = [wrapping(view.step)?, word(sample)?, word(position)?, space];
        Ok(())
    }

    /// The elements of an input from one sample to the next, and from one position to the next.
    fn strides(&self, ty: &TensorType, position_stride: usize) -> [usize; 2] {
        let (role, row) = row_of(ty, self.program.row_rank, &self.program.positions());
        let length: usize = row.iter().product();
        let sample = sample_stride(ty);
        match role {
            Role::Row if self.program.row_rank > 1 => [sample, length],
            Role::Row | Role::Sample => [sample, 0],
            Role::Constant => [0, position_stride],
        }
    }
}

/// The elements of an input from one sample to the next.
fn sample_stride(ty: &TensorType) -> usize {
    if ty.shape.is_shared() { 0 } else { ty.shape.sample_len() }
}

/// The words of an instruction besides those of its operands.
#[derive(Debug, Clone, Copy)]
struct Head {
    number: u32,
    flags: u32,
    tasks: usize,
    pair: u32,
    factor: f32,
    extra: u32,
    more: u32,
    /// Constants in place of a right operand.
    constants: [u32; 4],
}

impl Default for Head {
    fn default() -> Self {
        let (pair, constants) = (Pair::Left.code(), [0; 4]);
        Head { number: 0, flags: 0, tasks: 0, pair, factor: 1.0, extra: 0, more: 0, constants }
    }
}
