use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, ROWS, SIZES, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::internals::ops::{Accumulation, Cumulative, Op};
use tfjs_wgpu::internals::tensor::Tolerance;

const SUM: Cumulative = Cumulative { function: Accumulation::Sum, axis: 1, exclusive: false, reverse: false };
const PRODUCT: Cumulative = Cumulative { function: Accumulation::Product, ..SUM };

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
        for function in [Accumulation::Sum, Accumulation::Product] {
            let operator = Cumulative { function, exclusive, reverse, ..SUM };
            // Lengths around those that a workgroup processes, and around its chunks.
            for size in SIZES.into_iter().chain([255, 256, 257, 1000, 4097]) {
                let batch = if size > 129 { 3 } else { 67 };
                let name = format!("{function:?} of {size}");
                // Products that stay near 1.
                let near = floats_by(&[batch, size, 3], |at| if at.is_multiple_of(2) { 1.25 } else { -0.8 });
                let x = if function == Accumulation::Sum { random(&[batch, size, 3], 1) } else { near };
                cases.push(Case::new(&name, operator).input(x));
                let x = ints_by(&[batch, size], |at| (at as i32).wrapping_mul(0x9e37_79b1_u32 as i32) | 1);
                cases.push(Case::new(name, operator).input(x));
            }
            for (shape, axis) in ROWS {
                let near = |at: usize| if at.is_multiple_of(2) { 1.25 } else { -0.8 };
                let x = if function == Accumulation::Sum { random(shape, 3) } else { floats_by(shape, near) };
                cases.push(Case::new(format!("{shape:?}"), Cumulative { axis, ..operator }).input(x));
            }
            for axis in 1..5 {
                let x = random(&[3, 2, 5, 7, 3], 2);
                cases.push(Case::new("rank 5", Cumulative { axis, ..operator }).input(x));
            }
            let x = || floats(&[2, 5], &AWKWARD);
            cases.push(Case::new("unbatched", Cumulative { axis: 0, ..operator }).constant(random(&[2, 5], 3)));
            if function == Accumulation::Sum {
                cases.push(Case::new("awkward", operator).input(x()));
            }
        }
    }
    // More lines than are processed by workgroups.
    cases.push(Case::new("many long lines", SUM).input(random(&[1, 257, 8200], 4)));
    cases
}

fn by_hand() -> Vec<Case> {
    let counted = || floats(&[1, 4], &[1.0, 2.0, 3.0, 4.0]);
    let case = |operator| Case::new("by hand", operator).input(counted());
    let (exclusive, reverse) = (true, true);
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    vec![
        case(SUM).gives(floats(&[1, 4], &[1.0, 3.0, 6.0, 10.0])),
        case(Cumulative { exclusive, ..SUM }).gives(floats(&[1, 4], &[0.0, 1.0, 3.0, 6.0])),
        case(Cumulative { reverse, ..SUM }).gives(floats(&[1, 4], &[10.0, 9.0, 7.0, 4.0])),
        case(Cumulative { exclusive, reverse, ..SUM }).gives(floats(&[1, 4], &[9.0, 7.0, 4.0, 0.0])),
        case(PRODUCT).gives(floats(&[1, 4], &[1.0, 2.0, 6.0, 24.0])),
        case(Cumulative { exclusive, reverse, ..PRODUCT }).gives(floats(&[1, 4], &[24.0, 12.0, 4.0, 1.0])),
        Case::new("wraps", SUM)
            .input(ints(&[1, 3], &[i32::MAX, 1, -1]))
            .gives(ints(&[1, 3], &[i32::MAX, i32::MIN, i32::MAX])),
        Case::new("wraps", PRODUCT)
            .input(ints(&[1, 3], &[1 << 30, 3, 2]))
            .gives(ints(&[1, 3], &[1 << 30, -(1 << 30), i32::MIN])),
        Case::new("infinities", SUM)
            .input(floats(&[1, 4], &[1.0, inf, -inf, 1.0]))
            .gives(floats(&[1, 4], &[1.0, inf, nan, nan])),
        // As in TensorFlow: an excluded element does not count.
        Case::new("NaN", Cumulative { exclusive, reverse, ..SUM })
            .input(floats(&[1, 3], &[1.0, nan, 2.0]))
            .gives(floats(&[1, 3], &[nan, 2.0, 0.0])),
        Case::new("nothing", SUM).input(floats(&[3, 0], &[])).gives(floats(&[3, 0], &[])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(Cumulative { axis: 0, ..SUM }, &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(SUM, &["bool[N, 3]"], "takes float32 or int32 and not bool[N, 3]");
    refuses(SUM, &[], "takes 1 inputs, not 0");
}

/// The first element is allowed a smaller error than the last.
#[test]
fn the_allowance_grows_with_the_number_of_terms() {
    let x = floats(&[1, 3], &[1.0, -1.0, 1.0]);
    for (reverse, order) in [(false, [0, 1, 2]), (true, [2, 1, 0])] {
        let op: Op = Cumulative { reverse, ..SUM }.into();
        let expected = op.operator().eval(&[&x]).expect("an answer");
        let allowed = op.operator().allowance(&[&x], &expected).expect("an allowance").remove(0);
        for (terms, at) in order.into_iter().enumerate() {
            let class = Tolerance::Sum { terms: terms + 1 };
            assert_eq!(allowed[at], class.allowance(&[0.0], &[terms as f64 + 1.0])[0]);
        }
    }
}
