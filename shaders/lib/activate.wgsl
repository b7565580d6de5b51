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

// The nearest half-precision float, the even one of two; `infinity` beyond the largest. Through bits: pack2x16float() is an
// optional capability and may round either way, and an addition that rounds may be compiled away.
fn round_to_half(x: f32, infinity: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let magnitude = bits & 0x7fffffffu;
    if magnitude >= 0x477ff000u {
        return select(infinity, -infinity, x < 0.0);
    }
    if magnitude >= 0x38800000u {
        // 10 of 23 bits stay. A carry goes into the exponent, as it should.
        let rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
        return bitcast<f32>(rounded | (bits & 0x80000000u));
    }
    // Subnormal: a count of 2^-24. What is shifted out entirely rounds to nothing.
    let shift = min(126u - (magnitude >> 23u), 25u);
    let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    let count = (mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift;
    let value = bitcast<u32>(f32(count) * 5.9604644775390625e-8);
    return bitcast<f32>(value | (bits & 0x80000000u));
}

// The functions that a kernel may call, a bit each. A kernel that reads the function's number from its parameters sets it,
// because software GPUs compute all branches of a switch.
override used_functions: u32 = 0xffffffffu;

fn is_used(function: u32) -> bool {
    return (used_functions & (1u << function)) != 0u;
}

fn activate(function: u32, x: f32, p: vec3<f32>) -> f32 {
    // Drivers turn NaN into numbers in exp() and elsewhere, and a number would hide that something was wrong before.
    if is_nan(x) {
        return x;
    }
    switch function {
        case 0u: {
            if is_used(0u) {
                return relu(x, p, true);
            }
            return x;
        }
        case 1u: {
            if is_used(1u) {
                return relu(x, p, false);
            }
            return x;
        }
        case 2u: {
            if is_used(2u) {
                return elu(x, p);
            }
            return x;
        }
        case 3u: {
            if is_used(3u) {
                return 1.0 / (1.0 + exp(-x));
            }
            return x;
        }
        case 4u: {
            if is_used(4u) {
                return minimum(maximum(p.x * x + p.y, 0.0), 1.0);
            }
            return x;
        }
        case 5u: {
            if is_used(5u) {
                return softplus(x);
            }
            return x;
        }
        case 6u: {
            if is_used(6u) {
                return x / (1.0 + abs(x));
            }
            return x;
        }
        case 7u: {
            if is_used(7u) {
                return tanh_precise(x);
            }
            return x;
        }
        case 8u: {
            if is_used(8u) {
                return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
            }
            return x;
        }
        case 9u: {
            if is_used(9u) {
                return 0.5 * x * (1.0 + tanh_precise(0.79788456080286536 * (x + 0.044715 * x * x * x)));
            }
            return x;
        }
        case 10u: {
            if is_used(10u) {
                return x * tanh_precise(softplus(x));
            }
            return x;
        }
        case 11u: {
            if is_used(11u) {
                return x / (1.0 + exp(-x));
            }
            return x;
        }
        case 12u: {
            if is_used(12u) {
                return exp(x);
            }
            return x;
        }
        case 14u: {
            if is_used(14u) {
                return shifted_logarithm(x, 0.0, p);
            }
            return x;
        }
        case 15u: {
            if !is_used(15u) {
                return x;
            }
            if abs(x) < 0.01 {
                return log1p(x);
            }
            return shifted_logarithm(x, 1.0, p);
        }
        case 16u: {
            if is_used(16u) {
                return select(sqrt(max(x, 0.0)), p.x, x < 0.0);
            }
            return x;
        }
        case 17u: {
            if is_used(17u) {
                return round_to_half(x, p.x);
            }
            return x;
        }
        // The identity, for a layer without a function.
        default: { return x; }
    }
}
