use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::internals::ops::Select;

fn cases() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let thirds = |shape: &[usize]| bools_by(shape, |index| index % 3 == 0);
    let mut cases = vec![
        Case::new("floats by hand", Select)
            .input(bools(&[2, 3], &[true, false, true, false, true, false]))
            .input(floats(&[2, 3], &[1.0, nan, -0.0, inf, nan, nan]))
            .input(floats(&[2, 3], &[nan, 2.0, inf, -3.0, 4.0, -inf]))
            .gives(floats(&[2, 3], &[1.0, 2.0, -0.0, -3.0, nan, -inf])),
        Case::new("integers by hand", Select)
            .input(bools(&[1, 3], &[true, false, true]))
            .input(ints(&[1, 3], &[16_777_217, 0, i32::MIN]))
            .input(ints(&[1, 3], &[0, i32::MAX, 0]))
            .gives(ints(&[1, 3], &[16_777_217, i32::MAX, i32::MIN])),
        Case::new("bools by hand", Select)
            .input(bools(&[1, 4], &[true, true, false, false]))
            .input(bools(&[1, 4], &[true, false, true, false]))
            .input(bools(&[1, 4], &[false, true, true, false]))
            .gives(bools(&[1, 4], &[true, false, true, false])),
        Case::new("a condition for each row", Select)
            .input(bools(&[2, 1], &[true, false]))
            .input(floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .constant(floats(&[2], &[-1.0, -2.0]))
            .gives(floats(&[2, 2], &[1.0, 2.0, -1.0, -2.0])),
        Case::new("numbers", Select)
            .input(bools(&[1, 2], &[true, false]))
            .constant(ints(&[], &[7]))
            .constant(ints(&[], &[9]))
            .gives(ints(&[1, 2], &[7, 9])),
        Case::new("awkward floats", Select)
            .input(bools_by(&[1, 10], |index| index % 2 == 0))
            .input(floats(&[1, 10], &AWKWARD))
            .input(floats_by(&[1, 10], |index| AWKWARD[9 - index])),
        Case::new("a constant condition", Select)
            .constant(thirds(&[4, 1, 1]))
            .input(random(&[67, 1, 5, 1], 1))
            .input(random(&[67, 1, 1, 7], 2)),
        Case::new("all three stretch", Select)
            .input(thirds(&[3, 1, 1, 2, 1, 2]))
            .input(ints_by(&[3, 5, 1, 1, 3, 1], |index| index as i32))
            .input(ints_by(&[3, 1, 4, 2, 1, 1], |index| -(index as i32))),
        Case::new("one shared row", Select)
            .shared(thirds(&[1, 4]))
            .input(random(&[3, 4], 3))
            .shared(random(&[1, 1], 4)),
        Case::new("no elements", Select)
            .input(bools(&[3, 0], &[]))
            .input(floats(&[3, 0], &[]))
            .input(floats(&[3, 0], &[])),
    ];
    for size in [1, 63, 64, 65, 127] {
        let shape = [67, size];
        let case = Case::new(format!("{size} wide"), Select).input(thirds(&shape));
        cases.push(case.input(random(&shape, 5)).input(random(&shape, 6)));
        let case = Case::new(format!("{size} bools"), Select).input(thirds(&shape));
        cases
            .push(case.input(bools_by(&shape, |index| index % 2 == 0)).input(bools_by(&shape, |index| index % 5 == 0)));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(Select, &["float32[N, 3]", "float32[N, 3]", "float32[N, 3]"], "takes bool and not float32[N, 3]");
    refuses(Select, &["bool[N, 3]", "float32[N, 3]", "int32[N, 3]"], "have different dtypes");
    refuses(Select, &["bool[N, 3]", "float32[N, 2]", "float32[N, 1]"], "do not broadcast");
    refuses(Select, &["bool[N, 3]", "float32[N, 3]"], "takes 3 inputs, not 2");
}
