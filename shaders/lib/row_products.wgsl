// Instructions of row programs that multiply: dense layers, and products of two computed operands. Builds on
// row_operands.wgsl and special.wgsl.

// Keeps the sum of a unit in the arena, or writes it to the output if it is read nowhere else.
fn finish(the: Instruction, row: u32, unit: u32, group: u32, sum: vec4<f32>) {
    let value = select(sum, maxima(sum, vec4(0.0)), the.parameters.w != 0u);
    let at = the.to.base + row * the.to.strides.y + unit;
    if the.to.space == IN_MEMORY {
        write_rows(the.to, at, group, value);
    } else {
        arena[at * params.groups + group] = value;
    }
}

// One unit of a group of rows, or four if units are a multiple of four, or eight of two groups, which need half as many
// loads for a product. All results leave by one loop, because drivers copy a function to every place that calls it.
fn dense(the: Instruction, lane: u32) {
    let groups = params.groups;
    let units = the.inner;
    let in_pairs = units % 8u + groups % 2u == 0u;
    let width = select(select(1u, 4u, units % 4u == 0u), 8u, in_pairs);
    let height = select(1u, 2u, in_pairs);
    let across = units / width;
    let high = groups / height;
    let step = the.left.step * groups;
    // The tasks of the instruction are its rows.
    let tasks = quotient(tasks_of(the, DENSE), groups) * across * high;
    for (var number = lane; number < tasks; number += lanes) {
        let piece = quotient(number, high);
        let group = (number - piece * high) * height;
        let row = quotient(piece, across);
        let unit = (piece - row * across) * width;
        // Units of the first group, then of the second.
        var sums = array<vec4<f32>, 16>();
        for (var i = 0u; i < select(width * height, 0u, the.extra == NONE); i++) {
            sums[i] = vec4(weight_word(the.extra + unit + i % width));
        }
        var at = (the.left.base + row * the.left.strides.y) * groups + group;
        var word = the.right.base + unit;
        for (var k = 0u; k < select(0u, the.depth, width == 8u); k++) {
            let x = arena[at];
            let y = arena[at + 1u];
            let first = weights[word / 4u];
            let second = weights[word / 4u + 1u];
            sums[0] += first.x * x;
            sums[1] += first.y * x;
            sums[2] += first.z * x;
            sums[3] += first.w * x;
            sums[4] += second.x * x;
            sums[5] += second.y * x;
            sums[6] += second.z * x;
            sums[7] += second.w * x;
            sums[8] += first.x * y;
            sums[9] += first.y * y;
            sums[10] += first.z * y;
            sums[11] += first.w * y;
            sums[12] += second.x * y;
            sums[13] += second.y * y;
            sums[14] += second.z * y;
            sums[15] += second.w * y;
            at += step;
            word += units;
        }
        for (var k = 0u; k < select(0u, the.depth, width == 4u); k++) {
            let x = arena[at];
            let weight = weights[word / 4u];
            sums[0] += weight.x * x;
            sums[1] += weight.y * x;
            sums[2] += weight.z * x;
            sums[3] += weight.w * x;
            at += step;
            word += units;
        }
        for (var k = 0u; k < select(0u, the.depth, width == 1u); k++) {
            sums[0] += weight_word(word) * arena[at];
            at += step;
            word += units;
        }
        for (var i = 0u; i < width * height; i++) {
            finish(the, row, unit + i % width, group + i / width, sums[i]);
        }
    }
}

// The pair of vectors at this place in a triangle of `size`, whose rows are each one shorter than the last.
fn pair_at(place: u32, size: u32) -> vec3<u32> {
    var i = 0u;
    var rest = place;
    while rest >= size - i {
        rest -= size - i;
        i++;
    }
    return vec3(0u, i, i + rest);
}

fn product(the: Instruction, lane: u32) {
    for (var number = lane; number < tasks_of(the, PRODUCT); number += lanes) {
        let task = task_of(the, number);
        var index = task.index;
        if the.extra != 0u {
            index = pair_at(task.element, the.extra);
        }
        var l = place(the.left, index, task.group);
        var r = place(the.right, index, task.group);
        let left_step = the.left.step * params.groups;
        let right_step = the.right.step * params.groups;
        var sum = vec4(0.0);
        for (var k = 0u; k < the.depth; k++) {
            sum += arena[l] * arena[r];
            l += left_step;
            r += right_step;
        }
        arena[place(the.to, task.index, task.group)] = sum * the.factor;
    }
}

// A word of a source as a float.
fn source_word(operand: Operand, at: u32) -> f32 {
    if operand.space == 2u {
        return bitcast<f32>(source[at]);
    }
    return bitcast<f32>(tables[at]);
}

// A product whose right operand is in memory: four neighbours at once if the rows of a group are of one sample, as the
// queries of a sequence are.
fn product_from_memory(the: Instruction, lane: u32) {
    let groups = params.groups;
    let quads = (the.inner + 3u) / 4u;
    let lines = quotient(quotient(the.tasks, groups), the.inner);
    let tasks = select(0u, lines * quads * groups, tasks_of(the, PRODUCT_FROM_MEMORY) > 0u);
    let left_step = the.left.step * groups;
    for (var number = lane; number < tasks; number += lanes) {
        let piece = quotient(number, groups);
        let group = number - piece * groups;
        let line = quotient(piece, quads);
        let outer = quotient(line, the.middle);
        let first = (piece - line * quads) * 4u;
        let index = vec3(outer, line - outer * the.middle, first);
        let count = min(4u, the.inner - first);
        let is_shared = the.right.position == 0u && all(samples[group] == samples[group].xxxx);
        var l = place(the.left, index, group);
        // Neighbours past the last repeat it.
        let neighbours = min(vec4(0u, 1u, 2u, 3u), vec4(count - 1u));
        var r = vec4(address(the.right, index)) + neighbours * the.right.strides.z;
        var sums = mat4x4<f32>();
        var shared_at = r + vec4(samples[group].x * the.right.sample);
        for (var k = 0u; k < select(0u, the.depth, is_shared && the.left.strides.z == 0u); k++) {
            let x = arena[l];
            sums[0] += x * source_word(the.right, shared_at.x);
            sums[1] += x * source_word(the.right, shared_at.y);
            sums[2] += x * source_word(the.right, shared_at.z);
            sums[3] += x * source_word(the.right, shared_at.w);
            l += left_step;
            shared_at += vec4(the.right.step);
        }
        for (var i = 0u; i < select(count, 0u, is_shared && the.left.strides.z == 0u); i++) {
            var at = l + i * the.left.strides.z * groups;
            var from_memory = r[i];
            var sum = vec4(0.0);
            for (var k = 0u; k < the.depth; k++) {
                sum += arena[at] * bitcast<vec4<f32>>(words(the.right, from_memory, group));
                at += left_step;
                from_memory += the.right.step;
            }
            sums[i] = sum;
        }
        for (var i = 0u; i < count; i++) {
            arena[place(the.to, index + vec3(0u, 0u, i), group)] = sums[i] * the.factor;
        }
    }
}
