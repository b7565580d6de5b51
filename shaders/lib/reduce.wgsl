// Reductions over the 64 invocations of a workgroup. Every invocation must call them, and gets the result.
// Builds on special.wgsl: NaN wins a maximum.

var<workgroup> reduce_lanes: array<f32, 64>;

fn reduce_sum(lane: u32, value: f32) -> f32 {
    reduce_lanes[lane] = value;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if lane < half {
            reduce_lanes[lane] += reduce_lanes[lane + half];
        }
        workgroupBarrier();
    }
    let total = reduce_lanes[0];
    // The next reduction may overwrite the lanes only after everybody has read the result.
    workgroupBarrier();
    return total;
}

fn reduce_max(lane: u32, value: f32) -> f32 {
    reduce_lanes[lane] = value;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if lane < half {
            reduce_lanes[lane] = maximum(reduce_lanes[lane], reduce_lanes[lane + half]);
        }
        workgroupBarrier();
    }
    let largest = reduce_lanes[0];
    workgroupBarrier();
    return largest;
}
