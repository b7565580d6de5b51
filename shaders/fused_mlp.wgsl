// Several dense layers, one after the other: layers[l + 1] = activate(bias + layers[l] * kernel). What a layer makes stays
// in workgroup memory. Either a workgroup takes a few rows through the layers together, with a barrier for each, or
// each of its invocations takes rows of its own, without. Products of 4 x 4 matrices and vectors do 4 steps of k for 4
// units at once.

struct Params {
    rows: u32,
    layers: u32,
    // Of a workgroup, or of an invocation alone.
    own_rows: u32,
    // Where the odd layers' inputs are among the values of these rows, in quads.
    odd: u32,
    // The layers, by their bits, that have the second function.
    seconds: u32,
    // Invocations of a workgroup that work alone, and the quads of values that each has.
    lanes: u32,
    lane_quads: u32,
    padding: u32,
    // Of each layer: depth, units, and where kernel and bias are in `weights`, in quads; not the first layer's bias.
    shapes: array<vec4<u32>, 8>,
    // Of each layer: the parameters of its function.
    functions: array<vec4<f32>, 8>,
}

override first_function: u32;
override second_function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> first_bias: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// Rows of quads: the input and the results that even layers read first, from `odd` on those that odd layers read, so
// that no layer writes where it reads. An invocation alone has a slice of its own, from `slice` on.
var<workgroup> values: array<vec4<f32>, 1022>;
var<private> slice: u32;

fn finish(layer: u32, sum: f32) -> f32 {
    let p = params.functions[layer].xyz;
    if (params.seconds >> layer & 1u) == 1u {
        return activate(second_function, sum, p);
    }
    return activate(first_function, sum, p);
}

// Where the rows stand that a layer reads; the next layer's are what it writes.
fn rows_of(layer: u32) -> u32 {
    return slice + select(0u, params.odd, (layer & 1u) == 1u);
}

// Word `k` of row `row` of the input, zeros behind its last. Rows past the last are the last again.
fn input_word(row: u32, k: u32) -> f32 {
    let depth = params.shapes[0].x;
    if k < depth {
        return input[min(row, params.rows - 1u) * depth + k];
    }
    return 0.0;
}

// An invocation's share of work begins at `start` and goes on by `step`: its lane and 64, or alone 0 and 1.
fn load_input(first_row: u32, start: u32, step: u32) {
    let across = (params.shapes[0].x + 3u) / 4u;
    for (var quad = start; quad < params.own_rows * across; quad += step) {
        let row = first_row + quad / across;
        let k = quad % across * 4u;
        values[slice + quad] =
            vec4(input_word(row, k), input_word(row, k + 1u), input_word(row, k + 2u), input_word(row, k + 3u));
    }
}

// The four rows of the kernel from `at` on, of a layer with so many quads of units.
fn weight_block(at: u32, units: u32) -> mat4x4<f32> {
    return mat4x4(weights[at], weights[at + units], weights[at + 2u * units], weights[at + 3u * units]);
}

fn weight_word(at: u32) -> f32 {
    return weights[at / 4u][at % 4u];
}

fn bias_word(layer: u32, unit: u32) -> f32 {
    if layer == 0u {
        return first_bias[unit];
    }
    return weight_word(params.shapes[layer].w * 4u + unit);
}

fn bias_quad(layer: u32, unit: u32) -> vec4<f32> {
    if layer == 0u {
        let at = unit * 4u;
        return vec4(first_bias[at], first_bias[at + 1u], first_bias[at + 2u], first_bias[at + 3u]);
    }
    return weights[params.shapes[layer].w + unit];
}

// The sums of 4 rows and 4 units, of a layer whose units are a multiple of 4.
fn block_sums(layer: u32, row0: u32, unit: u32) -> mat4x4<f32> {
    let shape = params.shapes[layer];
    let units = shape.y / 4u;
    let across = (shape.x + 3u) / 4u;
    let whole = shape.x / 4u;
    let row1 = row0 + across;
    let row2 = row1 + across;
    let row3 = row2 + across;
    var sum0 = bias_quad(layer, unit);
    var sum1 = sum0;
    var sum2 = sum0;
    var sum3 = sum0;
    var at = shape.z + unit;
    for (var k = 0u; k < whole; k++) {
        let kernel = weight_block(at, units);
        sum0 += kernel * values[row0 + k];
        sum1 += kernel * values[row1 + k];
        sum2 += kernel * values[row2 + k];
        sum3 += kernel * values[row3 + k];
        at += 4u * units;
    }
    for (var rest = 0u; rest < shape.x % 4u; rest++) {
        let kernel = weights[at];
        sum0 += kernel * values[row0 + whole][rest];
        sum1 += kernel * values[row1 + whole][rest];
        sum2 += kernel * values[row2 + whole][rest];
        sum3 += kernel * values[row3 + whole][rest];
        at += units;
    }
    return mat4x4(sum0, sum1, sum2, sum3);
}

