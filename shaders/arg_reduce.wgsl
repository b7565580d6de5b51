// Where the first of the best words along the middle of [outer, length, inner] stands, by a segment a line: by
// elements, by quads where a line is of whole quads that follow each other, or by columns, where an invocation takes
// four neighbouring lines alone.

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

// The same, for `quads` and `columns`.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> output_quads: array<vec4<u32>>;

var<workgroup> lane_latenesses: array<u32, 64>;
var<workgroup> lane_places: array<u32, 64>;

// The latest there is. Only an earlier word wins, so that of words that come as late the first is found.
const LATEST = 0xffffffffu;

// Writes the place of the best of what the lanes of a line found.
fn write_best(seat: Seat, lateness: u32, place: u32) {
    var best = place;
    if lanes > 1u {
        lane_latenesses[seat.slot] = lateness;
        lane_places[seat.slot] = place;
        workgroupBarrier();
        for (var half = lanes / 2u; half > 0u; half /= 2u) {
            if seat.lane < half {
                let other = seat.slot + half;
                let own_lateness = lane_latenesses[seat.slot];
                if comes_before(lane_latenesses[other], lane_places[other], own_lateness, lane_places[seat.slot]) {
                    lane_latenesses[seat.slot] = lane_latenesses[other];
                    lane_places[seat.slot] = lane_places[other];
                }
            }
            workgroupBarrier();
        }
        best = lane_places[seat.slot];
    }
    if seat.lane == 0u && seat.line < params.lines {
        output[seat.line] = best;
    }
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, params.inner > 1u);
    let end = select(0u, params.length, seat.line < params.lines);
    let start = seat.line / params.inner * params.length * params.inner + seat.line % params.inner;
    var best = LATEST;
    // A lane without a word has a place behind all.
    var place = seat.lane;
    for (var k = seat.lane; k < end; k += lanes) {
        let found = lateness(input[start + k * params.inner], is_integer, largest);
        place = select(place, k, found < best);
        best = min(best, found);
    }
    write_best(seat, best, place);
}

// A multiple of 4 long, and inner is 1.
@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, false);
    let end = select(0u, params.length / 4u, seat.line < params.lines);
    let start = seat.line * (params.length / 4u);
    var best = vec4(LATEST);
    var place = vec4(seat.lane);
    for (var k = seat.lane; k < end; k += lanes) {
        let found = quad_lateness(input_quads[start + k], is_integer, largest);
        place = select(place, vec4(k), found < best);
        best = min(best, found);
    }
    place = place * 4u + vec4(0u, 1u, 2u, 3u);
    let low = comes_before(best.y, place.y, best.x, place.x);
    let high = comes_before(best.w, place.w, best.z, place.z);
    let first = select(vec2(best.x, place.x), vec2(best.y, place.y), low);
    let second = select(vec2(best.z, place.z), vec2(best.w, place.w), high);
    let all = select(first, second, comes_before(second.x, second.y, first.x, first.y));
    write_best(seat, all.x, all.y);
}

// Inner is a multiple of 4.
@compute @workgroup_size(64)
fn columns(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let column = invocation_index(workgroup, workgroups, invocation);
    if column >= params.lines / 4u {
        return;
    }
    let inner = params.inner / 4u;
    let start = column / inner * params.length * inner + column % inner;
    var best = vec4(LATEST);
    var place = vec4(0u);
    for (var k = 0u; k < params.length; k++) {
        let found = quad_lateness(input_quads[start + k * inner], is_integer, largest);
        place = select(place, vec4(k), found < best);
        best = min(best, found);
    }
    output_quads[column] = place;
}
