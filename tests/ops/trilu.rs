use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::internals::ops::Trilu;

const LOWER: Trilu = Trilu { upper: false, diagonal: 0 };
const UPPER: Trilu = Trilu { upper: true, diagonal: 0 };

fn cases() -> Vec<Case> {
    let counted = || floats_by(&[1, 3, 4], |at| (at + 1) as f32);
    let square = || ints(&[1, 3, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mut cases = vec![
        Case::new("lower", LOWER)
            .input(counted())
            .gives(floats(&[1, 3, 4], &[1.0, 0.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0, 9.0, 10.0, 11.0, 0.0])),
        Case::new("upper", UPPER)
            .input(counted())
            .gives(floats(&[1, 3, 4], &[1.0, 2.0, 3.0, 4.0, 0.0, 6.0, 7.0, 8.0, 0.0, 0.0, 11.0, 12.0])),
        Case::new("below", Trilu { diagonal: -1, ..LOWER })
            .input(square())
            .gives(ints(&[1, 3, 3], &[0, 0, 0, 4, 0, 0, 7, 8, 0])),
        Case::new("above", Trilu { diagonal: 1, ..UPPER })
            .constant(square())
            .gives(ints(&[1, 3, 3], &[0, 2, 3, 0, 0, 6, 0, 0, 0])),
        // Elements outside the triangle are zero even if they were NaN.
        Case::new("awkward", UPPER)
            .constant(floats(&[5, 2], &AWKWARD))
            .gives(floats(&[5, 2], &[0.0, -0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])),
    ];
    for upper in [false, true] {
        for diagonal in [i64::MIN, -4_000_000_000, -65, -6, -5, 0, 3, 6, 7, 65, 4_000_000_000, i64::MAX] {
            let triangle = Trilu { upper, diagonal };
            cases.push(Case::new("random", triangle).input(random(&[67, 6, 7], 1)));
            cases.push(Case::new("rank 4", triangle).input(ints_by(&[3, 2, 7, 5], |at| at as i32 - 99)));
            cases.push(Case::new("booleans", triangle).input(bools_by(&[3, 65, 66], |at| at % 3 > 0)));
        }
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(LOWER, &[], "takes 1 inputs, not 0");
    refuses(LOWER, &["float32[3]"], "float32[3] is not made of matrices");
    refuses(LOWER, &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
}
