// output[entry, i, j] = scale * sum over k of left[entry, i, k] * right[entry, j, k]. An invocation computes an element
// or a block of 4 rows i by 4 columns j. An entry is a position along all other dimensions of the output, such as the
// batch and a head. src/ops/batch_matmul.rs chooses.

struct Params {
    // The dimensions of the entries.
    size: array<vec4<u32>, 2>,
    left_strides: array<vec4<u32>, 2>,
    right_strides: array<vec4<u32>, 2>,
    output_strides: array<vec4<u32>, 2>,
    // The number of entries, and of the dimensions in use.
    entries: u32,
    rank: u32,
    rows: u32,
    columns: u32,
    depth: u32,
    scale: f32,
    // The distances from a row, a column or a step of k to the next.
    left_row: u32,
    left_step: u32,
    right_column: u32,
    right_step: u32,
    output_row: u32,
    output_column: u32,
}

// Whether the four words of a quad are steps of k; otherwise they are rows of the left or columns of the right input.
override left_in_steps: bool;
override right_in_steps: bool;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// The same inputs for `blocks`.
@group(0) @binding(1) var<storage, read> left_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> right_quads: array<vec4<f32>>;

// The first word of an entry in each buffer.
struct Place {
    left: u32,
    right: u32,
    output: u32,
}

fn place_of(entry: u32) -> Place {
    var rest = entry;
    var place = Place();
    for (var step = 0u; step < params.rank; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        place.left += position * params.left_strides[dim / 4u][dim % 4u];
        place.right += position * params.right_strides[dim / 4u][dim % 4u];
        place.output += position * params.output_strides[dim / 4u][dim % 4u];
    }
    return place;
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    let column = index % params.columns;
    let row = index / params.columns % params.rows;
    let entry = index / params.columns / params.rows;
    if entry >= params.entries {
        return;
    }
    let place = place_of(entry);
    var l = place.left + row * params.left_row;
    var r = place.right + column * params.right_column;
    var sum = 0.0;
    for (var k = 0u; k < params.depth; k++) {
        sum += left[l] * right[r];
        l += params.left_step;
        r += params.right_step;
    }
    output[place.output + row * params.output_row + column * params.output_column] = params.scale * sum;
}

// A block: its entry, and its first row and column.
struct Block {
    entry: u32,
    row: u32,
    column: u32,
}

fn block_of(index: u32) -> Block {
    let across = (params.columns + 3u) / 4u;
    let down = (params.rows + 3u) / 4u;
    return Block(index / across / down, index / across % down * 4u, index % across * 4u);
}

// Four positions from `first` on. Positions past the last are replaced by the last.
fn neighbours(first: u32, count: u32) -> vec4<u32> {
    return min(first + vec4(0u, 1u, 2u, 3u), vec4(count - 1u));
}

// Stores the part of a block that lies within the output.
fn store_block(start: u32, row: u32, column: u32, sums: mat4x4<f32>) {
    var block = sums;
    let rows = min(params.rows - row, 4u);
    let columns = min(params.columns - column, 4u);
    for (var i = 0u; i < rows; i++) {
        let at = start + (row + i) * params.output_row + column * params.output_column;
        for (var j = 0u; j < columns; j++) {
            output[at + j * params.output_column] = params.scale * block[i][j];
        }
    }
}

// The quads at a distance `at` from those of the first 4 steps of k.
fn left_block(first: vec4<u32>, at: u32) -> mat4x4<f32> {
    let quads = first + at;
    return mat4x4(left_quads[quads.x], left_quads[quads.y], left_quads[quads.z], left_quads[quads.w]);
}

fn right_block(first: vec4<u32>, at: u32) -> mat4x4<f32> {
    let quads = first + at;
    return mat4x4(right_quads[quads.x], right_quads[quads.y], right_quads[quads.z], right_quads[quads.w]);
}

// For a depth that is a multiple of 4, and inputs whose quads are either 4 steps of k of a line or 4 lines at one step.
// All distances between quads are multiples of 4, and so is the number of lines in the second case.
@compute @workgroup_size(64)
fn blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(invocation_index(workgroup, workgroups, lane));
    if block.entry >= params.entries {
        return;
    }
    let place = place_of(block.entry);
    let steps = vec4(0u, 1u, 2u, 3u);
    var lefts = (place.left + neighbours(block.row, params.rows) * params.left_row) / 4u;
    var left_step = 1u;
    if !left_in_steps {
        lefts = (place.left + block.row + steps * params.left_step) / 4u;
        left_step = params.left_step;
    }
    var rights = (place.right + neighbours(block.column, params.columns) * params.right_column) / 4u;
    var right_step = 1u;
    if !right_in_steps {
        rights = (place.right + block.column + steps * params.right_step) / 4u;
        right_step = params.right_step;
    }
    var sums = mat4x4<f32>();
    for (var k = 0u; k < params.depth / 4u; k++) {
        var rows = left_block(lefts, k * left_step);
        if !left_in_steps {
            rows = transpose(rows);
        }
        var columns = right_block(rights, k * right_step);
        if right_in_steps {
            columns = transpose(columns);
        }
        sums += columns * rows;
    }
    store_block(place.output, block.row, block.column, sums);
}

fn left_words(at: vec4<u32>) -> vec4<f32> {
    return vec4(left[at.x], left[at.y], left[at.z], left[at.w]);
}

fn right_words(at: vec4<u32>) -> vec4<f32> {
    return vec4(right[at.x], right[at.y], right[at.z], right[at.w]);
}

// `blocks` for any depth and distances.
@compute @workgroup_size(64)
fn ragged_blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(invocation_index(workgroup, workgroups, lane));
    if block.entry >= params.entries {
        return;
    }
    let place = place_of(block.entry);
    var lefts = place.left + neighbours(block.row, params.rows) * params.left_row;
    var rights = place.right + neighbours(block.column, params.columns) * params.right_column;
    var sums = mat4x4<f32>();
    for (var k = 0u; k < params.depth; k++) {
        let rows = left_words(lefts);
        let columns = right_words(rights);
        sums += mat4x4(rows.x * columns, rows.y * columns, rows.z * columns, rows.w * columns);
        lefts += params.left_step;
        rights += params.right_step;
    }
    store_block(place.output, block.row, block.column, sums);
}
