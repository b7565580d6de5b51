// The functions of one element, chosen by a number: see src/ops/activation.rs for the formulas and the numbers.
// Builds on special.wgsl. `p` are the function's parameters.

// ReLU with slope y below and at threshold z; above it x, clipped to 0 .. x of `p` if `clip`.
fn relu(x: f32, p: vec3<f32>, clip: bool) -> f32 {
    if x > p.z {
        return select(x, clamp(x, 0.0, p.x), clip);
    }
    // Written out because a slope of zero times infinity would not be zero.
    if p.y == 0.0 {
        return 0.0;
    }
    return p.y * (x - p.z);
}

// elu with alpha x, times y.
fn elu(x: f32, p: vec3<f32>) -> f32 {
    if x > 0.0 {
        return p.y * x;
    }
    return p.y * p.x * expm1(x);
}

fn softplus(x: f32) -> f32 {
    return maximum(x, 0.0) + log1p(exp(-abs(x)));
}

// log(shift + x), p.x below its domain and p.y at its end.
fn shifted_logarithm(x: f32, shift: f32, p: vec3<f32>) -> f32 {
    if x <= -shift {
        return select(p.x, p.y, x == -shift);
    }
    return log(shift + x);
}

fn activate(function: u32, x: f32, p: vec3<f32>) -> f32 {
    // Drivers turn NaN into numbers in exp() and elsewhere, and a number would hide that something was wrong before.
    if is_nan(x) {
        return x;
    }
    switch function {
        case 0u: { return relu(x, p, true); }
        case 1u: { return relu(x, p, false); }
        case 2u: { return elu(x, p); }
        case 3u: { return 1.0 / (1.0 + exp(-x)); }
        case 4u: { return minimum(maximum(p.x * x + p.y, 0.0), 1.0); }
        case 5u: { return softplus(x); }
        case 6u: { return x / (1.0 + abs(x)); }
        case 7u: { return tanh_precise(x); }
        case 8u: { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }
        case 9u: { return 0.5 * x * (1.0 + tanh_precise(0.79788456080286536 * (x + 0.044715 * x * x * x))); }
        case 10u: { return x * tanh_precise(softplus(x)); }
        case 11u: { return x / (1.0 + exp(-x)); }
        case 12u: { return exp(x); }
        case 14u: { return shifted_logarithm(x, 0.0, p); }
        case 15u: {
            if abs(x) < 0.01 {
                return log1p(x);
            }
            return shifted_logarithm(x, 1.0, p);
        }
        case 16u: { return select(sqrt(max(x, 0.0)), p.x, x < 0.0); }
        // The identity, for a layer without a function.
        default: { return x; }
    }
}
