// What the words along the middle of [outer, length, inner] come to, by a segment a line: by elements, by quads where a
// line is of whole quads that follow each other, or by columns, where an invocation takes four neighbouring lines
// alone. The function is a number: see src/ops/reduce.rs.

const SUM = 0u;
const LARGEST = 1u;
const SMALLEST = 2u;
const PRODUCT = 3u;
const L1 = 4u;
const L2 = 5u;
const LOG_SUM_EXP = 6u;

override function: u32 = SUM;
override is_integer: bool = false;

struct Params {
    count: u32,
    length: u32,
    inner: u32,
    divisor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

// The same, for floats.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output_quads: array<vec4<f32>>;

var<workgroup> partials: array<u32, 64>;

// What no words come to.
fn neutral() -> u32 {
    switch function {
        case LARGEST: { return select(0xff800000u, 0x80000000u, is_integer); }
        case SMALLEST: { return select(0x7f800000u, 0x7fffffffu, is_integer); }
        case PRODUCT: { return select(0x3f800000u, 1u, is_integer); }
        default: { return 0u; }
    }
}

fn combine_integers(left: i32, right: i32) -> i32 {
    switch function {
        case LARGEST: { return max(left, right); }
        case SMALLEST: { return min(left, right); }
        case PRODUCT: { return left * right; }
        default: { return left + right; }
    }
}

fn combine_floats(left: f32, right: f32) -> f32 {
    switch function {
        case LARGEST: { return maximum(left, right); }
        case SMALLEST: { return minimum(left, right); }
        case PRODUCT: { return left * right; }
        default: { return left + right; }
    }
}

fn combine_quads(left: vec4<f32>, right: vec4<f32>) -> vec4<f32> {
    switch function {
        case LARGEST: { return maxima(left, right); }
        case SMALLEST: { return -maxima(-left, -right); }
        case PRODUCT: { return left * right; }
        default: { return left + right; }
    }
}

fn combine(left: u32, right: u32) -> u32 {
    if is_integer {
        return bitcast<u32>(combine_integers(bitcast<i32>(left), bitcast<i32>(right)));
    }
    return bitcast<u32>(combine_floats(bitcast<f32>(left), bitcast<f32>(right)));
}

// What is summed for a word, where `shift` is the largest of its line.
fn term(word: u32, shift: f32) -> u32 {
    let x = bitcast<f32>(word);
    switch function {
        case L1: { return word & 0x7fffffffu; }
        case L2: { return bitcast<u32>(x * x); }
        case LOG_SUM_EXP: { return bitcast<u32>(exponential(x - shift)); }
        default: { return word; }
    }
}

fn terms(x: vec4<f32>, shift: vec4<f32>) -> vec4<f32> {
    switch function {
        case L1: { return abs(x); }
        case L2: { return x * x; }
        case LOG_SUM_EXP: { return exponentials(x - shift); }
        default: { return x; }
    }
}

// What the quads of a line that are `step` apart come to, number by number.
fn partial_quads(start: u32, first: u32, end: u32, step: u32, stride: u32, shift: vec4<f32>) -> vec4<f32> {
    var total = vec4(bitcast<f32>(neutral()));
    for (var k = first; k < end; k += step) {
        total = combine_quads(total, terms(input_quads[start + k * stride], shift));
    }
    return total;
}

fn largest_quads(start: u32, first: u32, end: u32, step: u32, stride: u32) -> vec4<f32> {
    var found = vec4(bitcast<f32>(0xff800000u));
    for (var k = first; k < end; k += step) {
        found = maxima(found, input_quads[start + k * stride]);
    }
    return found;
}

// What the partial results of a segment come to.
fn combine_segment(seat: Seat, own: u32) -> u32 {
    if lanes == 1u {
        return own;
    }
    partials[seat.slot] = own;
    workgroupBarrier();
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
        if seat.lane < half {
            partials[seat.slot] = combine(partials[seat.slot], partials[seat.slot + half]);
        }
        workgroupBarrier();
    }
    return partials[seat.slot - seat.lane];
}

fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn finish(total: u32, shift: f32) -> u32 {
    let x = bitcast<f32>(total);
    switch function {
        case SUM: { return select(bitcast<u32>(x / params.divisor), total, is_integer); }
        case L2: { return select(bitcast<u32>(sqrt(x)), total, !is_finite(x)); }
        case LOG_SUM_EXP: { return bitcast<u32>(select(shift, shift + logarithm(x), is_finite(shift))); }
        default: { return total; }
    }
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, params.inner > 1u);
    let end = select(0u, params.length, seat.line < params.count);
    let start = seat.line / params.inner * params.length * params.inner + seat.line % params.inner;
    var shift = 0.0;
    if function == LOG_SUM_EXP {
        shift = bitcast<f32>(0xff800000u);
        for (var k = seat.lane; k < end; k += lanes) {
            shift = maximum(shift, bitcast<f32>(input[start + k * params.inner]));
        }
        shift = reduce_max(seat, shift);
    }
    var total = neutral();
    for (var block = seat.lane; block < end; block += BLOCK * lanes) {
        let last = min(block + BLOCK * lanes, end);
        var part = neutral();
        for (var k = block; k < last; k += lanes) {
            part = combine(part, term(input[start + k * params.inner], shift));
        }
        total = combine(total, part);
    }
    total = combine_segment(seat, total);
    if seat.lane == 0u && seat.line < params.count {
        output[seat.line] = finish(total, shift);
    }
}

// Floats, a multiple of 4 long, and inner is 1.
@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, false);
    let end = select(0u, params.length / 4u, seat.line < params.count);
    let start = seat.line * (params.length / 4u);
    var shift = 0.0;
    if function == LOG_SUM_EXP {
        let found = largest_quads(start, seat.lane, end, lanes, 1u);
        shift = reduce_max(seat, maximum(maximum(found.x, found.y), maximum(found.z, found.w)));
    }
    let total = bitcast<vec4<u32>>(partial_quads(start, seat.lane, end, lanes, 1u, vec4(shift)));
    let all = combine_segment(seat, combine(combine(total.x, total.y), combine(total.z, total.w)));
    if seat.lane == 0u && seat.line < params.count {
        output[seat.line] = finish(all, shift);
    }
}

// Floats, and inner is a multiple of 4.
@compute @workgroup_size(64)
fn columns(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let column = invocation_index(workgroup, workgroups, invocation);
    if column >= params.count / 4u {
        return;
    }
    let inner = params.inner / 4u;
    let start = column / inner * params.length * inner + column % inner;
    var shift = vec4(0.0);
    if function == LOG_SUM_EXP {
        shift = largest_quads(start, 0u, params.length, 1u, inner);
    }
    let total = bitcast<vec4<u32>>(partial_quads(start, 0u, params.length, 1u, inner, shift));
    output_quads[column] = bitcast<vec4<f32>>(vec4(
        finish(total.x, shift.x),
        finish(total.y, shift.y),
        finish(total.z, shift.z),
        finish(total.w, shift.w),
    ));
}
