// What all words up to each along the middle of [outer, length, inner] add or multiply up to, by a segment a line, in
// which each lane takes a piece.

override is_integer: bool;
override is_product: bool;

struct Params {
    lines: u32,
    length: u32,
    inner: u32,
    exclusive: u32,
    reverse: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

var<workgroup> totals: array<u32, 64>;

// What nothing adds up to: 0, or 1 as an integer or a float.
fn neutral() -> u32 {
    return select(0u, select(0x3f800000u, 1u, is_integer), is_product);
}

// Integers wrap, with a sign or without.
fn accumulate(total: u32, word: u32) -> u32 {
    if is_integer {
        return select(total + word, total * word, is_product);
    }
    let left = bitcast<f32>(total);
    let right = bitcast<f32>(word);
    return bitcast<u32>(select(left + right, left * right, is_product));
}

fn place(line: u32, step: u32) -> u32 {
    let k = select(step, params.length - 1u - step, params.reverse != 0u);
    return (line / params.inner * params.length + k) * params.inner + line % params.inner;
}

// Accumulates steps first .. end, behind what those before them add up to.
fn write(line: u32, first: u32, end: u32, before: u32) {
    var total = before;
    for (var step = first; step < end; step++) {
        let at = place(line, step);
        let next = accumulate(total, input[at]);
        output[at] = select(next, total, params.exclusive != 0u);
        total = next;
    }
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, params.inner > 1u);
    let length = select(0u, params.length, seat.line < params.lines);
    if lanes == 1u {
        write(seat.line, 0u, length, neutral());
        return;
    }
    let piece = (length + lanes - 1u) / lanes;
    let first = min(seat.lane * piece, length);
    let end = min(first + piece, length);
    var total = neutral();
    for (var step = first; step < end; step++) {
        total = accumulate(total, input[place(seat.line, step)]);
    }
    totals[seat.slot] = total;
    workgroupBarrier();
    var before = neutral();
    for (var other = 0u; other < seat.lane; other++) {
        before = accumulate(before, totals[seat.slot - seat.lane + other]);
    }
    write(seat.line, first, end, before);
}
