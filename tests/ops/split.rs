use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools_by, floats, ints_by, random};
use tfjs_wgpu::internals::ops::Split;

fn split(axis: usize, sizes: &[usize]) -> Split {
    Split { axis, sizes: sizes.to_vec() }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for batch in [1, 3] {
        let case = |name: &str, op: Split| {
            Case::new(format!("{name}, batch {batch}"), op).input(random(&[batch, 65, 7, 5], 1))
        };
        cases.push(case("one part", split(1, &[65])));
        // Parts whose ends are at binding boundaries and between them.
        cases.push(case("uneven parts", split(1, &[1, 63, 0, 1])));
        cases.push(case("the middle axis", split(2, &[3, 4])));
        cases.push(case("columns", split(3, &[1; 5])));
        let row = Case::new("a row", split(1, &[64, 128, 8])).input(random(&[batch, 200], 2));
        cases.push(row);
    }
    cases.push(Case::new("no elements", split(1, &[1, 3])).input(floats(&[3, 4, 0], &[])));
    cases.push(Case::new("a weight", split(0, &[2, 1])).constant(random(&[3, 4], 3)));
    cases
}

fn by_hand() -> Vec<Case> {
    vec![
        Case::new("two and one", split(1, &[2, 1]))
            .input(floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[2, 2], &[1.0, 2.0, 4.0, 5.0]))
            .gives(floats(&[2, 1], &[3.0, 6.0])),
        Case::new("ids", split(1, &[1, 4]))
            .input(ints_by(&[1, 5], |index| index as i32))
            .gives(ints_by(&[1, 1], |_| 0))
            .gives(ints_by(&[1, 4], |index| index as i32 + 1)),
        Case::new("bools", split(2, &[4, 1])).input(bools_by(&[3, 5, 5], |index| index % 3 == 0)),
        Case::new("awkward values", split(1, &[3, 7])).input(floats(&[1, 10], &AWKWARD)),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(split(1, &[2, 2]), &["float32[N, 3]"], "parts of [2, 2] are not axis 1 of [N, 3]");
    refuses(split(1, &[]), &["float32[N, 0]"], "parts of [] are not axis 1");
    refuses(split(1, &[usize::MAX, 4]), &["float32[N, 3]"], "are not axis 1");
    refuses(split(0, &[1]), &["float32[N, 3]"], "axis 0 is not a dimension of a sample");
    refuses(split(1, &[3]), &["float32[N, 3]", "float32[N, 3]"], "takes 1 inputs, not 2");
}
