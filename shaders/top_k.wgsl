// The best words along the middle of [outer, size, inner], in order, with their positions: see src/ops/top_k.rs.

override is_integer: bool;
override largest: bool;

const CAPACITY = 1024u;
const NONE = 0xffffffffu;

struct Params {
    lines: u32,
    size: u32,
    inner: u32,
    count: u32,
    // Of a line, and where the list of their positions stands; NONE if every position is a candidate.
    candidates: u32,
    source_at: u32,
    // Candidates of a block, and blocks of a line; for `merge` the length of a run.
    span: u32,
    blocks: u32,
    // How many a block gives at most.
    kept: u32,
    // Where the next list stands, its line and its block; NONE for the outputs.
    target_at: u32,
    target_line: u32,
    target_block: u32,
    values_at: u32,
    positions_at: u32,
    // Candidates that are looked at before those that are held are counted.
    round: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
// Lists of positions, then both outputs.
@group(0) @binding(2) var<storage, read_write> memory: array<u32>;

var<workgroup> latenesses: array<u32, CAPACITY>;
var<workgroup> positions: array<u32, CAPACITY>;
var<workgroup> let_in: atomic<u32>;
var<workgroup> held: u32;

fn word_at(line: u32, position: u32) -> u32 {
    return input[(line / params.inner * params.size + position) * params.inner + line % params.inner];
}

fn lateness_at(line: u32, position: u32) -> u32 {
    return lateness(word_at(line, position), is_integer, largest);
}

fn write_output(line: u32, rank: u32, position: u32) {
    let at = (line / params.inner * params.count + rank) * params.inner + line % params.inner;
    memory[params.values_at + at] = word_at(line, position);
    memory[params.positions_at + at] = position;
}

@compute @workgroup_size(64)
fn count(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    let line = index / params.size;
    if line >= params.lines {
        return;
    }
    let own = index % params.size;
    let own_lateness = lateness_at(line, own);
    var rank = 0u;
    for (var other = 0u; other < params.size; other++) {
        rank += u32(comes_before(lateness_at(line, other), other, own_lateness, own));
    }
    if rank < params.count {
        write_output(line, rank, own);
    }
}

// Sorts the first `filled` of what the workgroup keeps, by a bitonic network over the next power of two.
fn sort(filled: u32, lane: u32) {
    var padded = 2u;
    while padded < filled {
        padded *= 2u;
    }
    for (var slot = filled + lane; slot < padded; slot += 64u) {
        latenesses[slot] = NONE;
        positions[slot] = NONE;
    }
    workgroupBarrier();
    for (var size = 2u; size <= padded; size *= 2u) {
        for (var stride = size / 2u; stride > 0u; stride /= 2u) {
            for (var pair = lane; pair < padded / 2u; pair += 64u) {
                let low = 2u * pair - (pair & (stride - 1u));
                let high = low + stride;
                let is_down = (low & size) != 0u;
                let swaps = comes_before(latenesses[high], positions[high], latenesses[low], positions[low]);
                if swaps != is_down {
                    let late = latenesses[low];
                    let position = positions[low];
                    latenesses[low] = latenesses[high];
                    positions[low] = positions[high];
                    latenesses[high] = late;
                    positions[high] = position;
                }
            }
            workgroupBarrier();
        }
    }
}

// One workgroup a block.
@compute @workgroup_size(64)
fn select_best(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(workgroup, workgroups);
    let line = index / params.blocks;
    // The same for the whole workgroup, as is how many it holds, so all reach the barriers.
    if line >= params.lines {
        return;
    }
    let block = index % params.blocks;
    let first = block * params.span;
    let end = min(first + params.span, params.candidates);
    if lane == 0u {
        atomicStore(&let_in, 0u);
    }
    workgroupBarrier();
    // What is no better than the last of the best so far is not let in.
    var last_lateness = NONE;
    var last_position = NONE;
    for (var round = first; round < end; round += params.round) {
        let round_end = min(round + params.round, end);
        for (var candidate = round + lane; candidate < round_end; candidate += 64u) {
            var position = candidate;
            if params.source_at != NONE {
                position = memory[params.source_at + line * params.candidates + candidate];
            }
            let late = lateness_at(line, position);
            if comes_before(late, position, last_lateness, last_position) {
                let slot = atomicAdd(&let_in, 1u);
                latenesses[slot] = late;
                positions[slot] = position;
            }
        }
        workgroupBarrier();
        if lane == 0u {
            held = atomicLoad(&let_in);
        }
        let filled = workgroupUniformLoad(&held);
        // Where another round might not have room, which is never where all that is looked at has, and early enough that
        // little is let in behind the first few hundred. Of the best there are so few that a round has room behind them.
        let is_full = filled + params.round > CAPACITY || filled >= max(CAPACITY / 2u, 2u * params.kept);
        if is_full && round_end < end {
            sort(filled, lane);
            last_lateness = latenesses[params.kept - 1u];
            last_position = positions[params.kept - 1u];
            if lane == 0u {
                held = params.kept;
                atomicStore(&let_in, params.kept);
            }
            workgroupBarrier();
        }
    }
    let filled = workgroupUniformLoad(&held);
    sort(filled, lane);
    for (var rank = lane; rank < min(filled, params.kept); rank += 64u) {
        if params.target_at == NONE {
            write_output(line, rank, positions[rank]);
        } else {
            memory[params.target_at + line * params.target_line + block * params.target_block + rank] = positions[rank];
        }
    }
}

// Two sorted runs to one: an invocation an element, whose rank is its own in its run and how many of the other come before.
@compute @workgroup_size(64)
fn merge(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    let line = index / params.size;
    if line >= params.lines {
        return;
    }
    let slot = index % params.size;
    let run = slot / params.span;
    let own_rank = slot % params.span;
    // Of a run that was merged before, no more than the best were written.
    if own_rank >= params.count {
        return;
    }
    let source = params.source_at + line * params.size;
    let position = memory[source + slot];
    let late = lateness_at(line, position);
    // How many of the other run come before lies between `low` and `high`.
    let other = min((run ^ 1u) * params.span, params.size);
    var low = 0u;
    var high = min(min(params.span, params.size - other), params.count);
    while low < high {
        let middle = (low + high) / 2u;
        let other_position = memory[source + other + middle];
        if comes_before(lateness_at(line, other_position), other_position, late, position) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    let rank = own_rank + low;
    if rank >= params.count {
        return;
    }
    if params.target_at == NONE {
        write_output(line, rank, position);
    } else {
        memory[params.target_at + line * params.target_line + run / 2u * 2u * params.span + rank] = position;
    }
}
