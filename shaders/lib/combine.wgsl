// The functions of two elements, chosen by a number: see src/ops/binary.rs for the formulas and the numbers.
// Builds on special.wgsl.

// The functions that a kernel may call, a bit each, as in activate.wgsl.
override used_pair_functions: u32 = 0xffffffffu;

fn is_pair_function_used(function: u32) -> bool {
    return (used_pair_functions & (1u << function)) != 0u;
}

fn combine(function: u32, x: f32, y: f32) -> f32 {
    var result = x;
    if is_pair_function_used(0u) && function == 0u {
        result = x + y;
    }
    if is_pair_function_used(1u) && function == 1u {
        result = x - y;
    }
    if is_pair_function_used(2u) && function == 2u {
        result = x * y;
    }
    if is_pair_function_used(3u) && function == 3u {
        result = x / y;
    }
    if is_pair_function_used(4u) && function == 4u {
        result = maximum(x, y);
    }
    if is_pair_function_used(5u) && function == 5u {
        result = minimum(x, y);
    }
    if is_pair_function_used(6u) && function == 6u {
        result = select(x, x * y, x < 0.0);
    }
    if is_pair_function_used(7u) && function == 7u {
        result = select(x, 0.0, y == 0.0);
    }
    // Drivers may assume that nothing compared is NaN.
    if is_pair_function_used(8u) && function == 8u {
        result = select(0.0, 1.0, x > y && !is_nan(x) && !is_nan(y));
    }
    if is_pair_function_used(9u) && function == 9u {
        result = select(0.0, 1.0, x >= y && !is_nan(x) && !is_nan(y));
    }
    return result;
}
