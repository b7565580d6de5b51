// Where each number stands among ascending keys, or the value of the key that it equals: one invocation a number.

struct Params {
    count: u32,
    keys: u32,
    absent: i32,
    spread: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> floats: array<f32>;
@group(0) @binding(2) var<storage, read> float_keys: array<f32>;
@group(0) @binding(3) var<storage, read_write> ranks: array<i32>;

// The same, for `value`.
@group(0) @binding(1) var<storage, read> integers: array<i32>;
@group(0) @binding(2) var<storage, read> integer_keys: array<i32>;
@group(0) @binding(3) var<storage, read> values: array<i32>;
@group(0) @binding(4) var<storage, read_write> found: array<i32>;

@compute @workgroup_size(64)
fn rank(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let x = floats[index];
    let beyond = is_nan(x);
    // The keys before `low` are at most x, those from `high` on are not.
    var low = 0u;
    var high = params.keys;
    for (var step = 0u; step < 32u && low < high; step++) {
        let middle = low + (high - low) / 2u;
        if beyond || float_keys[middle] <= x {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    ranks[index] = i32(low);
}

@compute @workgroup_size(64)
fn value(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let x = integers[index];
    // The keys before `low` are less than x, those from `high` on are not.
    var low = 0u;
    var high = params.keys;
    for (var step = 0u; step < 32u && low < high; step++) {
        let middle = low + (high - low) / 2u;
        if integer_keys[middle] < x {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    if low < params.keys && integer_keys[low] == x {
        found[index] = values[low];
        return;
    }
    let remainder = x % params.spread;
    found[index] = params.absent + select(remainder, remainder + params.spread, remainder < 0);
}
