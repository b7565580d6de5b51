// All functions of one element, chosen by a number: those of activate.wgsl, and what no layer applies to its sums. See
// src/ops/activation.rs for the formulas and the numbers. Builds on activate.wgsl and trigonometry.wgsl.

fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

// 1 / sqrt(x), p.x below its domain and p.y at its end, with the sign of the zero.
fn inverse_root(x: f32, p: vec3<f32>) -> f32 {
    if x == 0.0 {
        return select(p.y, -p.y, bitcast<u32>(x) >= 0x80000000u);
    }
    if x < 0.0 {
        return p.x;
    }
    return select(0.0, inverseSqrt(x), is_finite(x));
}

// Half of e^a and half of e^-a, for a from 1 on: by the root, which is finite where their sum still is.
fn half_powers(a: f32) -> vec2<f32> {
    let root = exp(0.5 * a);
    return vec2(0.5 * root * root, 0.5 * exp(-a));
}

fn hyperbolic_sine(x: f32) -> f32 {
    let a = abs(x);
    if a <= 1.0 {
        let z = x * x;
        return x + x * z * ((2.03721912945e-4 * z + 8.33028376239e-3) * z + 1.66667160211e-1);
    }
    if !is_finite(x) {
        return x;
    }
    let halves = half_powers(a);
    return sign(x) * (halves.x - halves.y);
}

fn hyperbolic_cosine(x: f32) -> f32 {
    if !is_finite(x) {
        return abs(x);
    }
    let halves = half_powers(abs(x));
    return halves.x + halves.y;
}

fn inverse_hyperbolic_sine(x: f32) -> f32 {
    let a = abs(x);
    if a < 0.5 {
        let z = x * x;
        let p = ((2.0122003309e-2 * z - 4.2699340972e-2) * z + 7.4847586088e-2) * z - 1.6666288134e-1;
        return x + x * z * p;
    }
    if !is_finite(x) {
        return x;
    }
    // The square of a large number would be infinite, and adds nothing to it.
    if a > 1e4 {
        return sign(x) * (log(a) + 0.69314718055994531);
    }
    return sign(x) * log(a + sqrt(a * a + 1.0));
}

fn inverse_hyperbolic_cosine(x: f32, p: vec3<f32>) -> f32 {
    let z = x - 1.0;
    if z < 0.0 {
        return p.x;
    }
    if z < 0.5 {
        let q = ((1.7596881071e-3 * z - 7.5272886713e-3) * z + 2.6454905019e-2) * z - 1.1784741703e-1;
        return sqrt(z) * (q * z + 1.4142135263);
    }
    if !is_finite(x) {
        return x;
    }
    if x > 1e4 {
        return log(x) + 0.69314718055994531;
    }
    return log(x + sqrt(z * (x + 1.0)));
}

fn inverse_hyperbolic_tangent(x: f32, p: vec3<f32>) -> f32 {
    let a = abs(x);
    if a < 0.5 {
        let z = x * x;
        var q = 1.81740078349e-1 * z + 8.24370301058e-2;
        q = (q * z + 1.46691431730e-1) * z + 1.99782164500e-1;
        return x + x * z * (q * z + 3.33337300303e-1);
    }
    if a >= 1.0 {
        return select(p.x, sign(x) * p.y, a == 1.0);
    }
    return 0.5 * log((1.0 + x) / (1.0 - x));
}


fn evaluate(function: u32, x: f32, p: vec3<f32>) -> f32 {
    if is_nan(x) {
        return x;
    }
    switch function {
        case 18u: { return inverse_root(x, p); }
        case 19u: { return floor(x); }
        case 20u: { return ceil(x); }
        case 21u: { return round(x); }
        case 22u: { return sign(x); }
        case 23u: { return abs(x); }
        case 24u: { return -x; }
        case 25u: {
            if is_finite(x) {
                return sine(x, 0u);
            }
            return p.x;
        }
        case 26u: {
            if is_finite(x) {
                return sine(x, 1u);
            }
            return p.x;
        }
        case 27u: {
            if is_finite(x) {
                return tangent(x);
            }
            return p.x;
        }
        case 28u: {
            if abs(x) > 1.0 {
                return p.x;
            }
            return select(arcsine(abs(x)), -arcsine(abs(x)), x < 0.0);
        }
        case 29u: {
            if abs(x) > 1.0 {
                return p.x;
            }
            return arccosine(x);
        }
        case 30u: { return angle(x, 1.0); }
        case 31u: { return hyperbolic_sine(x); }
        case 32u: { return hyperbolic_cosine(x); }
        case 33u: { return inverse_hyperbolic_sine(x); }
        case 34u: { return inverse_hyperbolic_cosine(x, p); }
        case 35u: { return inverse_hyperbolic_tangent(x, p); }
        case 36u: { return erf(x); }
        case 37u: { return expm1(x); }
        default: { return activate(function, x, p); }
    }
}
