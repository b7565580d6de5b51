// output[i] = input[i - before], and 0 outside, along each of up to eight dimensions: one invocation a word.

struct Params {
    input: array<vec4<u32>, 2>,
    output: array<vec4<u32>, 2>,
    before: array<vec4<u32>, 2>,
    count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    var rest = index;
    var source = 0u;
    var stride = 1u;
    var inside = true;
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.output[dim / 4u][dim % 4u];
        let before = params.before[dim / 4u][dim % 4u];
        let within = params.input[dim / 4u][dim % 4u];
        // Wraps to a large number before the first position.
        let position = rest % size - before;
        inside = inside && position < within;
        source += position * stride;
        stride *= within;
        rest /= size;
    }
    var word = 0u;
    if inside {
        word = input[source];
    }
    output[index] = word;
}
