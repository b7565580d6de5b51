// Runs a list of instructions over rows. A workgroup takes groups of four rows through them. Element `at` of group `q` is
// the vector `arena[at * groups + q]` of the four rows, so all shapes are addressed alike and a weight is read once for
// four rows. Invocations share the elements of an instruction. See src/ops/row_program.rs and its encoding.rs, which
// writes the instructions.

struct Params {
    rows: u32,
    // Rows of a sample.
    positions: u32,
    groups: u32,
    count: u32,
    // Nine vectors for each instruction.
    program: array<vec4<u32>, 864>,
}

const lanes = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
// The tables, or a second source.
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

var<workgroup> arena: array<vec4<f32>, 1000>;
// By group: the samples of its rows, and their positions within these.
var<workgroup> samples: array<vec4<u32>, 8>;
var<workgroup> positions: array<vec4<u32>, 8>;
// By group: how many of its rows there are.
var<workgroup> valid_rows: array<u32, 8>;

// The numbers of instructions.
const LOAD = 0u;
const STORE = 1u;
const ELEMENTWISE = 2u;
const DENSE = 3u;
const LOOKUP = 4u;
const PRODUCT = 5u;
const PRODUCT_FROM_MEMORY = 6u;
const REDUCE = 7u;
const SOFTMAX = 8u;
const LAYER_NORMALIZATION = 9u;
const L2_NORMALIZATION = 10u;
const CHANNEL_NORMALIZATION = 11u;

// The space of outputs.
const IN_MEMORY = 4u;

// Their flags.
const WAITS = 256u;
const FROM_INTEGERS = 512u;
const CLAMPS = 1024u;
const IN_HALVES = 2048u;
const IN_CODES = 4096u;
const ADDS = 8192u;
const FLAT = 16384u;
const NONE = 0xffffffffu;

fn load(the: Instruction, lane: u32) {
    let tasks = tasks_of(the, LOAD);
    let integers = (the.flags & FROM_INTEGERS) != 0u;
    let first = the.to.base * params.groups;
    let from_weights = the.left.space == 1u;
    for (var number = lane; number < select(tasks, 0u, from_weights); number += lanes) {
        let element = quotient(number, params.groups);
        let bits = words(the.left, the.left.base + element, number - element * params.groups);
        arena[first + number] = select(bitcast<vec4<f32>>(bits), vec4<f32>(bitcast<vec4<i32>>(bits)), integers);
    }
    for (var number = lane; number < select(0u, tasks, from_weights); number += lanes) {
        let element = quotient(number, params.groups);
        let rows = rows_at(the.left, the.left.base + element, number - element * params.groups);
        arena[first + number] =
            vec4(weight_word(rows.x), weight_word(rows.y), weight_word(rows.z), weight_word(rows.w));
    }
}

fn store(the: Instruction, lane: u32) {
    for (var number = lane; number < tasks_of(the, STORE); number += lanes) {
        let element = quotient(number, params.groups);
        let group = number - element * params.groups;
        write_rows(the.to, the.to.base + element, group, arena[the.left.base * params.groups + number]);
    }
}

// The functions of two elements as in lib/combine.wgsl, of four rows at once, and one more.
fn pair_of(function: u32, x: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    var result = x;
    if function == 0u {
        result = x + y;
    }
    if function == 1u {
        result = x - y;
    }
    if function == 2u {
        result = x * y;
    }
    if function == 3u {
        result = x / y;
    }
    if function == 4u {
        result = maxima(x, y);
    }
    if function == 5u {
        result = -maxima(-x, -y);
    }
    if function == 6u {
        result = select(x, x * y, x < vec4(0.0));
    }
    if function == 7u {
        result = select(x, vec4(0.0), y == vec4(0.0));
    }
    if function == 8u {
        result = select(vec4(0.0), vec4(1.0), (x > y) & !are_nan(x) & !are_nan(y));
    }
    if function == 9u {
        result = select(vec4(0.0), vec4(1.0), (x >= y) & !are_nan(x) & !are_nan(y));
    }
    if function == 30u {
        result = select(vec4(1.0), vec4(0.0), (x == vec4(0.0)) & !are_nan(x));
    }
    return result;
}

// The three places in the arena of an element: of the output, the left and the right operand.
fn elements(the: Instruction, number: u32) -> vec3<u32> {
    let task = task_of(the, number);
    return vec3(
        place(the.to, task.index, task.group),
        place(the.left, task.index, task.group),
        place(the.right, task.index, task.group),
    );
}

