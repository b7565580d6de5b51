use crate::case::{Case, checks, refuses};
use crate::values::{bools, bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::DType;
use tfjs_wgpu::internals::ops::Cast;

const TO_I32: Cast = Cast { to: DType::I32 };
const TO_F32: Cast = Cast { to: DType::F32 };
const TO_BOOL: Cast = Cast { to: DType::Bool };

/// Floats and the integers to which they are truncated: saturating, NaN to 0. 2^24 + 1 is not a float32; 2 147 483 520
/// is the largest float32 below 2^31.
const TRUNCATED: [(f32, i32); 19] = [
    (0.0, 0),
    (-0.0, 0),
    (0.999_999_94, 0),
    (-0.999_999_94, 0),
    (1.0, 1),
    (-1.5, -1),
    (2.5, 2),
    (16_777_215.0, 16_777_215),
    (16_777_216.0, 16_777_216),
    (-16_777_218.0, -16_777_218),
    (2_147_483_520.0, 2_147_483_520),
    (2_147_483_648.0, i32::MAX),
    (-2_147_483_520.0, -2_147_483_520),
    (-2_147_483_648.0, i32::MIN),
    (3e38, i32::MAX),
    (-3e38, i32::MIN),
    (f32::INFINITY, i32::MAX),
    (f32::NEG_INFINITY, i32::MIN),
    (f32::NAN, 0),
];

/// Integers and the nearest float32, ties to even.
const ROUNDED: [(i32, f32); 12] = [
    (0, 0.0),
    (-1, -1.0),
    (16_777_215, 16_777_215.0),
    (16_777_216, 16_777_216.0),
    (16_777_217, 16_777_216.0),
    (16_777_218, 16_777_218.0),
    (16_777_219, 16_777_220.0),
    (-16_777_217, -16_777_216.0),
    (33_554_435, 33_554_436.0),
    (i32::MAX, 2_147_483_648.0),
    (i32::MIN, -2_147_483_648.0),
    (2_147_483_583, 2_147_483_520.0),
];

fn cases() -> Vec<Case> {
    let (from, to): (Vec<f32>, Vec<i32>) = TRUNCATED.into_iter().unzip();
    let (whole, rounded): (Vec<i32>, Vec<f32>) = ROUNDED.into_iter().unzip();
    let mut cases = vec![
        Case::new("truncate", TO_I32).input(floats(&[1, 19], &from)).gives(ints(&[1, 19], &to)),
        Case::new("round", TO_F32).input(ints(&[1, 12], &whole)).gives(floats(&[1, 12], &rounded)),
        Case::new("bool to int", TO_I32).input(bools(&[3, 1], &[true, false, true])).gives(ints(&[3, 1], &[1, 0, 1])),
        Case::new("bool to float", TO_F32)
            .input(bools(&[3, 1], &[true, false, true]))
            .gives(floats(&[3, 1], &[1.0, 0.0, 1.0])),
        Case::new("int to int", TO_I32).input(ints(&[1, 12], &whole)).gives(ints(&[1, 12], &whole)),
        Case::new("float to float", TO_F32).input(floats(&[1, 19], &from)).gives(floats(&[1, 19], &from)),
        Case::new("a weight", TO_F32).constant(ints(&[12], &whole)).gives(floats(&[12], &rounded)),
        Case::new("a weight that stays", TO_I32).constant(ints(&[12], &whole)).gives(ints(&[12], &whole)),
        Case::new("float to bool", TO_BOOL)
            .input(floats(&[1, 7], &[0.0, -0.0, 0.3, -1.0, f32::NAN, f32::NEG_INFINITY, f32::MIN_POSITIVE]))
            .gives(bools(&[1, 7], &[false, false, true, true, true, true, true])),
        // Ignoring the sign bit would turn the smallest integer into 0.
        Case::new("int to bool", TO_BOOL)
            .input(ints(&[1, 5], &[0, 1, -1, i32::MIN, i32::MAX]))
            .gives(bools(&[1, 5], &[false, true, true, true, true])),
        Case::new("bool to bool", TO_BOOL).input(bools(&[1, 2], &[true, false])).gives(bools(&[1, 2], &[true, false])),
        Case::new("rank 5", TO_I32).input(random(&[3, 2, 3, 5, 7], 1)),
    ];
    for size in [1, 63, 64, 65, 127] {
        let shape = [67, size];
        cases.push(
            Case::new(format!("{size} floats"), TO_I32).input(floats_by(&shape, |index| index as f32 * 1.7 - 99.0)),
        );
        cases.push(Case::new(format!("{size} ints"), TO_F32).input(ints_by(&shape, |index| index as i32 * 40_009 - 7)));
        cases.push(
            Case::new(format!("{size} floats to bools"), TO_BOOL).input(floats_by(&shape, |index| (index % 3) as f32)),
        );
        cases
            .push(Case::new(format!("{size} ints to bools"), TO_BOOL).input(ints_by(&shape, |index| index as i32 % 3)));
        cases.push(Case::new(format!("{size} bools"), TO_I32).input(bools_by(&shape, |index| index % 3 == 0)));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(TO_F32, &[], "takes 1 inputs, not 0");
}
