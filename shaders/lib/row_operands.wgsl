// Instructions of row programs, and where the elements of their operands are. The shader declares the parameters, the
// buffers and the workgroup memory.

// An instruction: what to do for `tasks` elements of every group, and the operands.
struct Instruction {
    tasks: u32,
    // The last two dimensions of the elements.
    middle: u32,
    inner: u32,
    depth: u32,
    flags: u32,
    function: u32,
    factor: f32,
    extra: u32,
    parameters: vec4<u32>,
    to: Operand,
    left: Operand,
    right: Operand,
}

struct Operand {
    base: u32,
    strides: vec3<u32>,
    step: u32,
    sample: u32,
    position: u32,
    space: u32,
}

// An element of a task, and the group of rows.
struct Task {
    index: vec3<u32>,
    element: u32,
    group: u32,
}

fn operand_at(at: u32) -> Operand {
    let first = params.program[at];
    let second = params.program[at + 1u];
    return Operand(first.x, first.yzw, second.x, second.y, second.z, second.w);
}

fn instruction_at(at: u32) -> Instruction {
    let first = params.program[at];
    let second = params.program[at + 1u];
    return Instruction(
        first.y * params.groups,
        first.z,
        first.w,
        second.x,
        first.x,
        second.y,
        bitcast<f32>(second.z),
        second.w,
        params.program[at + 2u],
        operand_at(at + 3u),
        operand_at(at + 5u),
        operand_at(at + 7u),
    );
}

// The tasks of an instruction if it has this number. Software GPUs execute all branches of a switch, but no loop that
// has no steps.
fn tasks_of(the: Instruction, number: u32) -> u32 {
    return select(0u, the.tasks, (the.flags & 0xffu) == number);
}

// Through floats, because no SIMD unit divides integers. Exact up to 2^20, which MOST_ELEMENTS in
// src/ops/row_program.rs keeps.
fn quotient(dividend: u32, divisor: u32) -> u32 {
    return u32((f32(dividend) + 0.5) / f32(divisor));
}

fn task_of(the: Instruction, number: u32) -> Task {
    let element = quotient(number, params.groups);
    let rest = quotient(element, the.inner);
    let outer = quotient(rest, the.middle);
    let index = vec3(outer, rest - outer * the.middle, element - rest * the.inner);
    return Task(index, element, number - element * params.groups);
}

// The place of an element in the arena.
fn place(operand: Operand, index: vec3<u32>, group: u32) -> u32 {
    return address(operand, index) * params.groups + group;
}

fn address(operand: Operand, index: vec3<u32>) -> u32 {
    let parts = operand.strides * index;
    return operand.base + parts.x + parts.y + parts.z;
}

fn weight_word(at: u32) -> f32 {
    return weights[at / 4u][at % 4u];
}

// Where the elements of four rows are.
fn rows_at(operand: Operand, at: u32, group: u32) -> vec4<u32> {
    return vec4(at) + samples[group] * operand.sample + positions[group] * operand.position;
}

// The words of four rows in a source.
fn words(operand: Operand, at: u32, group: u32) -> vec4<u32> {
    let rows = rows_at(operand, at, group);
    if operand.space == 2u {
        return vec4(source[rows.x], source[rows.y], source[rows.z], source[rows.w]);
    }
    return vec4(tables[rows.x], tables[rows.y], tables[rows.z], tables[rows.w]);
}

// Writes an element of four rows to the output. Rows past the last are not written.
fn write_rows(operand: Operand, at: u32, group: u32, rows: vec4<f32>) {
    var value = rows;
    var places = rows_at(operand, at, group);
    for (var i = 0u; i < valid_rows[group]; i++) {
        output[places[i]] = value[i];
    }
}
