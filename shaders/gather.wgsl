// Assembles rows from many sources: one row of workgroups a block of columns, one invocation an output element.
// Everything that varies between blocks is the same for a whole workgroup. See src/ops/gather.rs.

struct Block {
    column: u32,
    width: u32,
    first_record: u32,
    records: u32,
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
    combine: array<vec4<u32>, 16>,
    blocks: array<Block, 64>,
    records: array<Record, 64>,
}

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

fn word(index: u32, row: u32, element: u32) -> u32 {
    let at = params.records[index].source + row * params.records[index].stride + element;
    if (params.records[index].flags & COMPUTED) != 0u {
        return computed[at];
    }
    return model_inputs[at];
}

fn has(index: u32, flag: u32) -> bool {
    return (params.records[index].flags & flag) != 0u;
}

// The row of the table that a word of the source names; table_rows where it names none.
fn table_row(index: u32, value: u32) -> u32 {
    var id = bitcast<i32>(value);
    if has(index, FLOATS) {
        id = truncate(bitcast<f32>(value));
    }
    let rows = params.records[index].table_rows;
    if has(index, CLAMP) {
        return u32(clamp(id, 0, i32(rows) - 1));
    }
    return select(u32(id), rows, id < 0 || u32(id) > rows);
}

fn looked_up(index: u32, row: u32, step: u32, column: u32) -> f32 {
    let at = table_row(index, word(index, row, step));
    if at >= params.records[index].table_rows {
        return 0.0;
    }
    return table_value(index, at * params.records[index].dim + column);
}

// An element of a table: a word, half a word, or a byte that names one of 256 words before the bytes.
fn table_value(index: u32, element: u32) -> f32 {
    let table = params.records[index].table;
    if has(index, HALVES) {
        return half_to_float(extractBits(tables[table + element / 2u], element % 2u * 16u, 16u));
    }
    if has(index, CODES) {
        let bytes = tables[table + 256u + element / 4u];
        return bitcast<f32>(tables[table + extractBits(bytes, element % 4u * 8u, 8u)]);
    }
    return bitcast<f32>(tables[table + element]);
}

fn pooled(index: u32, row: u32, column: u32) -> f32 {
    let pooling = params.records[index].pooling;
    let steps = params.records[index].steps;
    if pooling == MAXIMUM {
        var largest = looked_up(index, row, 0u, column);
        for (var step = 1u; step < steps; step++) {
            largest = maximum(largest, looked_up(index, row, step, column));
        }
        return largest;
    }
    var sum = 0.0;
    var kept = 0.0;
    for (var step = 0u; step < steps; step++) {
        // Not by comparing floats: -0 is 0, and NaN is not.
        let zero = (word(index, row, step) & select(0xffffffffu, 0x7fffffffu, has(index, FLOATS))) == 0u;
        if pooling != MASKED_MEAN || !zero {
            sum += looked_up(index, row, step, column);
            kept += 1.0;
        }
    }
    if pooling == MEAN || pooling == MASKED_MEAN {
        return sum / kept;
    }
    return sum;
}

fn feature(index: u32, row: u32, column: u32) -> f32 {
    if params.records[index].table_rows == 0u {
        let value = word(index, row, column);
        if has(index, FLOATS) {
            return bitcast<f32>(value);
        }
        return f32(bitcast<i32>(value));
    }
    if params.records[index].pooling == FLATTEN {
        let dim = params.records[index].dim;
        return looked_up(index, row, column / dim, column % dim);
    }
    return pooled(index, row, column);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = workgroup.y;
    let element = (workgroup.z * workgroups.x + workgroup.x) * 64u + lane;
    let width = params.blocks[block].width;
    if element >= params.rows * width {
        return;
    }
    let row = element / width;
    let column = element % width;
    let first = params.blocks[block].first_record;
    let combine = params.combine[block / 4u][block % 4u];
    var value = feature(first, row, column);
    var squares = value * value;
    for (var index = first + 1u; index < first + params.blocks[block].records; index++) {
        let next = feature(index, row, column);
        value = select(value + next, value * next, combine == PRODUCT);
        squares += next * next;
    }
    if combine == FACTORIZATION_MACHINE {
        value = value * value - squares;
    }
    output[row * params.width + params.blocks[block].column + column] = value;
}
