// softmax or log_softmax along the middle of [outer, length, inner]: one workgroup a line.

struct Params {
    lines: u32,
    length: u32,
    inner: u32,
    log: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = workgroup_index(workgroup, workgroups);
    if line >= params.lines {
        return;
    }
    let start = line / params.inner * params.length * params.inner + line % params.inner;
    // Lanes without an element repeat element 0, which leaves the maximum as it is.
    var largest = input[start];
    for (var k = lane; k < params.length; k += 64u) {
        largest = maximum(largest, input[start + k * params.inner]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var k = lane; k < params.length; k += 64u) {
        sum += exponential(input[start + k * params.inner] - largest);
    }
    sum = reduce_sum(lane, sum);
    for (var k = lane; k < params.length; k += 64u) {
        let at = start + k * params.inner;
        let shifted = input[at] - largest;
        if params.log != 0u {
            output[at] = shifted - logarithm(sum);
        } else {
            output[at] = exponential(shifted) / sum;
        }
    }
}
