// What the words along the middle of [outer, length, inner] come to: one invocation a line, or one workgroup. `sum` and
// `largest` are what most models need; the others take the function by number: see src/ops/reduce.rs.

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
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// The same, for integers too.
@group(0) @binding(1) var<storage, read> input_words: array<u32>;
@group(0) @binding(2) var<storage, read_write> output_words: array<u32>;

var<workgroup> partials: array<u32, 64>;

fn line_start(line: u32) -> u32 {
    return line / params.inner * params.length * params.inner + line % params.inner;
}

@compute @workgroup_size(64)
fn sum(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = invocation_index(workgroup, workgroups, lane);
    if line >= params.count {
        return;
    }
    let start = line_start(line);
    var total = 0.0;
    for (var k = 0u; k < params.length; k++) {
        total += input[start + k * params.inner];
    }
    output[line] = total / params.divisor;
}

@compute @workgroup_size(64)
fn largest(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = invocation_index(workgroup, workgroups, lane);
    if line >= params.count {
        return;
    }
    let start = line_start(line);
    var found = input[start];
    for (var k = 1u; k < params.length; k++) {
        found = maximum(found, input[start + k * params.inner]);
    }
    output[line] = found;
}

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

// What every `step`-th word of a line from `first` on comes to.
fn partial(line: u32, first: u32, step: u32, shift: f32) -> u32 {
    let start = line_start(line);
    var total = neutral();
    for (var k = first; k < params.length; k += step) {
        total = combine(total, term(input_words[start + k * params.inner], shift));
    }
    return total;
}

// The largest of every `step`-th word.
fn partial_largest(line: u32, first: u32, step: u32) -> f32 {
    let start = line_start(line);
    var found = bitcast<f32>(0xff800000u);
    for (var k = first; k < params.length; k += step) {
        found = maximum(found, bitcast<f32>(input_words[start + k * params.inner]));
    }
    return found;
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
fn alone(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = invocation_index(workgroup, workgroups, lane);
    if line >= params.count {
        return;
    }
    var shift = 0.0;
    if function == LOG_SUM_EXP {
        shift = partial_largest(line, 0u, 1u);
    }
    output_words[line] = finish(partial(line, 0u, 1u, shift), shift);
}

@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = workgroup_index(workgroup, workgroups);
    if line >= params.count {
        return;
    }
    var shift = 0.0;
    if function == LOG_SUM_EXP {
        shift = reduce_max(lane, partial_largest(line, lane, 64u));
    }
    partials[lane] = partial(line, lane, 64u, shift);
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if lane < half {
            partials[lane] = combine(partials[lane], partials[lane + half]);
        }
        workgroupBarrier();
    }
    if lane == 0u {
        output_words[line] = finish(partials[0], shift);
    }
}
