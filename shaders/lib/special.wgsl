// Functions that WGSL lacks, or whose built-in form loses digits near zero or at NaN.

// By bits: a compiler may assume that no float is NaN.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn are_nan(x: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

// max() may drop a NaN operand; this one keeps it. Without a branch, as `exponential` below.
fn maximum(left: f32, right: f32) -> f32 {
    return select(select(max(left, right), right, is_nan(right)), left, is_nan(left));
}

fn minimum(left: f32, right: f32) -> f32 {
    return -maximum(-left, -right);
}

// The maximum of each of four.
fn maxima(left: vec4<f32>, right: vec4<f32>) -> vec4<f32> {
    return select(select(max(left, right), right, are_nan(right)), left, are_nan(left));
}

// Toward zero; saturating, NaN to 0. The limits are written out because drivers differ on what is out of range.
fn truncate(x: f32) -> i32 {
    if is_nan(x) {
        return 0;
    }
    if x >= 2147483648.0 {
        return 2147483647;
    }
    if x <= -2147483648.0 {
        return -2147483647 - 1;
    }
    return i32(x);
}

// exp() and log() may turn NaN into a number; these keep it. Without a branch, which software GPUs take for every element.
fn exponential(x: f32) -> f32 {
    return select(exp(x), x, is_nan(x));
}

fn exponentials(x: vec4<f32>) -> vec4<f32> {
    return select(exp(x), x, are_nan(x));
}

fn logarithm(x: f32) -> f32 {
    return select(log(x), x, is_nan(x));
}

// e^x - 1. Near zero the difference cancels, so the Taylor polynomial is used (remainder below 2^-27 there).
fn expm1(x: f32) -> f32 {
    if abs(x) < 0.5 {
        let tail = 1.0 / 120.0 + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40320.0)));
        return x + x * x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * tail)));
    }
    return exp(x) - 1.0;
}

// log(1 + x) for x from -0.01 to 1.
fn log1p(x: f32) -> f32 {
    if x < 0.01 {
        return x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25)));
    }
    return log(1.0 + x);
}

// By e^2x - 1, which keeps the digits near zero; beyond 10 the result is 1 in f32.
fn tanh_precise(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    let e = expm1(2.0 * clamp(x, -10.0, 10.0));
    return e / (e + 2.0);
}

// The error function in the single precision form of S. Moshier's Cephes library (ndtrf): a polynomial in x^2 up to
// 1, then 1 - erfc(x) with erfc(x) = e^-x^2 / x * p(1 / x^2).
fn erf(x: f32) -> f32 {
    let a = abs(x);
    if a <= 1.0 {
        let z = x * x;
        var p = 7.853861353153693e-5;
        p = p * z - 8.010193625184903e-4;
        p = p * z + 5.188327685732524e-3;
        p = p * z - 2.685381193529856e-2;
        p = p * z + 1.128358514861418e-1;
        p = p * z - 3.761262582423300e-1;
        p = p * z + 1.128379165726710;
        return x * p;
    }
    if is_nan(x) {
        return x;
    }
    if a > 4.0 {
        return sign(x);
    }
    let q = 1.0 / a;
    let y = q * q;
    var p = 0.0;
    if a < 2.0 {
        p = 2.326819970068386e-2;
        p = p * y - 1.387039388740657e-1;
        p = p * y + 3.687424674597105e-1;
        p = p * y - 5.824733027278666e-1;
        p = p * y + 6.210004621745983e-1;
        p = p * y - 4.944515323274145e-1;
        p = p * y + 3.404879937665872e-1;
        p = p * y - 2.741127028184656e-1;
        p = p * y + 5.638259427386472e-1;
    } else {
        p = -1.047766399936249e+1;
        p = p * y + 1.297719955372516e+1;
        p = p * y - 7.495518717768503;
        p = p * y + 2.921019019210786;
        p = p * y - 1.015265279202700;
        p = p * y + 4.218463358204948e-1;
        p = p * y - 2.820767439740514e-1;
        p = p * y + 5.641895067754075e-1;
    }
    return sign(x) * (1.0 - exp(-a * a) * q * p);
}
