use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, ROWS, SIZES, bools, bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::internals::ops::{Reduce, Reduction};

const REDUCTIONS: [Reduction; 8] = Reduction::ALL;

const OF_INTEGERS: [Reduction; 4] = [Reduction::Sum, Reduction::Product, Reduction::Maximum, Reduction::Minimum];

fn reduce(reduction: Reduction, axis: usize) -> Reduce {
    Reduce { reduction, axis }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for reduction in REDUCTIONS {
        for size in SIZES.into_iter().chain([255, 256, 257, 10_007]) {
            let batch = if size > 129 { 3 } else { 67 };
            // Products that stay near 1.
            let x = random(&[batch, size, 3], 1);
            let drawn = x.as_f32().expect("floats");
            let near =
                floats_by(&[batch, size, 3], |at| (1.0 + 0.01 * drawn[at]) * if at % 2 == 0 { 1.0 } else { -1.0 });
            let x = if reduction == Reduction::Product { near } else { x };
            cases.push(Case::new(format!("{reduction:?} of {size}"), reduce(reduction, 1)).input(x));
        }
        for (shape, axis) in ROWS {
            let name = format!("{reduction:?} of {shape:?}, axis {axis}");
            // Products that stay near 1.
            let near = |at: usize| if at.is_multiple_of(3) { 1.0001 } else { -0.9999 };
            let product = reduction == Reduction::Product;
            let x = if product { floats_by(shape, near) } else { random(shape, 3) };
            cases.push(Case::new(name, reduce(reduction, axis)).input(x));
        }
        for axis in 1..5 {
            let x = random(&[3, 2, 5, 7, 3], 2);
            cases.push(Case::new(format!("{reduction:?}, rank 5, axis {axis}"), reduce(reduction, axis)).input(x));
        }
        let singles = floats(&[1, 10, 1], &AWKWARD);
        cases.push(Case::new(format!("{reduction:?} of one awkward value"), reduce(reduction, 2)).input(singles));
    }
    for reduction in OF_INTEGERS {
        for size in SIZES.into_iter().chain([255, 256, 257, 10_007]) {
            let batch = if size > 129 { 3 } else { 67 };
            let x = ints_by(&[batch, size, 3], |at| (at as i32).wrapping_mul(0x9e37_79b1_u32 as i32) | 1);
            cases.push(Case::new(format!("{reduction:?} of {size} integers"), reduce(reduction, 1)).input(x));
        }
    }
    for reduction in [Reduction::Maximum, Reduction::Minimum] {
        for size in [65, 300] {
            let wide = bools_by(&[67, size, 2], |index| (index % 131 == 5) == (reduction == Reduction::Maximum));
            cases.push(Case::new(format!("any or all of {size}"), reduce(reduction, 1)).input(wide));
        }
        let awkward = floats_by(&[1, 300, 10], |at| AWKWARD[(at % 10 + at / 1500) % 10]);
        cases.push(Case::new("long and awkward", reduce(reduction, 1)).input(awkward));
    }
    for reduction in REDUCTIONS {
        let x = random(&[1, 257, 8200], 3);
        // The product of so many other numbers would leave the range of float32.
        let x = if reduction == Reduction::Product { floats_by(&[1, 257, 8200], |_| -1.0) } else { x };
        cases.push(Case::new(format!("{reduction:?} of many long lines"), reduce(reduction, 1)).input(x));
    }
    // More workgroups than one dimension of a grid has, where 8 lines share a workgroup.
    cases.push(Case::new("many short lines", reduce(Reduction::Sum, 1)).input(random(&[524_304, 5], 4)));
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
        Case::new("columns of nothing", reduce(Reduction::Sum, 1))
            .input(floats(&[3, 0, 4], &[]))
            .gives(floats(&[3, 4], &[0.0; 12])),
        Case::new("mean of nothing", reduce(Reduction::Mean, 1))
            .input(floats(&[3, 0], &[]))
            .gives(floats(&[3], &[nan; 3])),
    ];
    let at_infinity = [
        [inf, nan, -inf],
        [inf, nan, -inf],
        [inf, nan, -inf],
        [1.0, nan, -inf],
        [inf, nan, -inf],
        [inf, nan, inf],
        [inf, nan, inf],
        [inf, nan, -inf],
    ];
    for (reduction, expected) in REDUCTIONS.into_iter().zip(at_infinity) {
        let case = Case::new(format!("{reduction:?} at infinity"), reduce(reduction, 1));
        cases.push(case.input(mixed()).gives(floats(&[3], &expected)));
    }
    // Lengths around those that a workgroup processes.
    for length in [4, 256] {
        let line = |values: [f32; 4]| floats_by(&[1, length], |at| if at < 4 { values[at] } else { 0.0 });
        let case = |reduction, values| Case::new(format!("of {length}"), reduce(reduction, 1)).input(line(values));
        cases.push(case(Reduction::L1, [1.0, -2.0, 3.0, -0.0]).gives(floats(&[1], &[6.0])));
        cases.push(case(Reduction::L2, [3.0, -4.0, 0.0, 0.0]).gives(floats(&[1], &[5.0])));
        cases.push(case(Reduction::L2, [1e19, 1e19, 1e19, 1e19]).gives(floats(&[1], &[inf])));
        cases.push(case(Reduction::L2, [3e18, 4e18, 0.0, 0.0]).gives(floats(&[1], &[5e18])));
        let all = |value: f32| floats_by(&[1, length], |_| value);
        let case = |value| Case::new(format!("of {length}"), reduce(Reduction::LogSumExp, 1)).input(all(value));
        // log(K e^x) = x + log K.
        let expected = |x: f64| floats(&[1], &[(x + (length as f64).ln()) as f32]);
        cases.extend([-1000.0, 0.0, 100.0, 1e30].map(|x| case(x).gives(expected(x.into()))));
        cases.extend([inf, -inf, nan].map(|x| case(x).gives(floats(&[1], &[x]))));
    }
    let one = |reduction, x: &[i32], expected| {
        Case::new("integers", reduce(reduction, 1)).input(ints(&[1, x.len()], x)).gives(ints(&[1], &[expected]))
    };
    cases.push(one(Reduction::Sum, &[i32::MAX, 1, 5], i32::MIN + 5));
    cases.push(one(Reduction::Product, &[1 << 30, 6], i32::MIN));
    cases.push(one(Reduction::Maximum, &[i32::MIN, -5], -5));
    cases.push(one(Reduction::Minimum, &[i32::MAX, 16_777_217, 16_777_216], 16_777_216));
    let all = bools(&[3, 2], &[false, false, false, true, true, true]);
    cases.push(Case::new("all", reduce(Reduction::Minimum, 1)).input(all).gives(bools(&[3], &[false, false, true])));
    let nothing = [(Reduction::Product, 1.0), (Reduction::L1, 0.0), (Reduction::L2, 0.0), (Reduction::LogSumExp, -inf)];
    for (reduction, expected) in nothing {
        let case = Case::new("of nothing", reduce(reduction, 1)).input(floats(&[3, 0], &[]));
        cases.push(case.gives(floats(&[3], &[expected; 3])));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    for reduction in REDUCTIONS {
        refuses(reduce(reduction, 0), &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
        refuses(reduce(reduction, 2), &["float32[N, 3]"], "axis 2 is not a dimension of a sample in [N, 3]");
        if !OF_INTEGERS.contains(&reduction) {
            refuses(reduce(reduction, 1), &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
        }
        refuses(reduce(reduction, 1), &[], "takes 1 inputs, not 0");
    }
    refuses(reduce(Reduction::Sum, 1), &["bool[N, 3]"], "takes float32 or int32 and not bool[N, 3]");
    refuses(reduce(Reduction::Minimum, 1), &["float32[N, 0]"], "float32[N, 0] has no smallest element along axis 1");
    refuses(reduce(Reduction::Maximum, 1), &["float32[N, 0]"], "float32[N, 0] has no largest element along axis 1");
}
