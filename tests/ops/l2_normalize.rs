use crate::case::{Case, checks, refuses};
use crate::values::{ROWS, SIZES, floats, floats_by, random};
use tfjs_wgpu::internals::ops::L2Normalize;

/// The floor of TF.js.
const FLOOR: f32 = 1e-7;

fn normalize(axis: usize) -> L2Normalize {
    L2Normalize { axis, floor: FLOOR }
}

/// Elements stay well below 1.8e19, where squares overflow float32; `extremes` covers larger ones.
fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for size in SIZES.into_iter().chain([10_007]) {
        let batch = if size > 129 { 3 } else { 67 };
        cases.push(Case::new(format!("{size} wide"), normalize(1)).input(random(&[batch, size], 1)));
    }
    for (shape, axis) in ROWS {
        cases.push(Case::new(format!("{shape:?}, axis {axis}"), normalize(axis)).input(random(shape, 3)));
        // Rounding errors do not cancel where all terms are equal.
        cases.push(Case::new(format!("equal, {shape:?}"), normalize(axis)).input(floats_by(shape, |_| 0.1)));
    }
    for axis in 1..5 {
        cases.push(Case::new(format!("rank 5, axis {axis}"), normalize(axis)).input(random(&[3, 2, 65, 3, 5], 2)));
    }
    cases.push(Case::new("large", normalize(1)).input(floats(&[1, 3], &[1e18, -1e18, 1e-3])));
    cases.push(Case::new("no elements", normalize(1)).input(floats(&[3, 0], &[])));
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    vec![
        Case::new("3, 4, 5", normalize(1))
            .input(floats(&[3, 2], &[3.0, 4.0, -3.0, 4.0, 0.0, -7.0]))
            .gives(floats(&[3, 2], &[0.6, 0.8, -0.6, 0.8, 0.0, -1.0])),
        Case::new("columns", normalize(1))
            .input(floats(&[1, 2, 2], &[3.0, 0.0, 4.0, -2.0]))
            .gives(floats(&[1, 2, 2], &[0.6, 0.0, 0.8, -1.0])),
        // √1e-7 = 3.162 277 7e-4: shorter vectors are divided by the root of the floor, longer ones by their length.
        Case::new("the floor", normalize(1))
            .input(floats(&[3, 2], &[0.0, -0.0, 1e-4, 0.0, 0.0, 1e-3]))
            .gives(floats(&[3, 2], &[0.0, 0.0, 0.316_227_76, 0.0, 0.0, 1.0])),
        Case::new("the floor of Keras", L2Normalize { axis: 1, floor: 1e-12 })
            .input(floats(&[3, 1], &[1e-4, 1e-7, 0.0]))
            .gives(floats(&[3, 1], &[1.0, 0.1, 0.0])),
        Case::new("infinities and NaN", normalize(1))
            .input(floats(&[3, 2], &[inf, 1.0, nan, 1.0, -inf, inf]))
            .gives(floats(&[3, 2], &[nan, 0.0, nan, nan, nan, nan])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(normalize(0), &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(normalize(2), &["float32[N, 3]"], "axis 2 is not a dimension of a sample in [N, 3]");
    refuses(normalize(1), &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
    refuses(normalize(1), &[], "takes 1 inputs, not 0");
}
