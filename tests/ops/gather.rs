use crate::case::{Case, checks, refuses};
use crate::values::{bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::ops::{BadId, Gather};

const RULES: [(bool, BadId); 4] =
    [(false, BadId::Zero), (false, BadId::Clamp), (true, BadId::Zero), (true, BadId::Clamp)];

fn gather(axis: usize, batch_dims: usize) -> Gather {
    Gather { axis, batch_dims, from_end: false, bad_id: BadId::Zero }
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
    let mut cases = by_hand();
    for (from_end, bad_id) in RULES {
        let gather = |axis, batch_dims| Gather { axis, batch_dims, from_end, bad_id };
        // Indices with a batch, data without.
        for (axis, data) in [(0, [129, 1, 1]), (0, [5, 2, 3]), (0, [1, 64, 3])] {
            let indices = wild(&[67, 3], data[0] as i32);
            cases.push(Case::new("constant data", gather(axis, 0)).constant(random(&data, 1)).input(indices));
        }
        cases.push(
            Case::new("booleans", gather(0, 0)).constant(bools_by(&[7, 2], |at| at % 3 == 0)).input(wild(&[67], 7)),
        );
        // Data with a batch, indices of any rank without.
        for axis in 1..4 {
            for indices in [&[][..], &[1], &[65], &[2, 3]] {
                let size = [2, 5, 7][axis - 1];
                let case = Case::new("constant indices", gather(axis, 0)).input(random(&[3, 2, 5, 7], 2));
                cases.push(case.constant(wild(indices, size)));
            }
        }
        // Data and indices with a batch.
        for (axis, batch_dims, indices) in [
            (1, 1, &[67, 3][..]),
            (2, 1, &[67, 2, 2]),
            (2, 2, &[67, 4]),
            (3, 2, &[67, 4, 3]),
            (3, 3, &[67, 4, 5]),
            (1, 1, &[67]),
        ] {
            let data = ints_by(&[67, 4, 5, 6], |at| at as i32 - 1000);
            cases.push(Case::new("both", gather(axis, batch_dims)).input(data).input(wild(indices, 6)));
        }
        let data = floats_by(&[3, 4, 5], |at| at as f32);
        cases.push(Case::new("neither", gather(2, 1)).constant(data).constant(wild(&[3, 2], 5)));
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let outside = || ints(&[4], &[-1, -3, 2, -4]);
    let of = |from_end, bad_id, expected: &[f32]| {
        let operator = Gather { from_end, bad_id, ..gather(0, 0) };
        Case::new("outside", operator)
            .constant(floats(&[2], &[5.0, 6.0]))
            .input(outside())
            .gives(floats(&[4], expected))
    };
    vec![
        // Rows of a table, then rows from each sample's own data.
        Case::new("rows", gather(0, 0))
            .constant(ints(&[3, 2], &[1, 2, 3, 4, 5, 6]))
            .input(ints(&[2, 2], &[2, 0, 1, 1]))
            .gives(ints(&[2, 2, 2], &[5, 6, 1, 2, 3, 4, 3, 4])),
        Case::new("each its own", gather(1, 1))
            .input(floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .input(ints(&[2, 2], &[2, 0, 1, 1]))
            .gives(floats(&[2, 2], &[3.0, 1.0, 5.0, 5.0])),
        Case::new("columns", gather(2, 0))
            .input(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .constant(ints(&[2], &[2, 0]))
            .gives(floats(&[1, 2, 2], &[3.0, 1.0, 6.0, 4.0])),
        Case::new("a scalar", gather(1, 0))
            .input(floats(&[2, 2], &[1.0, f32::NAN, -0.0, f32::INFINITY]))
            .constant(ints(&[], &[1]))
            .gives(floats(&[2], &[f32::NAN, f32::INFINITY])),
        Case::new("no indices", gather(1, 0))
            .input(floats(&[2, 1], &[1.0, 2.0]))
            .constant(ints(&[0], &[]))
            .gives(floats(&[2, 0], &[])),
        of(false, BadId::Zero, &[0.0, 0.0, 0.0, 0.0]),
        of(false, BadId::Clamp, &[5.0, 5.0, 6.0, 5.0]),
        of(true, BadId::Zero, &[6.0, 0.0, 0.0, 0.0]),
        of(true, BadId::Clamp, &[6.0, 5.0, 6.0, 5.0]),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(gather(1, 0), &["float32[N, 3]"], "takes 2 inputs, not 1");
    refuses(gather(1, 0), &["float32[N, 3]", "float32[2]"], "takes int32 and not float32[2]");
    refuses(gather(0, 0), &["float32[N, 3]", "int32[2]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(gather(2, 0), &["float32[N, 3]", "int32[2]"], "axis 2 is not a dimension of a sample in [N, 3]");
    let apart = "do not share";
    refuses(gather(1, 1), &["float32[N, 3]", "int32[2]"], apart);
    refuses(gather(1, 1), &["float32[N, 3]", "int32[]"], apart);
    refuses(gather(2, 2), &["float32[N, 3, 4]", "int32[N, 2]"], apart);
    refuses(gather(1, 2), &["float32[N, 3, 4]", "int32[N, 3]"], "do not share 2 dimensions before axis 1");
    refuses(gather(1, 1), &["float32[N, 3]", "int32[S, 2]"], apart);
    refuses(gather(1, 0), &["float32[N, 3]", "int32[N, 2]"], "would not have N in front");
    refuses(gather(1, 0), &["float32[2, 3]", "int32[N, 2]"], "would not have N in front");
    refuses(gather(1, 0), &["float32[N, 0]", "int32[2]"], "float32[N, 0] has no element along axis 1");
}
