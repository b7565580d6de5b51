//! The kernels of [`Recurrent`], and the choice between them.

use super::{Cell, MaskedOutput, Order, Recurrent, RecurrentOutput, Sizes};
use crate::error::{Error, Result};
use crate::kernel::{
    ACTIVATE, Binding, DeviceFacts, GRID, Kernel, SPECIAL, Shader, WORKGROUP_SIZE, invocations, params, shader,
    workgroups,
};
use crate::ops::Function;
use crate::ops::operator::{KernelRequest, expect_loops, word};

/// One of the kernels of [`Recurrent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecurrentKernel {
    /// A row per workgroup, or a few rows of few units, with a barrier per step.
    Together,
    /// A row per invocation, without barriers.
    Alone,
    /// A unit of a row per invocation, one or two dispatches per step, with the states in memory.
    StepByStep,
}

/// The number of floats in workgroup memory. They fit the 16 352 bytes that every phone has.
const FLOATS: usize = 4088;

/// The number of state vectors per row: before the step, after the step, and the cell or reset state.
const VECTORS: usize = 3;

/// The number of invocations in a workgroup of [`RecurrentKernel::Alone`]: the widest SIMD vector of a software GPU.
const MOST_LANES: usize = 8;

/// Maximum number of rows in a workgroup of [`RecurrentKernel::Together`].
const MOST_ROWS: usize = WORKGROUP_SIZE as usize;

/// Maximum number of steps that have a dispatch each. Dispatches take host memory, and without the limit a file could
/// demand any number.
const MOST_STEPS: usize = 1 << 14;

/// Minimum number of rows, and of invocations, for which [`RecurrentKernel::Alone`] is faster on software GPUs.
const ALONE_ROWS: usize = 8;
const ALONE_LANES: usize = 4;

/// The phase of a dispatch of [`RecurrentKernel::StepByStep`].
const BEGIN: u32 = 0;
const RESET: u32 = 1;
const ADVANCE: u32 = 2;

params! {
    /// `Params` of `shaders/recurrent.wgsl`.
    RecurrentParams {
        rows: u32,
        steps: u32,
        units: u32,
        quads: u32,
        group_rows: u32,
        beside: u32,
        masked: u32,
        initial: u32,
        initial_at: u32,
        order: u32,
        sequence: u32,
        output_at: u32,
        hidden_at: u32,
        carried_at: u32,
        phase: u32,
        step: u32,
        function: [f32; 4],
        recurrent: [f32; 4],
    }
}

pub(in crate::ops) const SHADERS: &[Shader] =
    &[shader!("recurrent", RecurrentParams, fragments: [GRID, SPECIAL, ACTIVATE])];

impl RecurrentKernel {
    /// The kernel for these sizes on a device.
    fn choose(cell: Cell, sizes: &Sizes, facts: &DeviceFacts) -> RecurrentKernel {
        if !RecurrentKernel::fits_one_dispatch(cell, sizes, facts) {
            return RecurrentKernel::StepByStep;
        }
        let alone = RecurrentKernel::Alone;
        let has_room = alone.group_rows(sizes) >= ALONE_LANES && alone.loop_steps(cell, sizes) <= facts.max_loop_steps;
        if facts.software && sizes.rows >= ALONE_ROWS && has_room { alone } else { RecurrentKernel::Together }
    }

    /// Whether a workgroup can keep the states of a row and run all steps. This does not depend on the batch, because
    /// memory is planned for all batch sizes.
    fn fits_one_dispatch(cell: Cell, sizes: &Sizes, facts: &DeviceFacts) -> bool {
        let (sizes, together) = (Sizes { rows: MOST_ROWS, ..*sizes }, RecurrentKernel::Together);
        together.group_rows(&sizes) > 0 && together.loop_steps(cell, &sizes) <= facts.max_loop_steps
    }

    /// The number of rows per workgroup. Together, as many as have an invocation per unit; alone, as many as fill a
    /// SIMD vector. 0 if workgroup memory cannot hold the states of one row.
    fn group_rows(self, sizes: &Sizes) -> usize {
        let most = match self {
            RecurrentKernel::Together => (WORKGROUP_SIZE as usize / sizes.units.next_power_of_two()).max(1),
            RecurrentKernel::Alone => MOST_LANES,
            RecurrentKernel::StepByStep => return 1,
        };
        let needed = sizes.rows.max(1).next_power_of_two();
        (FLOATS / (VECTORS * 4 * sizes.quads())).min(most).min(needed)
    }

    /// The number of invocations that share the units of a row.
    fn lanes(self, sizes: &Sizes) -> usize {
        let together = WORKGROUP_SIZE as usize / self.group_rows(sizes).max(1);
        if self == RecurrentKernel::Together { together } else { 1 }
    }

