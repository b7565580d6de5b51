// Lines that share a workgroup: each has a segment of `lanes` of its 64 invocations, a power of two. With one lane a
// line no kernel waits at a barrier. Builds on grid.wgsl.

override lanes: u32 = 64u;

// Numbers that a lane sums one by one. The rounding errors of a sum grow with their number, so long sums are those of
// blocks.
const BLOCK = 64u;

struct Seat {
    line: u32,
    // The number of the invocation in its segment.
    lane: u32,
    // Its place in workgroup memory, where a segment is in one piece.
    slot: u32,
}

// Neighbouring invocations share a line, or with `across` have neighbouring lines. The last lines may be out of range:
// their invocations have to reach every barrier too.
fn take_seat(workgroup: vec3<u32>, workgroups: vec3<u32>, invocation: u32, across: bool) -> Seat {
    let lines = 64u / lanes;
    let line = select(invocation / lanes, invocation % lines, across);
    let lane = select(invocation % lanes, invocation / lines, across);
    return Seat(workgroup_index(workgroup, workgroups) * lines + line, lane, line * lanes + lane);
}
