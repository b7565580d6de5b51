// output[row, token] says whether, or how often, the token is among ids[row, :]: one invocation an output element.

struct Params {
    count: u32,
    tokens: u32,
    steps: u32,
    // Whether repeated ids count.
    counts: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

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
    let token = i32(index % params.tokens);
    let start = index / params.tokens * params.steps;
    var found = 0u;
    for (var step = 0u; step < params.steps; step++) {
        found += u32(ids[start + step] == token);
    }
    output[index] = f32(select(min(found, 1u), found, params.counts != 0u));
}
