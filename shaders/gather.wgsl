// Assembles rows from many sources: one row of workgroups a block of columns, one invocation up to four neighbouring
// columns of one row. What varies between blocks is the same for a whole workgroup, and what a plan does without is
// switched off by overrides, because drivers on a CPU compute both sides of a branch. See src/ops/gather.rs.

// `span` columns follow each other in one row of a table, or in a source; four of them are read at once.
struct Block {
    column: u32,
    width: u32,
    span: u32,
    first_record: u32,
    records: u32,
    combine: u32,
    padding0: u32,
    padding1: u32,
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
    padding0: u32,
    padding1: u32,
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

// The row of the table that a word of the source names; table_rows where it names none.
fn table_row(record: Record, value: u32) -> u32 {
    var id = bitcast<i32>(value);
    if truncates && (record.flags & FLOATS) != 0u {
        id = truncate(bitcast<f32>(value));
    }
    if clamps && (record.flags & CLAMP) != 0u {
        return u32(clamp(id, 0, i32(record.table_rows) - 1));
    }
    return select(u32(id), record.table_rows, id < 0 || u32(id) > record.table_rows);
}

// An element of a table: a word, half a word, or a byte that names one of 256 words before the bytes.
fn table_value(record: Record, element: u32) -> f32 {
    if unpacks && (record.flags & HALVES) != 0u {
        return half_to_float(extractBits(tables[record.table + element / 2u], element % 2u * 16u, 16u));
    }
    if unpacks && (record.flags & CODES) != 0u {
        let bytes = tables[record.table + 256u + element / 4u];
        return bitcast<f32>(tables[record.table + extractBits(bytes, element % 4u * 8u, 8u)]);
    }
    return bitcast<f32>(tables[record.table + element]);
}

// Four neighbouring elements of the row that a word names; those from the count on repeat the last.
fn looked_up(record: Record, value: u32, columns: vec4<u32>) -> vec4<f32> {
    let row = table_row(record, value);
    if row >= record.table_rows {
        return vec4(0.0);
    }
    let at = vec4(row * record.dim) + columns;
    return vec4(
        table_value(record, at.x),
        table_value(record, at.y),
        table_value(record, at.z),
        table_value(record, at.w),
    );
}

fn maximum_quad(left: vec4<f32>, right: vec4<f32>) -> vec4<f32> {
    return vec4(
        maximum(left.x, right.x),
        maximum(left.y, right.y),
        maximum(left.z, right.z),
        maximum(left.w, right.w),
    );
}

fn pooled(record: Record, first: u32, columns: vec4<u32>) -> vec4<f32> {
    if maximizes && record.pooling == MAXIMUM {
        var largest = looked_up(record, word(record, first), columns);
        for (var step = 1u; step < record.steps; step++) {
            largest = maximum_quad(largest, looked_up(record, word(record, first + step), columns));
        }
        return largest;
    }
    var sum = vec4(0.0);
    var kept = 0.0;
    // Not by comparing floats: -0 is 0, and NaN is not.
    let bits = select(0xffffffffu, 0x7fffffffu, (record.flags & FLOATS) != 0u);
    for (var step = 0u; step < record.steps; step++) {
        let value = word(record, first + step);
        if record.pooling != MASKED_MEAN || (value & bits) != 0u {
            sum += looked_up(record, value, columns);
            kept += 1.0;
        }
    }
    if record.pooling == MEAN || record.pooling == MASKED_MEAN {
        return sum / kept;
    }
    return sum;
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
    if pools && record.pooling != FLATTEN {
        return pooled(record, source, vec4(column) + neighbours);
    }
    let step = column / record.dim;
    return looked_up(record, word(record, source + step), vec4(column - step * record.dim) + neighbours);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = params.blocks[workgroup.y];
    // Quads of a span, of a row.
    let span_quads = (block.span + 3u) / 4u;
    let row_quads = block.width / block.span * span_quads;
    let quad = (workgroup.z * workgroups.x + workgroup.x) * 64u + lane;
    if quad >= params.rows * row_quads {
        return;
    }
    let row = quad / row_quads;
    let rest = quad - row * row_quads;
    let span = rest / span_quads;
    let offset = (rest - span * span_quads) * 4u;
    let column = span * block.span + offset;
    let count = min(4u, block.span - offset);
    var value = feature(params.records[block.first_record], row, column, count);
    if combines {
        var squares = value * value;
        for (var index = block.first_record + 1u; index < block.first_record + block.records; index++) {
            let next = feature(params.records[index], row, column, count);
            value = select(value + next, value * next, block.combine == PRODUCT);
            squares += next * next;
        }
        if block.combine == FACTORIZATION_MACHINE {
            value = value * value - squares;
        }
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