    /// The number of loop steps in one invocation.
    fn loop_steps(self, cell: Cell, sizes: &Sizes) -> usize {
        // In addition to the sums: the loops over units, gates and the activation.
        let of_unit = sizes.quads().saturating_add(if cell == Cell::Lstm { 1 + 3 + 2 } else { 1 + 3 });
        if self == RecurrentKernel::StepByStep {
            // It reads the mask of all steps up to its own.
            return of_unit.saturating_add(sizes.steps);
        }
        let lanes = self.lanes(sizes);
        let units = sizes.units.div_ceil(lanes);
        let passes = if resets_before(cell) { 2 } else { 1 };
        let of_step = units.saturating_mul(of_unit).saturating_mul(passes).saturating_add(1);
        sizes.steps.saturating_mul(of_step).saturating_add((4 * sizes.quads()).div_ceil(lanes))
    }
}

/// Whether the reset gates of all units are needed before the candidate of any unit.
fn resets_before(cell: Cell) -> bool {
    cell == Cell::Gru { reset_after: false }
}

/// The number of floats of scratch space before each row of output: the states of a row, if this device runs step by
/// step.
pub(super) fn scratch(operator: &Recurrent, sizes: &Sizes, facts: &DeviceFacts) -> usize {
    let one_dispatch = RecurrentKernel::fits_one_dispatch(operator.cell, sizes, facts);
    match operator.kernel {
        Some(kernel) if kernel != RecurrentKernel::StepByStep => 0,
        None if one_dispatch => 0,
        _ => {
            // Padded, so that the offset of the output is aligned for any number of rows.
            let aligned = facts.binding_alignment_bytes.div_ceil(4).max(1) as usize;
            (VECTORS * 4).saturating_mul(sizes.quads()).div_ceil(aligned).saturating_mul(aligned)
        }
    }
}

pub(super) fn kernels(operator: &Recurrent, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
    let sizes = Sizes::of(&request.inputs[0].shape, &request.inputs[1].shape);
    let kernel = operator.kernel.unwrap_or_else(|| RecurrentKernel::choose(operator.cell, &sizes, request.device));
    let group_rows = kernel.group_rows(&sizes);
    if group_rows == 0 {
        let (units, most) = (sizes.units, FLOATS / VECTORS / 4 * 4);
        return Err(Error::device_limit(format!(
            "{units} units are more than the {most} whose states a workgroup keeps"
        )));
    }
    expect_loops(request, kernel.loop_steps(operator.cell, &sizes))?;
    for operand in request.inputs {
        word(operand.len())?;
    }
    let before = scratch(operator, &sizes, request.device).saturating_mul(sizes.rows);
    let at = |output: usize| match request.output_words.get(output) {
        Some(words) => word(before.saturating_add(*words)),
        None => Ok(0),
    };
    for (output, ty) in request.outputs.iter().enumerate() {
        word(ty.len().saturating_add(at(output)? as usize))?;
    }
    let params = RecurrentParams {
        output_at: at(0)?,
        hidden_at: at(1)?,
        carried_at: at(2)?,
        ..params(operator, &sizes, group_rows)?
    };
    // If there is no third input, its binding is not read.
    let beside = if request.inputs.len() > 2 { 2 } else { 1 };
    let output = if before > 0 { Binding::scratch_and_output() } else { Binding::output() };
    let dispatch = |entry_point, params: RecurrentParams, workgroups| {
        let mut kernel = constants(operator, Kernel::new("recurrent", &params, 0, workgroups).entry_point(entry_point));
        kernel.bindings = vec![Binding::input(0), Binding::input(1), Binding::input(beside), output.clone()];
        kernel
    };
    let entry_point = match kernel {
        RecurrentKernel::Together => "together",
        RecurrentKernel::Alone => "alone",
        RecurrentKernel::StepByStep => return step_by_step(operator.cell, &sizes, params, dispatch),
    };
    Ok(vec![dispatch(entry_point, params, workgroups(sizes.rows.div_ceil(group_rows)))])
}

