use crate::case::{Case, checks, refuses};
use crate::values::{ROWS, SIZES, floats, floats_by, random};
use tfjs_wgpu::internals::ops::MomentNormalization;

fn normalization(axis: usize, epsilon: f32) -> MomentNormalization {
    MomentNormalization { axis, epsilon }
}

/// All elements have equal weight.
fn case(name: impl Into<String>, op: MomentNormalization, shape: &[usize]) -> Case {
    let scale = random(&[2, shape[op.axis]], 2);
    Case::new(name, op).input(random(shape, 1)).constant(scale).constant(floats(&[1], &[1.0]))
}

/// Some elements have no weight.
fn masked(name: impl Into<String>, op: MomentNormalization, shape: &[usize]) -> Case {
    let scale = random(&[2, shape[op.axis]], 2);
    let weights = floats_by(shape, |index| if index % 3 == 1 { 0.0 } else { 1.0 });
    Case::new(name, op).input(random(shape, 1)).constant(scale).input(weights)
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for batch in SIZES.into_iter().chain([257, 1009]) {
        let width = if batch % 2 == 0 { 3 } else { 65 };
        cases.push(case(format!("{batch} rows"), normalization(1, 1e-3), &[batch, width]));
        cases.push(masked(format!("{batch} masked rows"), normalization(1, 1e-3), &[batch, width]));
    }
    for (shape, axis) in ROWS {
        cases.push(case(format!("{shape:?}, axis {axis}"), normalization(axis, 1e-3), shape));
        cases.push(masked(format!("{shape:?}, axis {axis}, masked"), normalization(axis, 1e-3), shape));
    }
    // More channels than fill a GPU, four by four.
    cases.push(case("many channels", normalization(1, 1e-3), &[3, 32_772]));
    let shape = [3, 2, 5, 7, 3];
    for axis in 1..shape.len() {
        cases.push(case(format!("axis {axis}"), normalization(axis, 1e-3), &shape));
        cases.push(masked(format!("axis {axis}, masked"), normalization(axis, 1e-6), &shape));
    }
    // The variance is small relative to the mean: E(x²) − E(x)² would suffer from cancellation.
    let far = floats_by(&[65, 2], |index| 1000.0 + (index / 2 % 5) as f32);
    let scale = floats(&[2, 2], &[1.0, 1.0, 0.0, 0.0]);
    let one = floats(&[1], &[1.0]);
    cases.push(Case::new("far from zero", normalization(1, 1e-3)).input(far).constant(scale).constant(one));
    cases
}

fn by_hand() -> Vec<Case> {
    let nan = f32::NAN;
    let one = || floats(&[1], &[1.0]);
    let scale = || floats(&[2, 2], &[3.0, 6.0, 10.0, 20.0]);
    let weighted = |name: &str, weights: &[f32]| {
        Case::new(name, normalization(1, 5.0))
            .input(floats(&[3, 2], &[1.0, 2.0, 5.0, -2.0, 8.0, 40.0]))
            .constant(scale())
            .input(floats(&[3, 2], weights))
    };
    vec![
        // Mean 3, variance 4 (+ 5 = 3²); mean 0, variance 4.
        Case::new("by hand", normalization(1, 5.0))
            .input(floats(&[2, 2], &[1.0, 2.0, 5.0, -2.0]))
            .constant(scale())
            .constant(one())
            .gives(floats(&[2, 2], &[8.0, 24.0, 12.0, 16.0])),
        // The same moments, from rows and steps together.
        Case::new("over steps by hand", normalization(1, 5.0))
            .input(floats(&[2, 2, 2], &[1.0, 5.0, 2.0, 2.0, 5.0, 1.0, -2.0, -2.0]))
            .constant(scale())
            .constant(one())
            .gives(floats(&[2, 2, 2], &[8.0, 12.0, 24.0, 24.0, 12.0, 8.0, 16.0, 16.0])),
        // The third row is normalised, but has no weight.
        weighted("a row without weight", &[1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
            .gives(floats(&[3, 2], &[8.0, 24.0, 12.0, 16.0, 15.0, 100.0])),
        weighted("nothing counts", &[1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
            .gives(floats(&[3, 2], &[8.0, nan, 12.0, nan, 15.0, nan])),
        Case::new("one row", normalization(1, 1e-3))
            .input(floats(&[1, 2], &[7.0, -1e30]))
            .constant(scale())
            .constant(one())
            .gives(floats(&[1, 2], &[10.0, 20.0])),
        Case::new("not finite", normalization(1, 1e-3))
            .input(floats(&[2, 2], &[nan, 1.0, f32::INFINITY, 1.0]))
            .constant(scale())
            .constant(one())
            .gives(floats(&[2, 2], &[nan, 20.0, nan, 20.0])),
        Case::new("no variance, no epsilon", normalization(1, 0.0))
            .input(floats(&[2, 2], &[1.0; 4]))
            .constant(scale())
            .constant(one())
            .gives(floats(&[2, 2], &[nan; 4])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let refused = |axis, inputs: &[&str], fragment| refuses(normalization(axis, 1e-3), inputs, fragment);
    let (x, scale, one) = ("float32[N, 3]", "float32[2, 3]", "float32[1]");
    refused(1, &[x, "float32[4, 3]", one], "scale float32[4, 3] does not fit axis 1 of float32[N, 3]");
    refused(1, &[x, "float32[2, 4]", one], "scale float32[2, 4] does not fit axis 1 of float32[N, 3]");
    refused(0, &[x, scale, one], "axis 0 is not a dimension of a sample in [N, 3]");
    refused(2, &[x, scale, one], "axis 2 is not a dimension of a sample in [N, 3]");
    refused(1, &[x, scale, "float32[3]"], "weights float32[3] are neither one number nor like float32[N, 3]");
    refused(1, &[x, scale, "float32[N, 1]"], "weights float32[N, 1] are neither one number nor like float32[N, 3]");
    refused(1, &["int32[N, 3]", scale, one], "takes float32 and not int32[N, 3]");
    refused(1, &[x, scale, "bool[N, 3]"], "takes float32 and not bool[N, 3]");
    refused(1, &[x, scale], "takes 3 inputs, not 2");
}
