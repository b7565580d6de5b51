use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, floats, ints, random};
use tfjs_wgpu::internals::ops::Copy;

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("by hand", Copy).input(floats(&[2, 1], &[1.0, 2.0])).gives(floats(&[2, 1], &[1.0, 2.0])),
        Case::new("ids", Copy).input(ints(&[2, 1], &[i32::MIN, 7])),
        Case::new("bools", Copy).input(bools(&[1, 2], &[true, false])),
        Case::new("awkward values", Copy).input(floats(&[1, 10], &AWKWARD)),
        Case::new("rank 4", Copy).input(random(&[3, 2, 3, 5], 2)),
        Case::new("nothing", Copy).input(floats(&[3, 0], &[])),
    ];
    for width in [1, 63, 64, 65, 129] {
        cases.push(Case::new(format!("[3, {width}]"), Copy).input(random(&[3, width], 3)));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(Copy, &["float32[N, 2]", "float32[N, 2]"], "takes 1 inputs, not 2");
}
