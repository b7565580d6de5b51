// Instructions of row programs over lines of elements: reductions and normalizations. Builds on row_operands.wgsl and
// special.wgsl.

fn reduce(the: Instruction, lane: u32) {
    let most = vec4(bitcast<f32>(0x7f800000u));
    for (var number = lane; number < tasks_of(the, REDUCE); number += lanes) {
        let task = task_of(the, number);
        var at = place(the.left, task.index, task.group);
        var result = select(vec4(0.0), select(-most, most, the.extra == 2u), the.extra != 0u);
        for (var k = 0u; k < the.depth; k++) {
            let x = arena[at];
            let extreme = select(maxima(result, x), -maxima(-result, -x), the.extra == 2u);
            result = select(result + x, extreme, the.extra != 0u);
            at += the.left.step * params.groups;
        }
        // Maxima are divided by 1.
        arena[place(the.to, task.index, task.group)] = result / the.factor;
    }
}

fn softmax(the: Instruction, lane: u32) {
    for (var number = lane; number < tasks_of(the, SOFTMAX); number += lanes) {
        let task = task_of(the, number);
        let origin = place(the.left, task.index, task.group);
        let first = place(the.to, task.index, task.group);
        let origin_step = the.left.step * params.groups;
        let step = the.to.step * params.groups;
        var largest = vec4(bitcast<f32>(0xff800000u));
        // A NaN that max() drops is back in the sum, and a NaN there is in every result.
        for (var k = 0u; k < the.depth; k++) {
            largest = max(largest, arena[origin + k * origin_step]);
        }
        var sum = vec4(0.0);
        for (var k = 0u; k < the.depth; k++) {
            let shifted = arena[origin + k * origin_step] - largest;
            let powers = exponentials(shifted);
            sum += powers;
            arena[first + k * step] = select(powers, shifted, the.extra != 0u);
        }
        let log_sum = select(log(sum), sum, are_nan(sum));
        for (var k = 0u; k < the.depth; k++) {
            let value = arena[first + k * step];
            arena[first + k * step] = select(value / sum, value - log_sum, the.extra != 0u);
        }
    }
}

// Layer normalization: `extra` says where the mean is subtracted: 0 everywhere, 1 for the variance, 2 nowhere.
fn normalize(the: Instruction, lane: u32) {
    let groups = params.groups;
    for (var number = lane; number < tasks_of(the, LAYER_NORMALIZATION); number += lanes) {
        let task = task_of(the, number);
        let origin = place(the.left, task.index, task.group);
        let first = place(the.to, task.index, task.group);
        var sum = vec4(0.0);
        for (var k = 0u; k < the.depth; k++) {
            sum += arena[origin + k * groups];
        }
        let mean = select(sum / f32(the.depth), vec4(0.0), the.extra == 2u);
        var squares = vec4(0.0);
        for (var k = 0u; k < the.depth; k++) {
            let difference = arena[origin + k * groups] - mean;
            squares += difference * difference;
        }
        let deviation = sqrt(squares / f32(the.depth) + the.factor);
        let subtracted = select(vec4(0.0), mean, the.extra == 0u);
        for (var k = 0u; k < the.depth; k++) {
            let normalized = (arena[origin + k * groups] - subtracted) / deviation;
            let gamma = weight_word(the.right.base + k);
            let beta = weight_word(the.right.strides.x + k);
            arena[first + k * groups] = gamma * normalized + beta;
        }
    }
}

fn scale_to_length(the: Instruction, lane: u32) {
    for (var number = lane; number < tasks_of(the, L2_NORMALIZATION); number += lanes) {
        let task = task_of(the, number);
        let origin = place(the.left, task.index, task.group);
        let first = place(the.to, task.index, task.group);
        let origin_step = the.left.step * params.groups;
        let step = the.to.step * params.groups;
        var squares = vec4(0.0);
        for (var k = 0u; k < the.depth; k++) {
            let x = arena[origin + k * origin_step];
            squares += x * x;
        }
        let length = sqrt(maxima(squares, vec4(the.factor)));
        for (var k = 0u; k < the.depth; k++) {
            arena[first + k * step] = arena[origin + k * origin_step] / length;
        }
    }
}

// The constants are the statistics: gamma, beta, mean and variance of each channel, which is the middle dimension.
fn normalize_channels(the: Instruction, lane: u32) {
    for (var number = lane; number < tasks_of(the, CHANNEL_NORMALIZATION); number += lanes) {
        let task = task_of(the, number);
        let gamma = the.right.base + task.index.y;
        let beta = gamma + the.middle;
        let mean = beta + the.middle;
        let deviation = sqrt(weight_word(mean + the.middle) + the.factor);
        let x = arena[place(the.left, task.index, task.group)];
        let normalized = (x - weight_word(mean)) / deviation;
        arena[place(the.to, task.index, task.group)] = weight_word(gamma) * normalized + weight_word(beta);
    }
}
