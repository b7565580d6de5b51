use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools_by, floats, ints_by, random};
use tfjs_wgpu::internals::ops::Slice;

fn slice(axis: usize, start: usize, step: isize, count: usize) -> Slice {
    Slice { axis, start, step, count }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (axis, size) in [(1, 65), (2, 7), (3, 5)] {
        for batch in [1, 3] {
            let case = |name: &str, op: Slice| {
                Case::new(format!("{name} of axis {axis}, batch {batch}"), op).input(random(&[batch, 65, 7, 5], 1))
            };
            cases.push(case("all", slice(axis, 0, 1, size)));
            cases.push(case("the middle", slice(axis, 1, 1, size - 2)));
            cases.push(case("one", slice(axis, size - 1, 1, 1)));
            cases.push(case("every third", slice(axis, 1, 3, (size - 2) / 3 + 1)));
            cases.push(case("the reverse", Slice::reverse(axis, size)));
            cases.push(case("every other in reverse", slice(axis, size - 1, -2, size.div_ceil(2))));
            cases.push(case("the same again and again", slice(axis, 2, 0, 4)));
            cases.push(case("none", slice(axis, 0, 1, 0)));
            cases.push(case("one by a step never taken", slice(axis, 1, isize::MAX, 1)));
        }
    }
    cases.push(Case::new("rank 8", slice(4, 2, -1, 2)).input(random(&[3, 2, 1, 3, 3, 1, 2, 3], 3)));
    cases.push(Case::new("no elements", slice(1, 1, 1, 2)).input(floats(&[3, 4, 0], &[])));
    cases
}

fn by_hand() -> Vec<Case> {
    vec![
        Case::new("two of three", slice(1, 1, 1, 2))
            .input(floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[2, 2], &[2.0, 3.0, 5.0, 6.0])),
        Case::new("backwards by two", slice(1, 4, -2, 3))
            .input(ints_by(&[1, 5], |index| index as i32))
            .gives(ints_by(&[1, 3], |index| 4 - 2 * index as i32)),
        Case::new("bools", slice(2, 4, -1, 5)).input(bools_by(&[3, 5, 7], |index| index % 3 == 0)),
        Case::new("awkward values", slice(1, 9, -1, 10)).input(floats(&[1, 10], &AWKWARD)),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let outside = |op: Slice| {
        let Slice { axis, start, step, count } = op;
        let fragment = format!("{count} positions from {start} by {step} do not lie in axis {axis} of [N, 5]");
        refuses(op, &["float32[N, 5]"], &fragment);
    };
    outside(slice(1, 5, 1, 1));
    outside(slice(1, 3, 1, 3));
    outside(slice(1, 1, -1, 3));
    outside(slice(1, 0, isize::MAX, 3));
    outside(slice(1, 0, 1, usize::MAX));
    refuses(slice(0, 0, 1, 1), &["float32[N, 5]"], "axis 0 is not a dimension of a sample in [N, 5]");
    refuses(slice(1, 0, 1, 1), &[], "takes 1 inputs, not 0");
}
