use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, random};
use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::ops::BatchNormalization;

fn normalization(axis: usize, epsilon: f32) -> BatchNormalization {
    BatchNormalization { axis, epsilon }
}

/// Gammas and betas of either sign, means around 0, and variances of at least 0.25.
fn statistics(channels: usize) -> Tensor {
    let rest = random(&[4, channels], 9);
    let rest = rest.as_f32().expect("floats").to_vec();
    floats_by(&[4, channels], move |index| if index < 3 * channels { rest[index] } else { 0.25 + rest[index].abs() })
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for channels in [1, 63, 64, 65, 129] {
        for batch in [1, 67] {
            let case = Case::new(format!("[{batch}, {channels}]"), normalization(1, 1e-3));
            cases.push(case.input(random(&[batch, channels], 1)).constant(statistics(channels)));
        }
    }
    let shape = [3, 5, 2, 7, 11];
    for axis in 1..5 {
        let case = Case::new(format!("rank 5, axis {axis}"), normalization(axis, 1e-5));
        cases.push(case.input(random(&shape, 2)).constant(statistics(shape[axis])));
    }
    let far = floats_by(&[3, 7], |index| 1e6 + index as f32);
    cases.push(Case::new("far from the mean", normalization(1, 1e-3)).input(far).constant(statistics(7)));
    cases
}

fn by_hand() -> Vec<Case> {
    let inf = f32::INFINITY;
    // gamma, beta, mean, variance of two channels; the square roots are 2 and 3.
    let statistics = [1.0, 3.0, 10.0, 20.0, 5.0, -1.0, 3.0, 8.0];
    vec![
        Case::new("by hand", normalization(1, 1.0))
            .input(floats(&[3, 2], &[5.0, -1.0, 7.0, 2.0, -1.0, 0.0]))
            .constant(floats(&[4, 2], &statistics))
            .gives(floats(&[3, 2], &[10.0, 20.0, 11.0, 23.0, 7.0, 21.0])),
        Case::new("by hand, first axis", normalization(1, 1.0))
            .input(floats(&[1, 2, 3], &[5.0, 7.0, -1.0, -1.0, 2.0, 0.0]))
            .constant(floats(&[4, 2], &statistics))
            .gives(floats(&[1, 2, 3], &[10.0, 11.0, 7.0, 20.0, 23.0, 21.0])),
        Case::new("infinities and NaN", normalization(1, 1.0))
            .input(floats(&[3, 2], &[inf, -inf, f32::NAN, inf, 5.0, f32::NAN]))
            .constant(floats(&[4, 2], &statistics))
            .gives(floats(&[3, 2], &[inf, -inf, f32::NAN, inf, 10.0, f32::NAN])),
        // A variance of 0 without epsilon: 1/0, and 0/0 at the mean.
        Case::new("no variance", normalization(1, 0.0))
            .input(floats(&[3, 1], &[2.0, 1.0, 0.0]))
            .constant(floats(&[4, 1], &[1.0, 0.0, 1.0, 0.0]))
            .gives(floats(&[3, 1], &[inf, f32::NAN, -inf])),
        Case::new("negative variance", normalization(1, 0.0))
            .input(floats(&[1, 1], &[2.0]))
            .constant(floats(&[4, 1], &[1.0, 0.0, 1.0, -1.0]))
            .gives(floats(&[1, 1], &[f32::NAN])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let refused = |inputs: &[&str], fragment| refuses(normalization(1, 1e-3), inputs, fragment);
    refused(&["float32[N, 3]", "float32[4, 2]"], "statistics float32[4, 2] do not fit axis 1 of float32[N, 3]");
    refused(&["float32[N, 3]", "float32[3, 3]"], "statistics float32[3, 3] do not fit axis 1 of float32[N, 3]");
    refused(&["float32[N, 3]", "float32[12]"], "statistics float32[12] do not fit axis 1 of float32[N, 3]");
    refused(&["float32[N]", "float32[4, 3]"], "axis 1 is not a dimension of a sample in [N]");
    refused(&["int32[N, 3]", "float32[4, 3]"], "takes float32 and not int32[N, 3]");
    refused(&["float32[N, 3]"], "takes 2 inputs, not 1");
    refuses(normalization(0, 1e-3), &["float32[N, 3]", "float32[4, 3]"], "axis 0 is not a dimension of a sample");
}
