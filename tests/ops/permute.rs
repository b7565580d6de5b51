use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools_by, floats, ints_by, random};
use proptest::prelude::*;
use tfjs_wgpu::internals::ops::{Operator, Permute};

fn permute(order: &[usize]) -> Permute {
    Permute { order: order.to_vec() }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (rows, columns) in [(1, 1), (63, 65), (64, 64), (65, 1), (7, 129)] {
        for batch in [1, 3, 67] {
            let case = Case::new(format!("[{batch}, {rows}, {columns}]"), permute(&[0, 2, 1]));
            cases.push(case.input(random(&[batch, rows, columns], 1)));
        }
    }
    for order in [[0, 4, 3, 2, 1], [0, 2, 3, 4, 1], [0, 3, 1, 4, 2], [0, 1, 2, 3, 4]] {
        cases.push(Case::new(format!("{order:?}"), permute(&order)).input(random(&[3, 2, 3, 5, 7], 2)));
    }
    cases.push(Case::new("rank 8", permute(&[0, 7, 1, 6, 2, 5, 3, 4])).input(random(&[3, 2, 1, 3, 2, 1, 2, 3], 3)));
    cases.push(Case::new("no elements", permute(&[0, 2, 1])).input(floats(&[3, 0, 5], &[])));
    cases
}

fn by_hand() -> Vec<Case> {
    vec![
        Case::new("rows and columns", permute(&[0, 2, 1]))
            .input(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[1, 3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0])),
        // Output [n, c, a, b] is input [n, a, b, c]: 6·a + 2·b + c.
        Case::new("last to the front", permute(&[0, 3, 1, 2]))
            .input(ints_by(&[1, 2, 3, 2], |index| index as i32))
            .gives(ints_by(&[1, 2, 2, 3], |index| (index % 6 * 2 + index / 6) as i32)),
        Case::new("a weight", permute(&[1, 0]))
            .constant(floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .gives(floats(&[2, 2], &[1.0, 3.0, 2.0, 4.0])),
        Case::new("bools", permute(&[0, 2, 1])).input(bools_by(&[3, 5, 7], |index| index % 3 == 0)),
        Case::new("awkward values", permute(&[0, 2, 1])).input(floats(&[1, 2, 5], &AWKWARD)),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    for order in [&[1, 0, 2][..], &[0, 1], &[0, 1, 1], &[0, 1, 3], &[]] {
        let fragment = format!("{order:?} does not reorder the dimensions of a sample in [N, 2, 3]");
        refuses(permute(order), &["float32[N, 2, 3]"], &fragment);
    }
    refuses(permute(&[0]), &[], "takes 1 inputs, not 0");
}

/// A shape and an order of its dimensions that keeps N first.
fn orders() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    proptest::collection::vec(1usize..5, 1..6).prop_flat_map(|shape| {
        let rest: Vec<usize> = (1..shape.len()).collect();
        let order = Just(rest).prop_shuffle().prop_map(|rest| [vec![0], rest].concat());
        (Just(shape), order)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_inverse_order_undoes_it((shape, order) in orders()) {
        let mut inverse = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            inverse[from] = to;
        }
        let x = random(&shape, 1);
        let there = permute(&order).answer(&[&x]).expect("an answer");
        let back = permute(&inverse).answer(&[&there]).expect("an answer");
        prop_assert_eq!(back, x);
    }
}