/// The initial states, then one or two dispatches per step.
fn step_by_step(
    cell: Cell,
    sizes: &Sizes,
    params: RecurrentParams,
    dispatch: impl Fn(&'static str, RecurrentParams, [u32; 3]) -> Kernel,
) -> Result<Vec<Kernel>> {
    let Sizes { rows, steps, units, .. } = *sizes;
    if steps > MOST_STEPS {
        return Err(Error::device_limit(format!(
            "{steps} steps are more than the {MOST_STEPS} that are taken a dispatch each"
        ))
        .cause(format!("the states of {units} units, or loops over all steps, are too much for one dispatch"))
        .hint("run on the CPU (Device::Cpu)"));
    }
    let one = |phase, step, count| {
        let params = RecurrentParams { phase, step, ..params };
        dispatch("one_phase", params, invocations(count)).constant("in_memory", 1.0)
    };
    let mut kernels = vec![one(BEGIN, 0, rows * 4 * sizes.quads())];
    for step in 0..word(steps)? {
        if resets_before(cell) {
            kernels.push(one(RESET, step, rows * units));
        }
        kernels.push(one(ADVANCE, step, rows * units));
    }
    Ok(kernels)
}

fn params(operator: &Recurrent, sizes: &Sizes, group_rows: usize) -> Result<RecurrentParams> {
    let Sizes { rows, steps, units, .. } = *sizes;
    let (_, [a, b, c]) = Function::encode(operator.activation);
    let (_, [d, e, f]) = Function::encode(operator.recurrent_activation);
    let [of_mask, of_states] = operator.beside(steps, units);
    Ok(RecurrentParams {
        rows: word(rows)?,
        steps: word(steps)?,
        units: word(units)?,
        quads: word(sizes.quads())?,
        group_rows: word(group_rows)?,
        beside: word(of_mask + of_states)?,
        masked: match operator.masked {
            None => 0,
            Some(MaskedOutput::State) => 1,
            Some(MaskedOutput::Previous) => 2,
            Some(MaskedOutput::Zero) => 3,
        },
        initial: u32::from(operator.initial),
        initial_at: word(of_mask)?,
        order: match operator.order {
            Order::Forwards => 0,
            Order::Backwards => 1,
            Order::BackwardsInPlace => 2,
        },
        sequence: u32::from(operator.output == RecurrentOutput::Sequence),
        output_at: 0,
        hidden_at: 0,
        carried_at: 0,
        phase: 0,
        step: 0,
        function: [a, b, c, 0.0],
        recurrent: [d, e, f, 0.0],
    })
}

/// The common parts of all kernels of an operator.
fn constants(operator: &Recurrent, kernel: Kernel) -> Kernel {
    let cell = match operator.cell {
        Cell::Simple => 0,
        Cell::Gru { reset_after: false } => 1,
        Cell::Gru { reset_after: true } => 2,
        Cell::Lstm => 3,
    };
    let (function, _) = Function::encode(operator.activation);
    let (recurrent_function, _) = Function::encode(operator.recurrent_activation);
    kernel
        .constant("cell", f64::from(cell))
        .constant("function", f64::from(function))
        .constant("recurrent_function", f64::from(recurrent_function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shader_has_room_for_as_many_floats() {
        assert!(SHADERS[0].source.contains(&format!("var<workgroup> values: array<f32, {FLOATS}>;")));
    }

    #[test]
    fn a_workgroup_has_rows_as_lanes_and_memory_allow() {
        let group_rows =
            |kernel: RecurrentKernel, rows, units| kernel.group_rows(&Sizes { rows, steps: 1, units, gates: 1 });
        let together = |rows, units| group_rows(RecurrentKernel::Together, rows, units);
        assert_eq!([together(99, 64), together(99, 33), together(99, 32), together(99, 5)], [1, 1, 2, 8]);
        assert_eq!([together(1, 5), together(3, 5), together(99, 1), together(9, 1360)], [1, 4, 64, 1]);
        let alone = |rows, units| group_rows(RecurrentKernel::Alone, rows, units);
        assert_eq!([alone(99, 5), alone(99, 200), alone(99, 512), alone(3, 5), alone(9, 1361)], [8, 6, 2, 4, 0]);
        assert_eq!(RecurrentKernel::Together.lanes(&Sizes { rows: 9, steps: 1, units: 24, gates: 1 }), 32);
    }

    #[test]
    fn rows_are_alone_where_software_has_room_for_a_vector_of_them() {
        let software = DeviceFacts { software: true, ..DeviceFacts::FLOOR };
        let choose = |rows, units, facts: &DeviceFacts| {
            RecurrentKernel::choose(Cell::Lstm, &Sizes { rows, steps: 50, units, gates: 4 }, facts)
        };
        assert_eq!(choose(32, 64, &software), RecurrentKernel::Alone);
        assert_eq!(choose(1, 64, &software), RecurrentKernel::Together);
        assert_eq!(choose(32, 512, &software), RecurrentKernel::Together);
        assert_eq!(choose(32, 64, &DeviceFacts::FLOOR), RecurrentKernel::Together);
        let limited = DeviceFacts { max_loop_steps: 1 << 16, ..software };
        assert_eq!(choose(32, 80, &limited), RecurrentKernel::Together, "96 050 steps");
        // The choice is the same for any batch, because memory is planned before the batch size is known.
        let limited = DeviceFacts { max_loop_steps: 999, ..software };
        assert_eq!([1, 32].map(|rows| choose(rows, 80, &limited)), [RecurrentKernel::StepByStep; 2]);
        assert_eq!([1, 32].map(|rows| choose(rows, 1361, &software)), [RecurrentKernel::StepByStep; 2]);
    }
}
