// Reductions over the segment of a line. Every invocation must call them, and gets the result of its segment.
// Builds on segment.wgsl, and on special.wgsl: NaN wins a maximum.

var<workgroup> reduce_slots: array<f32, 64>;

fn reduce_sum(seat: Seat, value: f32) -> f32 {
    if lanes == 1u {
        return value;
    }
    reduce_slots[seat.slot] = value;
    workgroupBarrier();
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
        if seat.lane < half {
            reduce_slots[seat.slot] += reduce_slots[seat.slot + half];
        }
        workgroupBarrier();
    }
    let total = reduce_slots[seat.slot - seat.lane];
    // The next reduction may overwrite the slots only after everybody has read the result.
    workgroupBarrier();
    return total;
}

fn reduce_max(seat: Seat, value: f32) -> f32 {
    if lanes == 1u {
        return value;
    }
    reduce_slots[seat.slot] = value;
    workgroupBarrier();
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
        if seat.lane < half {
            reduce_slots[seat.slot] = maximum(reduce_slots[seat.slot], reduce_slots[seat.slot + half]);
        }
        workgroupBarrier();
    }
    let largest = reduce_slots[seat.slot - seat.lane];
    workgroupBarrier();
    return largest;
}
