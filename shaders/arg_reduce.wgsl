// Where the first of the best words along the middle of [outer, length, inner] stands: one invocation a line, or one
// workgroup.

override is_integer: bool;
override largest: bool;

struct Params {
    lines: u32,
    length: u32,
    inner: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

var<workgroup> latenesses: array<u32, 64>;
var<workgroup> places: array<u32, 64>;

// The lateness and place of the best of every `step`-th word from `first` on; words that come as late later on do not win.
fn best_of(line: u32, first: u32, step: u32) -> vec2<u32> {
    let start = line / params.inner * params.length * params.inner + line % params.inner;
    // Later than any other.
    var best = vec2(0xffffffffu, 0xffffffffu);
    for (var k = first; k < params.length; k += step) {
        let found = lateness(input[start + k * params.inner], is_integer, largest);
        if comes_before(found, k, best.x, best.y) {
            best = vec2(found, k);
        }
    }
    return best;
}

@compute @workgroup_size(64)
fn alone(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = invocation_index(workgroup, workgroups, lane);
    if line >= params.lines {
        return;
    }
    output[line] = best_of(line, 0u, 1u).y;
}

@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = workgroup_index(workgroup, workgroups);
    if line >= params.lines {
        return;
    }
    let own = best_of(line, lane, 64u);
    latenesses[lane] = own.x;
    places[lane] = own.y;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if lane < half {
            let other = lane + half;
            if comes_before(latenesses[other], places[other], latenesses[lane], places[lane]) {
                latenesses[lane] = latenesses[other];
                places[lane] = places[other];
            }
        }
        workgroupBarrier();
    }
    if lane == 0u {
        output[line] = places[0];
    }
}
