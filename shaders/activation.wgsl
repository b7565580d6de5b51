// A function of one element. `function` selects it; see src/ops/activation.rs for the formulas.

struct Params {
    count: u32,
    a: f32,
    b: f32,
    c: f32,
}

override function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// ReLU with slope b below and at threshold c; above it x, clipped to 0 .. a if `clip`.
fn relu(x: f32, clip: bool) -> f32 {
    if x > params.c {
        return select(x, clamp(x, 0.0, params.a), clip);
    }
    // Written out because a slope of zero times infinity would not be zero.
    if params.b == 0.0 {
        return 0.0;
    }
    return params.b * (x - params.c);
}

// b * elu with alpha a.
fn elu(x: f32) -> f32 {
    if x > 0.0 {
        return params.b * x;
    }
    return params.b * params.a * expm1(x);
}

fn softplus(x: f32) -> f32 {
    return maximum(x, 0.0) + log1p(exp(-abs(x)));
}

fn activate(x: f32) -> f32 {
    // Drivers turn NaN into numbers in exp() and elsewhere, and a number would hide that something was wrong before.
    if is_nan(x) {
        return x;
    }
    switch function {
        case 0u: { return relu(x, true); }
        case 1u: { return relu(x, false); }
        case 2u: { return elu(x); }
        case 3u: { return 1.0 / (1.0 + exp(-x)); }
        case 4u: { return minimum(maximum(params.a * x + params.b, 0.0), 1.0); }
        case 5u: { return softplus(x); }
        case 6u: { return x / (1.0 + abs(x)); }
        case 7u: { return tanh_precise(x); }
        case 8u: { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }
        case 9u: { return 0.5 * x * (1.0 + tanh_precise(0.79788456080286536 * (x + 0.044715 * x * x * x))); }
        case 10u: { return x * tanh_precise(softplus(x)); }
        case 11u: { return x / (1.0 + exp(-x)); }
        default: { return exp(x); }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    output[index] = activate(input[index]);
}
