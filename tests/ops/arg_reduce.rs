use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, ROWS, SIZES, bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::internals::ops::ArgReduce;

const LARGEST: ArgReduce = ArgReduce { axis: 1, largest: true };
const SMALLEST: ArgReduce = ArgReduce { axis: 1, largest: false };

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for largest in [false, true] {
        let operator = ArgReduce { axis: 1, largest };
        for size in SIZES.into_iter().chain([255, 256, 257, 10_007]) {
            let batch = if size > 129 { 3 } else { 67 };
            cases.push(Case::new("random", operator).input(random(&[batch, size, 3], 1)));
            // Few values, so that most are equal.
            cases.push(Case::new("ties", operator).input(ints_by(&[batch, size], |at| (at * 7 % 5) as i32 - 2)));
            cases.push(Case::new("booleans", operator).input(bools_by(&[batch, size], |at| at % 70 == 69)));
        }
        for (shape, axis) in ROWS {
            let operator = ArgReduce { axis, largest };
            cases.push(Case::new(format!("{shape:?}"), operator).input(random(shape, 3)));
            cases.push(Case::new("ties", operator).input(ints_by(shape, |at| (at * 7 % 5) as i32 - 2)));
            // Most lines have a number after NaN, some none.
            let nan = |at: usize| if (at * 11).is_multiple_of(7) { at as f32 % 3.0 } else { f32::NAN };
            cases.push(Case::new("NaN", operator).input(floats_by(shape, nan)));
        }
        for axis in 1..5 {
            cases.push(Case::new("rank 5", ArgReduce { axis, largest }).input(random(&[3, 2, 5, 7, 3], 2)));
        }
        for turn in 0..AWKWARD.len() {
            let mut values = AWKWARD;
            values.rotate_left(turn);
            cases.push(Case::new("awkward", operator).input(floats(&[1, 10], &values)));
        }
        let extremes = [0, i32::MIN, i32::MAX, -1, i32::MIN, i32::MAX];
        cases.push(Case::new("extremes", operator).input(ints(&[1, 6], &extremes)));
        cases.push(Case::new("unbatched", ArgReduce { axis: 0, largest }).constant(random(&[5, 3], 3)));
        cases.push(Case::new("many long lines", operator).input(random(&[1, 257, 8200], 4)));
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let case = |operator, values: &[f32], expected| {
        Case::new("by hand", operator).input(floats(&[1, values.len()], values)).gives(ints(&[1], &[expected]))
    };
    vec![
        case(LARGEST, &[1.0, 3.0, 2.0, 3.0], 1),
        case(SMALLEST, &[2.0, 1.0, 3.0, 1.0], 1),
        case(LARGEST, &[-0.0, 0.0], 0),
        case(SMALLEST, &[0.0, -0.0], 0),
        // As in TensorFlow.
        case(LARGEST, &[nan, 1.0, 2.0], 2),
        case(SMALLEST, &[nan, 1.0, 2.0], 1),
        case(LARGEST, &[nan, nan], 0),
        case(LARGEST, &[-inf, nan, -inf], 0),
        case(SMALLEST, &[nan, inf, inf], 1),
        case(LARGEST, &[inf, f32::MAX, inf], 0),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(ArgReduce { axis: 0, ..LARGEST }, &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(LARGEST, &["float32[N, 0]"], "float32[N, 0] has no element, or too many, along axis 1");
    refuses(LARGEST, &[], "takes 1 inputs, not 0");
}
