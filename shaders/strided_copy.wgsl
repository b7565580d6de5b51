// Copies an N-d block of words between two strided layouts:
// output[position . output_strides + output_offset] = input[position . input_strides + input_offset].
// Input strides may be negative, as two's complements: sums wrap.

struct Params {
    size: array<vec4<u32>, 2>,
    input_strides: array<vec4<u32>, 2>,
    output_strides: array<vec4<u32>, 2>,
    count: u32,
    output_offset: u32,
    input_offset: u32,
    padding: u32,
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
    var source = params.input_offset;
    var destination = params.output_offset;
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        source += position * params.input_strides[dim / 4u][dim % 4u];
        destination += position * params.output_strides[dim / 4u][dim % 4u];
    }
    output[destination] = input[source];
}
