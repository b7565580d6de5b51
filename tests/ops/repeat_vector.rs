use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, floats, ints, random};
use tfjs_wgpu::internals::ops::RepeatVector;

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("by hand", RepeatVector { count: 2 })
            .input(floats(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[3, 2, 2], &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 6.0, 5.0, 6.0])),
        Case::new("ids", RepeatVector { count: 3 })
            .input(ints(&[3, 1], &[1, -1, i32::MIN]))
            .gives(ints(&[3, 3, 1], &[1, 1, 1, -1, -1, -1, i32::MIN, i32::MIN, i32::MIN])),
        Case::new("bools", RepeatVector { count: 2 })
            .input(bools(&[1, 2], &[true, false]))
            .gives(bools(&[1, 2, 2], &[true, false, true, false])),
        Case::new("scalars", RepeatVector { count: 2 }).input(floats(&[3], &[1.0, 2.0, 3.0])),
        Case::new("none", RepeatVector { count: 0 }).input(random(&[3, 5], 1)).gives(floats(&[3, 0, 5], &[])),
        Case::new("awkward values", RepeatVector { count: 7 }).input(floats(&[1, 10], &AWKWARD)),
        Case::new("rank 5", RepeatVector { count: 3 }).input(random(&[3, 2, 3, 5, 7], 2)),
        Case::new("nothing", RepeatVector { count: 3 }).input(floats(&[3, 0], &[])),
    ];
    for (count, width) in [(1, 1), (63, 1), (64, 65), (65, 64), (129, 7)] {
        for batch in [1, 3, 67] {
            let case = Case::new(format!("[{batch}, {count}, {width}]"), RepeatVector { count });
            cases.push(case.input(random(&[batch, width], 3)));
        }
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(RepeatVector { count: 2 }, &["float32[3]"], "repeats samples of a batch, not float32[3]");
    refuses(RepeatVector { count: 2 }, &[], "takes 1 inputs, not 0");
}
