// Assembles rows from many sources: one invocation up to four neighbouring columns of one row. What a plan does without
// is switched off by overrides, because drivers on a CPU compute both sides of a branch. See src/ops/embedding_bag.rs.

// `span` columns follow each other in one row of a table, or in a source; four of them are read at once.
struct Block {
    column: u32,
    width: u32,
    span: u32,
    first_record: u32,
    records: u32,
    combine: u32,
    first_quad: u32,
    span_quads: u32,
}

// Columns read from one source. `table` is an offset in words; a record without a table has 0 `table_rows`.
struct Record {
    source: u32,
    stride: u32,
    steps: u32,
    flags: u32,
    table: u32,
    table_rows: u32,
    dim: u32,
    pooling: u32,
}

struct Params {
    rows: u32,
    width: u32,
    row_quads: u32,
    blocks_used: u32,
    blocks: array<Block, 64>,
    records: array<Record, 64>,
}

// Whether any record or block of the dispatch does so.
override computes: bool;
override truncates: bool;
override clamps: bool;
override unpacks: bool;
override pools: bool;
override maximizes: bool;
override combines: bool;
// Whether neighbouring invocations take neighbouring rows, and not neighbouring columns of one.
override rows_first: bool;

const COMPUTED = 1u;
const FLOATS = 2u;
const CLAMP = 4u;
const HALVES = 8u;
const CODES = 16u;

const FLATTEN = 0u;
const MEAN = 2u;
const MAXIMUM = 3u;
const MASKED_MEAN = 4u;

const PRODUCT = 1u;
const FACTORIZATION_MACHINE = 2u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> model_inputs: array<u32>;
@group(0) @binding(2) var<storage, read> computed: array<u32>;
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

fn word(record: Record, at: u32) -> u32 {
    if computes && (record.flags & COMPUTED) != 0u {
        return computed[at];
    }
    return model_inputs[at];
}

fn table_value(record: Record, element: u32) -> f32 {
    let in_halves = unpacks && (record.flags & HALVES) != 0u;
    let in_codes = unpacks && (record.flags & CODES) != 0u;
    return table_element(record.table, element, in_halves, in_codes);
}

// Four neighbouring elements of the row that a word names, or zeros; without a branch, because the lanes of a software
// GPU rarely agree. The row is in the table either way.
fn looked_up(record: Record, value: u32, columns: vec4<u32>) -> vec4<f32> {
    let is_float = truncates && (record.flags & FLOATS) != 0u;
    let row = table_row(value, record.table_rows, is_float, clamps && (record.flags & CLAMP) != 0u);
    let at = vec4(min(row, record.table_rows - 1u) * record.dim) + columns;
    let values = vec4(
        table_value(record, at.x),
        table_value(record, at.y),
        table_value(record, at.z),
        table_value(record, at.w),
    );
    return select(vec4(0.0), values, row < record.table_rows);
}

fn maximum_quad(left: vec4<f32>, right: vec4<f32>) -> vec4<f32> {
    return vec4(
        maximum(left.x, right.x),
        maximum(left.y, right.y),
        maximum(left.z, right.z),
        maximum(left.w, right.w),
    );
}

// Four neighbouring columns of the rows that `steps` words from `first` on name, pooled; of one row as it is.
// One loop for all, because what is written twice is compiled twice.
fn pooled(record: Record, first: u32, steps: u32, columns: vec4<u32>) -> vec4<f32> {
    let largest = maximizes && record.pooling == MAXIMUM;
    var result = select(vec4(0.0), vec4(bitcast<f32>(0xff800000u)), largest);
    var kept = 0.0;
    // Not by comparing floats: -0 is 0, and NaN is not.
    let bits = select(0xffffffffu, 0x7fffffffu, (record.flags & FLOATS) != 0u);
    for (var step = 0u; step < steps; step++) {
        let value = word(record, first + step);
        let keeps = record.pooling != MASKED_MEAN || (value & bits) != 0u;
        let values = select(vec4(0.0), looked_up(record, value, columns), keeps);
        kept += select(0.0, 1.0, keeps);
        if largest {
            result = maximum_quad(result, values);
        } else {
            result += values;
        }
    }
    if pools && (record.pooling == MEAN || record.pooling == MASKED_MEAN) {
        return result / kept;
    }
    return result;
}

// Four neighbouring columns of a feature from `column` on, of which the first `count` are in the block's span.
fn feature(record: Record, row: u32, column: u32, count: u32) -> vec4<f32> {
    let neighbours = min(vec4(0u, 1u, 2u, 3u), vec4(count - 1u));
    let source = record.source + row * record.stride;
    if record.table_rows == 0u {
        let at = vec4(source + column) + neighbours;
        let words = vec4(word(record, at.x), word(record, at.y), word(record, at.z), word(record, at.w));
        return select(vec4<f32>(bitcast<vec4<i32>>(words)), bitcast<vec4<f32>>(words), (record.flags & FLOATS) != 0u);
    }
    var first = source;
    var steps = record.steps;
    var start = column;
    if record.pooling == FLATTEN {
        let step = column / record.dim;
        first += step;
        steps = 1u;
        start -= step * record.dim;
    }
    return pooled(record, first, steps, vec4(start) + neighbours);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.rows * params.row_quads {
        return;
    }
    let major = index / select(params.row_quads, params.rows, rows_first);
    let minor = index - major * select(params.row_quads, params.rows, rows_first);
    let row = select(major, minor, rows_first);
    let quad = select(minor, major, rows_first);
    // The last block that begins at this quad or before it.
    var at_block = 0u;
    for (var step = 32u; step > 0u; step /= 2u) {
        let next = at_block + step;
        if next < params.blocks_used && params.blocks[min(next, 63u)].first_quad <= quad {
            at_block = next;
        }
    }
    let block = params.blocks[at_block];
    let rest = quad - block.first_quad;
    let span = rest / block.span_quads;
    let offset = (rest - span * block.span_quads) * 4u;
    let column = span * block.span + offset;
    let count = min(4u, block.span - offset);
    var value = vec4(0.0);
    var squares = vec4(0.0);
    for (var index = 0u; index < block.records; index++) {
        let next = feature(params.records[block.first_record + index], row, column, count);
        if index == 0u {
            value = next;
        } else {
            value = select(value + next, value * next, combines && block.combine == PRODUCT);
        }
        squares += next * next;
    }
    if combines && block.combine == FACTORIZATION_MACHINE {
        value = value * value - squares;
    }
    let at = row * params.width + block.column + column;
    output[at] = value.x;
    if count > 1u {
        output[at + 1u] = value.y;
    }
    if count > 2u {
        output[at + 2u] = value.z;
    }
    if count > 3u {
        output[at + 3u] = value.w;
    }
}
