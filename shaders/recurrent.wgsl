// The recurrence of SimpleRNN, GRU and LSTM over all steps of a sequence: see src/ops/recurrent.rs for the formulas. The
// states of a row stay in workgroup memory. Either a workgroup takes a row through the steps together, or a few rows of few
// units, an invocation a unit, with barriers between; or each of its invocations takes a row of its own, without. Or they
// stay in memory, and a dispatch takes all units of all rows through a step.

struct Params {
    rows: u32,
    steps: u32,
    units: u32,
    // Quads of a state, the last padded by zeros.
    quads: u32,
    // Rows of a workgroup, a power of 2 if it works together.
    group_rows: u32,
    // Numbers beside each row: a mask if `masked`, then the initial states from `initial_at` on if `initial`.
    beside: u32,
    // 0: all steps count. Others do not change the states, and put out 1: the state, 2: what the step before did,
    // 3: zeros.
    masked: u32,
    initial: u32,
    initial_at: u32,
    // 0: steps are taken from the first to the last. From the last to the first, and outputs stand 1: in that order,
    // 2: where their inputs do.
    order: u32,
    // Whether each step is put out, or the last.
    sequence: u32,
    // Where the first output stands, behind the states if they are in memory, then the states behind the last step: 0 where
    // they are no outputs.
    output_at: u32,
    hidden_at: u32,
    carried_at: u32,
    // What a dispatch is for that does one thing alone, and of which step.
    phase: u32,
    step: u32,
    // The parameters of the two functions.
    function: vec4<f32>,
    recurrent: vec4<f32>,
}

const SIMPLE: u32 = 0u;
const GRU: u32 = 1u;
const GRU_RESET_AFTER: u32 = 2u;
const LSTM: u32 = 3u;

const BEGIN: u32 = 0u;
const RESET: u32 = 1u;
const ADVANCE: u32 = 2u;

override cell: u32;
override function: u32;
override recurrent_function: u32;
// Whether the states are in memory before the output.
override in_memory: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
// By quads of states, gates and units; the biases behind the last quad of states.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> beside: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// Of a row: the states before and after a step, which change places with each, then what an LSTM carries, or the states
// of a GRU behind the reset gate. Each row has a slice of its own, from `slice` on.
var<workgroup> values: array<f32, 4088>;
var<private> slice: u32;

fn held(at: u32) -> f32 {
    if in_memory {
        return output[at];
    }
    return values[at];
}

fn hold(at: u32, value: f32) {
    if in_memory {
        output[at] = value;
    } else {
        values[at] = value;
    }
}

fn gates() -> u32 {
    if cell == SIMPLE {
        return 1u;
    }
    return select(3u, 4u, cell == LSTM);
}

// Where the states stand before step `step`; those after it are where they stand before the next.
fn states_before(step: u32) -> u32 {
    return slice + (step & 1u) * 4u * params.quads;
}

fn third() -> u32 {
    return slice + 8u * params.quads;
}

fn input_step(step: u32) -> u32 {
    return select(step, params.steps - 1u - step, params.order > 0u);
}

fn counts(row: u32, step: u32) -> bool {
    return params.masked == 0u || beside[row * params.beside + input_step(step)] != 0.0;
}

// An invocation's share of the units begins at `start` and goes on by `by`: alone 0 and 1.
fn begin(row: u32, start: u32, by: u32) {
    for (var k = start; k < 4u * params.quads; k += by) {
        var hidden = 0.0;
        var carried = 0.0;
        if params.initial == 1u && k < params.units {
            let at = row * params.beside + params.initial_at + k;
            hidden = beside[at];
            if cell == LSTM {
                carried = beside[at + params.units];
            }
        }
        hold(states_before(0u) + k, hidden);
        // Zeros behind the last state, where nothing is written any more.
        hold(states_before(1u) + k, 0.0);
        hold(third() + k, carried);
    }
}

// The sums of a unit's gates from `first` up to `last` over the states from `states` on.
fn sums(states: u32, unit: u32, first: u32, last: u32) -> vec4<f32> {
    let units = params.units;
    let stride = gates() * units;
    var at = params.quads * stride + unit;
    var total = vec4<f32>();
    if first == 0u {
        total.x = weights[at].x;
        if last > 1u {
            total.y = weights[at + units].x;
        }
    }
    if last > 2u {
        total.z = weights[at + 2u * units].x;
    }
    if last > 3u {
        total.w = weights[at + 3u * units].x;
    }
    at = unit;
    for (var quad = 0u; quad < params.quads; quad++) {
        let k = states + 4u * quad;
        let state = vec4(held(k), held(k + 1u), held(k + 2u), held(k + 3u));
        if first == 0u {
            total.x += dot(weights[at], state);
            if last > 1u {
                total.y += dot(weights[at + units], state);
            }
        }
        if last > 2u {
            total.z += dot(weights[at + 2u * units], state);
        }
        if last > 3u {
            total.w += dot(weights[at + 3u * units], state);
        }
        at += stride;
    }
    return total;
}

// The first `count` values through the recurrent activation. By a loop, because drivers copy a function to where it is
// called before they drop the branches that the constants exclude, and an activation has many.
fn open(sums: vec3<f32>, count: u32) -> vec3<f32> {
    var opened = sums;
    for (var gate = 0u; gate < count; gate++) {
        opened[gate] = activate(recurrent_function, opened[gate], params.recurrent.xyz);
    }
    return opened;
}

// The input of a unit's first gate; those of the others follow by `units`.
fn input_at(row: u32, step: u32, unit: u32) -> u32 {
    return (row * params.steps + input_step(step)) * gates() * params.units + unit;
}

