use crate::case::{Case, checks, refuses};
use crate::values::{bools_by, floats, ints, ints_by, random};
use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::ops::{BadId, GatherElements};

fn gather(axis: usize) -> GatherElements {
    GatherElements { axis, bad_id: BadId::Zero }
}

/// Indices, some of which are out of range on either side.
fn wild(shape: &[usize], size: i32) -> Tensor {
    ints_by(shape, |at| match at % 11 {
        3 => i32::MIN + at as i32,
        7 => i32::MAX - at as i32,
        _ => (at as i32 * 7) % (4 * size) - 2 * size,
    })
}

fn cases() -> Vec<Case> {
    let outside = || ints(&[1, 5], &[-1, -2, 2, -3, 0]);
    let pair = || floats(&[1, 2], &[5.0, 6.0]);
    let mut cases = vec![
        Case::new("rows", gather(2))
            .input(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .input(ints(&[1, 2, 2], &[2, 0, -1, 1]))
            .gives(floats(&[1, 2, 2], &[3.0, 1.0, 6.0, 5.0])),
        Case::new("columns", gather(0))
            .constant(ints(&[2, 3], &[1, 2, 3, 4, 5, 6]))
            .constant(ints(&[1, 3], &[1, 0, -1]))
            .gives(ints(&[1, 3], &[4, 2, 6])),
        Case::new("outside", gather(1))
            .input(pair())
            .input(outside())
            .gives(floats(&[1, 5], &[6.0, 5.0, 0.0, 0.0, 5.0])),
        Case::new("nearest", GatherElements { bad_id: BadId::Clamp, ..gather(1) })
            .input(pair())
            .input(outside())
            .gives(floats(&[1, 5], &[6.0, 5.0, 6.0, 5.0, 5.0])),
        // One line of data for all indices, and one line of indices for all data.
        Case::new("one line", gather(2))
            .input(floats(&[1, 1, 2], &[1.0, 2.0]))
            .input(ints(&[1, 2, 2], &[1, 0, 0, 0]))
            .gives(floats(&[1, 2, 2], &[2.0, 1.0, 1.0, 1.0])),
        Case::new("one line of indices", gather(2))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .input(ints(&[1, 1, 1], &[1]))
            .gives(floats(&[1, 2, 1], &[2.0, 4.0])),
        Case::new("no indices", gather(1)).input(pair()).input(ints(&[1, 0], &[])).gives(floats(&[1, 0], &[])),
    ];
    for bad_id in [BadId::Zero, BadId::Clamp] {
        for axis in 1..4 {
            let mut shape = [67, 2, 5, 7];
            let size = shape[axis] as i32;
            for along in [1, 3, 65] {
                shape[axis] = along;
                let case = Case::new("random", GatherElements { axis, bad_id }).input(random(&[67, 2, 5, 7], 1));
                cases.push(case.input(wild(&shape, size)));
            }
        }
        let gather = |axis| GatherElements { axis, bad_id };
        let data = || ints_by(&[3, 4, 5], |at| at as i32);
        cases.push(Case::new("constant indices", gather(2)).input(data()).constant(wild(&[1, 4, 2], 5)));
        cases.push(
            Case::new("constant data", gather(1))
                .constant(bools_by(&[1, 5, 2], |at| at % 3 == 0))
                .input(wild(&[67, 3, 2], 5)),
        );
        cases.push(Case::new("shared", gather(2)).shared(random(&[1, 4, 5], 3)).input(wild(&[67, 1, 2], 5)));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(gather(1), &["float32[N, 3]"], "takes 2 inputs, not 1");
    refuses(gather(1), &["float32[N, 3]", "float32[N, 3]"], "takes int32 and not float32[N, 3]");
    refuses(gather(1), &["float32[N, 3]", "int32[3]"], "do not have as many dimensions");
    refuses(gather(0), &["float32[N, 3]", "int32[1, 3]"], "axis 0 is not a dimension of a sample");
    refuses(gather(0), &["float32[2, 3]", "int32[N, 3]"], "axis 0 is not a dimension of a sample");
    refuses(gather(2), &["float32[N, 3, 2]", "int32[N, 2, 1]"], "do not broadcast");
    refuses(gather(1), &["float32[N, 0]", "int32[N, 2]"], "float32[N, 0] has no element along axis 1");
}
