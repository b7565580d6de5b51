use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, floats, floats_by, ints, ints_by, random};
use proptest::prelude::*;
use tfjs_wgpu::internals::ops::{Concatenate, Operator};

fn join(axis: usize) -> Concatenate {
    Concatenate { axis }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for widths in [&[1usize, 1][..], &[63, 1], &[64, 65, 129], &[7; 13], &[5, 0, 3]] {
        let mut case = Case::new(format!("widths {widths:?}"), join(1));
        for (part, &width) in widths.iter().enumerate() {
            case = case.input(random(&[67, width], part as u64));
        }
        cases.push(case);
    }
    for axis in 1..5 {
        let mut case = Case::new(format!("rank 5, axis {axis}"), join(axis));
        for size in [2, 1, 5] {
            let mut shape = [3, 2, 3, 5, 7];
            shape[axis] = size;
            case = case.input(random(&shape, size as u64));
        }
        cases.push(case);
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let x = || floats(&[1, 10], &AWKWARD);
    vec![
        Case::new("by hand, last axis", join(2))
            .input(floats(&[1, 2, 1], &[1.0, 2.0]))
            .input(floats(&[1, 2, 2], &[3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[1, 2, 3], &[1.0, 3.0, 4.0, 2.0, 5.0, 6.0])),
        Case::new("by hand, first axis", join(1))
            .input(floats(&[1, 1, 2], &[1.0, 2.0]))
            .input(floats(&[1, 2, 2], &[3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[1, 3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        Case::new("rows stay apart", join(1))
            .input(ints(&[3, 1], &[1, 2, i32::MIN]))
            .input(ints(&[3, 2], &[-1, -2, -3, -4, i32::MAX, 0]))
            .gives(ints(&[3, 3], &[1, -1, -2, 2, -3, -4, i32::MIN, i32::MAX, 0])),
        Case::new("bools", join(1))
            .input(bools(&[1, 2], &[true, false]))
            .input(bools(&[1, 1], &[true]))
            .gives(bools(&[1, 3], &[true, false, true])),
        Case::new("weights", join(0))
            .constant(floats(&[1, 2], &[1.0, 2.0]))
            .constant(floats(&[2, 2], &[3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        Case::new("one input", join(1)).input(x()).gives(x()),
        Case::new("awkward values", join(1)).input(x()).input(x()),
        Case::new("all words", join(1)).input(ints_by(&[1, 999], |index| (index as i32).wrapping_mul(4_300_031))),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(join(1), &[], "takes at least one input");
    refuses(join(0), &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(join(2), &["float32[N, 3]"], "axis 2 is not a dimension of a sample in [N, 3]");
    refuses(
        join(1),
        &["float32[N, 3, 2]", "float32[N, 3, 4]"],
        "float32[N, 3, 4] and float32[N, 3, 2] do not join along axis 1",
    );
    refuses(join(1), &["float32[N, 3]", "float32[N, 3, 1]"], "float32[N, 3, 1] and float32[N, 3] do not join");
    refuses(join(1), &["float32[N, 3]", "int32[N, 3]"], "int32[N, 3] and float32[N, 3] do not join");
    refuses(join(1), &["float32[N, 3]", "float32[2, 3]"], "float32[2, 3] and float32[N, 3] do not join");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Element [o, a, i] of the result comes from the part that contains column a.
    #[test]
    fn every_part_is_at_its_position(
        outer in 1usize..4,
        inner in 1usize..4,
        widths in proptest::collection::vec(0usize..5, 1..5),
    ) {
        let part = |index: usize, width| floats_by(&[outer, width, inner], |k| (1000 * index + k) as f32);
        let parts: Vec<_> = widths.iter().enumerate().map(|(index, &width)| part(index, width)).collect();
        let joined = join(1).answer(&parts.iter().collect::<Vec<_>>()).expect("joined");
        let total: usize = widths.iter().sum();
        prop_assert_eq!(joined.shape(), [outer, total, inner]);
        let values = joined.as_f32().expect("floats");
        let mut start = 0;
        for (index, &width) in widths.iter().enumerate() {
            for (o, a, i) in (0..outer).flat_map(|o| (0..width).flat_map(move |a| (0..inner).map(move |i| (o, a, i)))) {
                let expected = (1000 * index + (o * width + a) * inner + i) as f32;
                prop_assert_eq!(values[(o * total + start + a) * inner + i], expected);
            }
            start += width;
        }
    }
}