fn elementwise(the: Instruction, lane: u32) {
    let function = the.function & 0xffu;
    let pair = the.function >> 8u;
    let parameters = bitcast<vec4<f32>>(the.parameters).xyz;
    // A function changes the components one by one; the identity has number 13.
    let components = select(4u, 0u, function == 13u);
    let tasks = tasks_of(the, ELEMENTWISE);
    // Where the elements of all operands follow each other, so do their places.
    let is_flat = (the.flags & FLAT) != 0u;
    let first = vec3(the.to.base, the.left.base, the.right.base) * params.groups;
    for (var number = lane; number < tasks; number += lanes) {
        var at = first + number;
        for (var scattered = !is_flat; scattered; scattered = false) {
            at = elements(the, number);
        }
        var value = pair_of(pair, arena[at.y], arena[at.z]);
        for (var i = 0u; i < components; i++) {
            value[i] = activate(function, value[i], parameters);
        }
        arena[at.x] = value;
    }
}

// Rows of a table by ids, pooled over the steps. `extra` is the pooling, and the right operand has the table's first
// word, rows and columns.
fn lookup(the: Instruction, lane: u32) {
    let table = vec3(the.right.base, the.right.strides.xy);
    let floats = (the.flags & FROM_INTEGERS) == 0u;
    let clamps = (the.flags & CLAMPS) != 0u;
    let in_halves = (the.flags & IN_HALVES) != 0u;
    let in_codes = (the.flags & IN_CODES) != 0u;
    let adds = (the.flags & ADDS) != 0u;
    // Not by comparing floats: -0 is 0, and NaN is not.
    let bits = select(0xffffffffu, 0x7fffffffu, floats);
    for (var number = lane; number < tasks_of(the, LOOKUP); number += lanes) {
        let task = task_of(the, number);
        var id = address(the.left, task.index);
        var result = select(vec4(0.0), vec4(bitcast<f32>(0xff800000u)), the.extra == 3u);
        var kept = vec4(0.0);
        for (var k = 0u; k < the.depth; k++) {
            var named = words(the.left, id, task.group);
            var values = vec4(0.0);
            for (var i = 0u; i < 4u; i++) {
                let row = table_row(named[i], table.y, floats, clamps);
                // A row that is in the table either way.
                let element = min(row, table.y - 1u) * table.z + task.index.z;
                values[i] = select(0.0, table_element(table.x, element, in_halves, in_codes), row < table.y);
            }
            let keeps = vec4(the.extra != 4u) | ((named & vec4(bits)) != vec4(0u));
            kept += select(vec4(0.0), vec4(1.0), keeps);
            let sum = result + select(vec4(0.0), values, keeps);
            result = select(sum, maxima(result, values), the.extra == 3u);
            id += the.left.step;
        }
        result = select(result, result / kept, the.extra == 2u || the.extra == 4u);
        let to = place(the.to, task.index, task.group);
        // What is added to has been written before; anything else may be what was there.
        arena[to] = select(result, arena[to] + result, adds);
    }
}

// All invocations of a workgroup are at the same instruction, so all reach its barrier.
@compute @workgroup_size(lanes)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_row = workgroup_index(workgroup, workgroups) * params.groups * 4u;
    if first_row >= params.rows {
        return;
    }
    for (var group = lane; group < params.groups; group += lanes) {
        // Rows past the last are the last again, and are not written.
        let first = first_row + group * 4u;
        valid_rows[group] = min(4u, max(params.rows, first) - first);
        let rows = min(vec4(first) + vec4(0u, 1u, 2u, 3u), vec4(params.rows - 1u));
        samples[group] = rows / params.positions;
        positions[group] = rows % params.positions;
    }
    workgroupBarrier();
    for (var index = 0u; index < params.count; index++) {
        let the = instruction_at(index * 9u);
        if (the.flags & WAITS) != 0u {
            workgroupBarrier();
        }
        load(the, lane);
        store(the, lane);
        elementwise(the, lane);
        dense(the, lane);
        lookup(the, lane);
        // The others together, because every loop costs software GPUs its head.
        for (var others = (the.flags & 0xffu) > LOOKUP; others; others = false) {
            product(the, lane);
            product_from_memory(the, lane);
            reduce(the, lane);
            softmax(the, lane);
            normalize(the, lane);
            scale_to_length(the, lane);
            normalize_channels(the, lane);
        }
    }
}