// What a GRU needs of all units before its candidate: the update gate, where the next state will be, and the states
// behind the reset gate.
fn reset(row: u32, step: u32, start: u32, by: u32) {
    let before = states_before(step);
    for (var unit = start; unit < params.units; unit += by) {
        let at = input_at(row, step, unit);
        let total = sums(before, unit, 0u, 2u);
        let opened = open(vec3(input[at] + total.x, input[at + params.units] + total.y, 0.0), 2u);
        hold(states_before(step + 1u) + unit, opened.x);
        hold(third() + unit, opened.y * held(before + unit));
    }
}

// The state of a unit after a step that counts.
fn next_state(row: u32, step: u32, unit: u32) -> f32 {
    let units = params.units;
    let before = states_before(step);
    let state = held(before + unit);
    let at = input_at(row, step, unit);
    var opened = vec3<f32>();
    var candidate = 0.0;
    if cell == GRU {
        opened.x = held(states_before(step + 1u) + unit);
        candidate = input[at + 2u * units] + sums(third(), unit, 2u, 3u).z;
    } else {
        let total = sums(before, unit, 0u, gates());
        if cell == SIMPLE {
            candidate = input[at] + total.x;
        } else {
            let w = select(0.0, input[at + (gates() - 1u) * units] + total.w, cell == LSTM);
            opened = open(vec3(input[at] + total.x, input[at + units] + total.y, w), gates() - 1u);
            candidate = input[at + 2u * units] + select(1.0, opened.y, cell == GRU_RESET_AFTER) * total.z;
        }
    }
    var next = 0.0;
    // The candidate first, then what an LSTM carries, which goes through the same function.
    for (var turn = 0u; turn < select(1u, 2u, cell == LSTM); turn++) {
        next = activate(function, candidate, params.function.xyz);
        if cell == LSTM && turn == 0u {
            candidate = opened.y * held(third() + unit) + opened.x * next;
            hold(third() + unit, candidate);
        }
    }
    if cell == LSTM {
        return opened.z * next;
    }
    if cell == SIMPLE {
        return next;
    }
    return opened.x * state + (1.0 - opened.x) * next;
}

// Takes the units through a step, and puts out what is kept of it.
fn advance(row: u32, step: u32, counted: bool, seen: bool, start: u32, by: u32) {
    let is_last = step + 1u == params.steps;
    let shown = counted || params.masked == 1u || (params.masked == 2u && seen);
    let out = params.output_at + row * params.units * select(1u, params.steps, params.sequence == 1u);
    let place = select(step, params.steps - 1u - step, params.order == 2u);
    for (var unit = start; unit < params.units; unit += by) {
        var state = held(states_before(step) + unit);
        if counted {
            state = next_state(row, step, unit);
        }
        hold(states_before(step + 1u) + unit, state);
        if params.sequence == 1u {
            output[out + place * params.units + unit] = select(0.0, state, shown);
        } else if is_last {
            output[out + unit] = select(0.0, state, shown);
        }
        if is_last && params.hidden_at > 0u {
            output[params.hidden_at + row * params.units + unit] = state;
            if cell == LSTM {
                output[params.carried_at + row * params.units + unit] = held(third() + unit);
            }
        }
    }
}

// For few rows, or many units.
@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_row = workgroup_index(workgroup, workgroups) * params.group_rows;
    // The same for the whole workgroup, as are the steps, so all reach the barriers.
    if first_row >= params.rows {
        return;
    }
    let lanes = 64u / params.group_rows;
    let row = first_row + lane / lanes;
    let start = lane % lanes;
    let is_row = row < params.rows;
    slice = lane / lanes * 12u * params.quads;
    if is_row {
        begin(row, start, lanes);
    }
    var seen = false;
    for (var step = 0u; step < params.steps; step++) {
        workgroupBarrier();
        var counted = false;
        if is_row {
            counted = counts(row, step);
            seen = seen || counted;
        }
        if cell == GRU {
            if is_row {
                reset(row, step, start, lanes);
            }
            workgroupBarrier();
        }
        if is_row {
            advance(row, step, counted, seen, start, lanes);
        }
    }
}

// For many rows, where barriers are dear.
@compute @workgroup_size(64)
fn alone(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(workgroup, workgroups) * params.group_rows + lane;
    if lane >= params.group_rows || row >= params.rows {
        return;
    }
    slice = lane * 12u * params.quads;
    begin(row, 0u, 1u);
    var seen = false;
    for (var step = 0u; step < params.steps; step++) {
        let counted = counts(row, step);
        seen = seen || counted;
        if cell == GRU {
            reset(row, step, 0u, 1u);
        }
        advance(row, step, counted, seen, 0u, 1u);
    }
}

// For states in memory. An invocation has a unit of a row; to begin with, a state or one of the zeros behind them.
@compute @workgroup_size(64)
fn one_phase(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    let width = select(params.units, 4u * params.quads, params.phase == BEGIN);
    let row = index / width;
    if row >= params.rows {
        return;
    }
    let own = index % width;
    slice = row * 12u * params.quads;
    if params.phase == BEGIN {
        begin(row, own, width);
        return;
    }
    if params.phase == RESET {
        reset(row, params.step, own, width);
        return;
    }
    let counted = counts(row, params.step);
    var seen = counted;
    for (var step = 0u; step < params.step && !seen; step++) {
        seen = counts(row, step);
    }
    advance(row, params.step, counted, seen, own, width);
}
