use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, floats, floats_by, ints, ints_by};
use tfjs_wgpu::internals::ops::NotEqual;

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for size in [1, 63, 64, 65, 127] {
        let (ids, features) =
            (ints_by(&[67, size], |index| index as i32 % 5), floats_by(&[67, size], |index| (index % 5) as f32));
        cases.push(Case::new(format!("{size} ids"), NotEqual { value: 0.0 }).input(ids));
        cases.push(Case::new(format!("{size} features"), NotEqual { value: 3.0 }).input(features));
    }
    for value in AWKWARD {
        cases.push(Case::new(format!("floats against {value}"), NotEqual { value }).input(floats(&[1, 10], &AWKWARD)));
        let ids = ints(&[1, 5], &[0, 1, -1, i32::MAX, i32::MIN]);
        cases.push(Case::new(format!("ids against {value}"), NotEqual { value }).input(ids));
    }
    cases.push(Case::new("rank 5", NotEqual { value: 4.0 }).input(ints_by(&[3, 2, 3, 5, 7], |index| index as i32 % 9)));
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let ids = |name: &str, value: f32, ids: &[i32; 4], expected: [bool; 4]| {
        Case::new(name, NotEqual { value }).input(ints(&[1, 4], ids)).gives(bools(&[1, 4], &expected))
    };
    let features = |name: &str, value: f32, x: &[f32; 4], expected: [bool; 4]| {
        Case::new(name, NotEqual { value }).input(floats(&[1, 4], x)).gives(bools(&[1, 4], &expected))
    };
    vec![
        ids("ids against 0", 0.0, &[0, 1, -1, i32::MIN], [false, true, true, true]),
        ids("ids against a fraction", 0.5, &[0, 1, -1, 2], [true; 4]),
        // As float32, 2^24 + 1 would be 2^24.
        ids("ids beyond float32", 16_777_216.0, &[16_777_216, 16_777_217, 16_777_215, 0], [false, true, true, true]),
        // 2^31 is not an int32, and saturates to one if it is cast.
        ids("ids against 2^31", 2_147_483_648.0, &[i32::MAX, i32::MIN, 0, -1], [true; 4]),
        ids("ids against -2^31", -2_147_483_648.0, &[i32::MAX, i32::MIN, 0, -1], [true, false, true, true]),
        ids("ids against NaN", nan, &[0, 1, -1, i32::MAX], [true; 4]),
        features("features against 0", 0.0, &[0.0, -0.0, 1.0, nan], [false, false, true, true]),
        features("features against -1", -1.0, &[-1.0, 1.0, -0.999_999_94, inf], [false, true, true, true]),
        features("features against infinity", inf, &[inf, -inf, f32::MAX, nan], [false, true, true, true]),
        features("features against NaN", nan, &[nan, 0.0, inf, 1.0], [true; 4]),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(NotEqual { value: 0.0 }, &["bool[N, 3]"], "takes float32 or int32 and not bool[N, 3]");
    refuses(NotEqual { value: 0.0 }, &[], "takes 1 inputs, not 0");
}
