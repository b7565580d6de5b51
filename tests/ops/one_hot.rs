use crate::case::{Case, checks, refuses};
use crate::values::{floats, ints, ints_by};
use tfjs_wgpu::internals::ops::OneHot;

fn one_hot(axis: usize, depth: usize) -> OneHot {
    OneHot { axis, depth, on: 1.0, off: 0.0 }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("last", one_hot(2, 3))
            .input(ints(&[1, 2], &[2, 0]))
            .gives(floats(&[1, 2, 3], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0])),
        Case::new("in front", one_hot(1, 3))
            .input(ints(&[1, 2], &[2, 0]))
            .gives(floats(&[1, 3, 2], &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0])),
        Case::new("an id a row", one_hot(1, 2))
            .input(ints(&[3], &[1, 0, 1]))
            .gives(floats(&[3, 2], &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0])),
        Case::new("values", OneHot { on: f32::NAN, off: -2.5, ..one_hot(1, 2) })
            .input(ints(&[1], &[1]))
            .gives(floats(&[1, 2], &[-2.5, f32::NAN])),
        Case::new("outside", OneHot { off: 7.0, ..one_hot(0, 2) })
            .constant(ints(&[5], &[-1, 2, i32::MIN, i32::MAX, 1]))
            .gives(floats(&[2, 5], &[7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 1.0])),
        Case::new("a scalar", one_hot(0, 2)).constant(ints(&[], &[1])).gives(floats(&[2], &[0.0, 1.0])),
        Case::new("no regions", one_hot(1, 0)).input(ints(&[2], &[1, 0])).gives(floats(&[2, 0], &[])),
    ];
    for depth in [1, 7, 64, 1009] {
        let ids = || ints_by(&[67, 2, 3], |at| (at * 7 % (depth + 2)) as i32 - 1);
        cases.extend((1..=3).map(|axis| Case::new(format!("{depth}"), one_hot(axis, depth)).input(ids())));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(one_hot(1, 3), &["float32[N, 2]"], "takes int32 and not float32[N, 2]");
    refuses(one_hot(0, 3), &["int32[N, 2]"], "a new axis 0 does not fit into a sample of int32[N, 2]");
    refuses(one_hot(3, 3), &["int32[N, 2]"], "a new axis 3 does not fit");
    refuses(one_hot(1, 1 << 31), &["int32[N, 2]"], "2147483648 regions");
}
