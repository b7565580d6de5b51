use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, SIZES, bools, bools_by, floats, floats_by, random};
use tfjs_wgpu::ops::{Reduce, Reduction};

const REDUCTIONS: [Reduction; 3] = [Reduction::Sum, Reduction::Mean, Reduction::Maximum];

fn reduce(reduction: Reduction, axis: usize) -> Reduce {
    Reduce { reduction, axis }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for reduction in REDUCTIONS {
        for size in SIZES.into_iter().chain([10_007]) {
            let batch = if size > 129 { 3 } else { 67 };
            let x = random(&[batch, size, 3], 1);
            cases.push(Case::new(format!("{reduction:?} of {size}"), reduce(reduction, 1)).input(x));
        }
        for axis in 1..5 {
            let x = random(&[3, 2, 5, 7, 3], 2);
            cases.push(Case::new(format!("{reduction:?}, rank 5, axis {axis}"), reduce(reduction, axis)).input(x));
        }
        let singles = floats(&[1, 10, 1], &AWKWARD);
        cases.push(Case::new(format!("{reduction:?} of one awkward value"), reduce(reduction, 2)).input(singles));
    }
    let wide = bools_by(&[67, 65, 2], |index| index % 131 == 5);
    cases.push(Case::new("any of 65", reduce(Reduction::Maximum, 1)).input(wide));
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let counted = || floats_by(&[1, 101, 2], |index| (index / 2 * if index % 2 == 0 { 1 } else { 2 }) as f32);
    let mixed = || floats(&[3, 3], &[1.0, inf, 2.0, -inf, nan, inf, -inf, -inf, -inf]);
    let mut cases = vec![
        // 0 + 1 + … + 100 = 5050.
        Case::new("sum", reduce(Reduction::Sum, 1)).input(counted()).gives(floats(&[1, 2], &[5050.0, 10_100.0])),
        Case::new("mean", reduce(Reduction::Mean, 1)).input(counted()).gives(floats(&[1, 2], &[50.0, 100.0])),
        Case::new("maximum", reduce(Reduction::Maximum, 1)).input(counted()).gives(floats(&[1, 2], &[100.0, 200.0])),
        Case::new("mean of rows", reduce(Reduction::Mean, 2))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, -3.0, 3.0]))
            .gives(floats(&[1, 2], &[1.5, 0.0])),
        Case::new("negative maximum", reduce(Reduction::Maximum, 1))
            .input(floats(&[3, 2], &[-1.0, -2.0, -0.5, -9.0, -0.0, 0.0]))
            .gives(floats(&[3], &[-1.0, -0.5, 0.0])),
        Case::new("any", reduce(Reduction::Maximum, 1))
            .input(bools(&[3, 2], &[false, false, false, true, true, true]))
            .gives(bools(&[3], &[false, true, true])),
        Case::new("sum of nothing", reduce(Reduction::Sum, 1))
            .input(floats(&[3, 0], &[]))
            .gives(floats(&[3], &[0.0; 3])),
        Case::new("mean of nothing", reduce(Reduction::Mean, 1))
            .input(floats(&[3, 0], &[]))
            .gives(floats(&[3], &[nan; 3])),
    ];
    for (reduction, expected) in REDUCTIONS.into_iter().zip([[inf, nan, -inf], [inf, nan, -inf], [inf, nan, -inf]]) {
        let case = Case::new(format!("{reduction:?} at infinity"), reduce(reduction, 1));
        cases.push(case.input(mixed()).gives(floats(&[3], &expected)));
    }
    cases
}

checks!(cases);

#[test]
fn what_does_not_fit_is_refused() {
    for reduction in REDUCTIONS {
        refuses(reduce(reduction, 0), &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
        refuses(reduce(reduction, 2), &["float32[N, 3]"], "axis 2 is not a dimension of a sample in [N, 3]");
        refuses(reduce(reduction, 1), &["int32[N, 3]"], "and not int32[N, 3]");
        refuses(reduce(reduction, 1), &[], "takes 1 inputs, not 0");
    }
    refuses(reduce(Reduction::Sum, 1), &["bool[N, 3]"], "takes float32 and not bool[N, 3]");
    refuses(reduce(Reduction::Maximum, 1), &["float32[N, 0]"], "float32[N, 0] has no largest element along axis 1");
}
