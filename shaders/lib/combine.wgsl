// The functions of two elements, chosen by a number: see src/ops/binary.rs for the formulas and the numbers.
// Builds on special.wgsl.

fn combine(function: u32, x: f32, y: f32) -> f32 {
    switch function {
        case 0u: { return x + y; }
        case 1u: { return x - y; }
        case 2u: { return x * y; }
        case 3u: { return x / y; }
        case 4u: { return maximum(x, y); }
        case 5u: { return minimum(x, y); }
        case 6u: { return select(x, x * y, x < 0.0); }
        case 7u: { return select(x, 0.0, y == 0.0); }
        // Drivers may assume that nothing compared is NaN.
        case 8u: { return select(0.0, 1.0, x > y && !is_nan(x) && !is_nan(y)); }
        default: { return select(0.0, 1.0, x >= y && !is_nan(x) && !is_nan(y)); }
    }
}