// The same of 1 row.
fn quad_sums(layer: u32, row0: u32, unit: u32) -> vec4<f32> {
    let shape = params.shapes[layer];
    let units = shape.y / 4u;
    let whole = shape.x / 4u;
    var sum = bias_quad(layer, unit);
    var at = shape.z + unit;
    for (var k = 0u; k < whole; k++) {
        sum += weight_block(at, units) * values[row0 + k];
        at += 4u * units;
    }
    for (var rest = 0u; rest < shape.x % 4u; rest++) {
        sum += weights[at] * values[row0 + whole][rest];
        at += units;
    }
    return sum;
}

// The sum of 1 row and 1 unit, of any layer.
fn element_sum(layer: u32, row0: u32, unit: u32) -> f32 {
    let shape = params.shapes[layer];
    let units = shape.y;
    let whole = shape.x / 4u;
    var sum = bias_word(layer, unit);
    var at = shape.z * 4u + unit;
    for (var k = 0u; k < whole; k++) {
        let kernel = vec4(
            weight_word(at),
            weight_word(at + units),
            weight_word(at + 2u * units),
            weight_word(at + 3u * units),
        );
        sum += dot(kernel, values[row0 + k]);
        at += 4u * units;
    }
    for (var rest = 0u; rest < shape.x % 4u; rest++) {
        sum += weight_word(at) * values[row0 + whole][rest];
        at += units;
    }
    return sum;
}

// Stores a piece of a layer: for the next one, or as the output. By loops, because drivers copy a function to where it
// is called before they drop the branches that the constants exclude, and an activation has many.
fn store(layer: u32, first_row: u32, row: u32, unit: u32, rows: u32, units: u32, sums: mat4x4<f32>) {
    var piece = sums;
    let across = params.shapes[layer].y;
    for (var i = 0u; i < rows; i++) {
        for (var j = 0u; j < units; j++) {
            let result = finish(layer, piece[i][j]);
            if layer + 1u < params.layers {
                values[rows_of(layer + 1u) + ((row + i) * across + unit) / 4u][j] = result;
            } else if first_row + row + i < params.rows {
                output[(first_row + row + i) * across + unit + j] = result;
            }
        }
    }
}

// Computes a layer by pieces of so many rows, 4 or 1, and 4 units; of 1 row and 1 unit if the units are not a multiple
// of 4, as may be in the last layer. Neighbours take neighbouring pieces of the same rows.
fn compute(layer: u32, first_row: u32, height: u32, start: u32, step: u32) {
    let shape = params.shapes[layer];
    let across = (shape.x + 3u) / 4u;
    let quads = shape.y % 4u == 0u;
    let rows = select(1u, height, quads);
    let units = select(1u, 4u, quads);
    let pieces = params.own_rows / rows * (shape.y / units);
    for (var piece = start; piece < pieces; piece += step) {
        let row = piece / (shape.y / units) * rows;
        let unit = piece % (shape.y / units) * units;
        let row0 = rows_of(layer) + row * across;
        var sums = mat4x4<f32>();
        if !quads {
            sums[0][0] = element_sum(layer, row0, unit);
        } else if height == 4u {
            sums = block_sums(layer, row0, unit / 4u);
        } else {
            sums[0] = quad_sums(layer, row0, unit / 4u);
        }
        store(layer, first_row, row, unit, rows, units, sums);
    }
}

fn together(workgroup: u32, height: u32, lane: u32) {
    let first_row = workgroup * params.own_rows;
    // The same for the whole workgroup, as are the layers and their shapes, so all reach the barriers.
    if first_row >= params.rows {
        return;
    }
    load_input(first_row, lane, 64u);
    for (var layer = 0u; layer < params.layers; layer++) {
        workgroupBarrier();
        compute(layer, first_row, height, lane, 64u);
    }
}

fn alone(workgroup: u32, height: u32, lane: u32) {
    let first_row = (workgroup * params.lanes + lane) * params.own_rows;
    if lane >= params.lanes || first_row >= params.rows {
        return;
    }
    slice = lane * params.lane_quads;
    load_input(first_row, 0u, 1u);
    for (var layer = 0u; layer < params.layers; layer++) {
        compute(layer, first_row, height, 0u, 1u);
    }
}

// For a multiple of 4 rows together.
@compute @workgroup_size(64)
fn blocks_together(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    together(workgroup_index(workgroup, workgroups), 4u, lane);
}

// For any number of rows together.
@compute @workgroup_size(64)
fn quads_together(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    together(workgroup_index(workgroup, workgroups), 1u, lane);
}

// For 4 rows an invocation.
@compute @workgroup_size(64)
fn blocks_alone(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    alone(workgroup_index(workgroup, workgroups), 4u, lane);
}

// For 1 row an invocation.
@compute @workgroup_size(64)
fn quads_alone(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    alone(workgroup_index(workgroup, workgroups), 1u, lane);
}
