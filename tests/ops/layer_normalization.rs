use crate::case::{Case, checks, refuses};
use crate::values::{ROWS, SIZES, floats, floats_by, random};
use tfjs_wgpu::internals::ops::{LayerNormalization, Mean};

fn normalization(axes: usize, epsilon: f32) -> LayerNormalization {
    LayerNormalization::new(axes, epsilon)
}

fn case(name: impl Into<String>, op: LayerNormalization, shape: &[usize]) -> Case {
    let normalized = &shape[shape.len() - op.axes..];
    let (gamma, beta) = (random(normalized, 2), random(normalized, 3));
    Case::new(name, op).input(random(shape, 1)).constant(gamma).constant(beta)
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for width in SIZES.into_iter().chain([1009]) {
        let batch = if width % 2 == 0 { 3 } else { 67 };
        cases.push(case(format!("{width} wide"), normalization(1, 1e-3), &[batch, width]));
    }
    for mean in [Mean::InVariance, Mean::Nowhere] {
        for width in [1, 65, 131] {
            let op = LayerNormalization { mean, ..normalization(1, 1e-6) };
            cases.push(case(format!("{width} wide, mean {mean:?}"), op, &[3, width]));
        }
    }
    for (shape, _) in ROWS {
        cases.push(case(format!("{shape:?}"), normalization(shape.len() - 1, 1e-3), shape));
    }
    for axes in 1..=4 {
        cases.push(case(format!("rank 5, {axes} axes"), normalization(axes, 1e-3), &[3, 2, 5, 7, 3]));
    }
    // The variance is small relative to the mean: E(x²) − E(x)² would suffer from cancellation.
    let far = floats_by(&[3, 65], |index| 1000.0 + (index % 5) as f32);
    let (ones, zeros) = (floats(&[65], &[1.0; 65]), floats(&[65], &[0.0; 65]));
    cases.push(Case::new("far from zero", normalization(1, 1e-3)).input(far).constant(ones).constant(zeros));
    cases
}

fn by_hand() -> Vec<Case> {
    let nan = f32::NAN;
    let plain = |name: &str, epsilon, x, gamma: &[f32], beta: &[f32]| {
        let width = [gamma.len()];
        Case::new(name, normalization(1, epsilon))
            .input(x)
            .constant(floats(&width, gamma))
            .constant(floats(&width, beta))
    };
    vec![
        // Mean 3, variance 4 (+ 5 = 3²); mean 0, variance 4.
        plain("by hand", 5.0, floats(&[1, 2, 2], &[1.0, 5.0, 2.0, -2.0]), &[3.0, 6.0], &[10.0, 20.0])
            .gives(floats(&[1, 2, 2], &[8.0, 24.0, 12.0, 16.0])),
        // Mean 2.5, variance 1.25 (+ 1 = 1.5²), over both dimensions.
        Case::new("two axes by hand", normalization(2, 1.0))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .constant(floats(&[2, 2], &[3.0; 4]))
            .constant(floats(&[2, 2], &[0.0, 1.0, 2.0, 3.0]))
            .gives(floats(&[1, 2, 2], &[-3.0, 0.0, 3.0, 6.0])),
        // Mean square 24 (+ 1 = 5²); mean 4, variance 9 (+ 16 = 5²).
        Case::new("mean square by hand", LayerNormalization { mean: Mean::Nowhere, ..normalization(1, 1.0) })
            .input(floats(&[1, 2], &[-4.0, 32f32.sqrt()]))
            .constant(floats(&[2], &[5.0, 0.0]))
            .constant(floats(&[2], &[0.5, 2.0]))
            .gives(floats(&[1, 2], &[-3.5, 2.0])),
        Case::new("scaled alone by hand", LayerNormalization { mean: Mean::InVariance, ..normalization(1, 16.0) })
            .input(floats(&[1, 2], &[1.0, 7.0]))
            .constant(floats(&[2], &[5.0, 10.0]))
            .constant(floats(&[2], &[0.0, 1.0]))
            .gives(floats(&[1, 2], &[1.0, 15.0])),
        plain("a constant row", 1e-3, floats(&[3, 4], &[7.0; 12]), &[2.0; 4], &[1.0; 4])
            .gives(floats(&[3, 4], &[1.0; 12])),
        plain("one wide", 1e-3, floats(&[3, 1], &[-1.0, 0.0, 1e30]), &[5.0], &[2.0]).gives(floats(&[3, 1], &[2.0; 3])),
        plain("not finite", 1e-3, floats(&[3, 2], &[nan, 1.0, f32::INFINITY, 1.0, 1.0, 1.0]), &[1.0; 2], &[0.0; 2])
            .gives(floats(&[3, 2], &[nan, nan, nan, nan, 0.0, 0.0])),
        plain("no variance, no epsilon", 0.0, floats(&[1, 2], &[1.0, 1.0]), &[1.0; 2], &[0.0; 2])
            .gives(floats(&[1, 2], &[nan, nan])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let fit = |axes, x: &str, gamma: &str, beta: &str| {
        let fragment = format!("input {x}, gamma {gamma} and beta {beta} do not fit");
        refuses(normalization(axes, 1e-3), &[x, gamma, beta], &fragment);
    };
    fit(1, "float32[N, 3]", "float32[2]", "float32[2]");
    fit(1, "float32[N, 3]", "float32[3]", "float32[1]");
    fit(2, "float32[N, 2, 3]", "float32[3]", "float32[3]");
    fit(0, "float32[N, 3]", "float32[]", "float32[]");
    fit(2, "float32[N, 3]", "float32[3]", "float32[3]");
    fit(usize::MAX, "float32[N, 3]", "float32[3]", "float32[3]");
    let refused = |inputs: &[&str], fragment| refuses(normalization(1, 1e-3), inputs, fragment);
    refused(&["int32[N, 3]", "float32[3]", "float32[3]"], "takes float32 and not int32[N, 3]");
    refused(&["float32[N, 3]", "float32[3]"], "takes 3 inputs, not 2");
}
