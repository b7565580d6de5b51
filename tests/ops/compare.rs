use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, bools_by, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::internals::ops::{Compare, Comparison};

const ALL: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
    Comparison::Less,
    Comparison::LessEqual,
];

/// The result of each comparison for a smaller, an equal and a larger left side.
const ANSWERS: [[bool; 3]; 6] = [
    [false, true, false],
    [true, false, true],
    [false, false, true],
    [false, true, true],
    [true, false, false],
    [true, true, false],
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (comparison, answers) in ALL.into_iter().zip(ANSWERS) {
        cases.extend(by_hand(comparison, answers));
        let case = |name: &str| Case::new(format!("{comparison:?}, {name}"), Compare { comparison });
        let pairs = AWKWARD.len() * AWKWARD.len();
        let left = floats_by(&[1, pairs], |index| AWKWARD[index / AWKWARD.len()]);
        let right = floats_by(&[1, pairs], |index| AWKWARD[index % AWKWARD.len()]);
        cases.push(case("awkward pairs").input(left).input(right));
        let small = |seed: usize| move |index: usize| (index * seed % 7) as f32 - 3.0;
        cases.push(case("batch 67").input(floats_by(&[67, 65], small(3))).input(floats_by(&[67, 65], small(5))));
        cases.push(case("a weight").input(random(&[67, 5, 13], 3)).constant(random(&[13], 4)));
        let left = ints_by(&[3, 5, 1, 7, 1], |index| index as i32 % 5);
        let right = ints_by(&[3, 1, 4, 1, 2], |index| index as i32 % 4);
        cases.push(case("both stretch").input(left).input(right));
        cases.push(case("a number").input(ints_by(&[67, 63], |index| index as i32 % 3)).constant(ints(&[], &[1])));
        let (left, right) =
            (bools_by(&[67, 3, 5], |index| index % 3 == 0), bools_by(&[67, 1, 5], |index| index % 2 == 0));
        cases.push(case("bools").input(left).input(right));
        cases.push(case("one shared row").shared(ints(&[1, 2], &[1, 5])).input(ints(&[3, 2], &[0, 5, 1, 6, 2, 4])));
        cases.push(case("no elements").input(floats(&[3, 0], &[])).input(floats(&[3, 0], &[])));
    }
    cases
}

fn by_hand(comparison: Comparison, answers: [bool; 3]) -> Vec<Case> {
    let nan = f32::NAN;
    let case = |name: &str| Case::new(format!("{comparison:?} of {name}"), Compare { comparison });
    let gives = |orders: &[usize]| {
        let expected: Vec<bool> = orders.iter().map(|&order| answers[order]).collect();
        bools(&[1, orders.len()], &expected)
    };
    let unordered = bools(&[1, 3], &[comparison == Comparison::NotEqual; 3]);
    vec![
        case("floats")
            .input(floats(&[1, 6], &[1.0, -0.0, 3.0, f32::NEG_INFINITY, f32::INFINITY, -2.0]))
            .input(floats(&[1, 6], &[2.0, 0.0, -3.0, f32::MIN, f32::INFINITY, -1.0]))
            .gives(gives(&[0, 1, 2, 0, 1, 0])),
        case("NaN").input(floats(&[1, 3], &[nan, nan, 1.0])).input(floats(&[1, 3], &[nan, 1.0, nan])).gives(unordered),
        // As float32, 2^24 + 1 would be 2^24; the difference of the last two exceeds int32.
        case("integers beyond float32")
            .input(ints(&[1, 5], &[16_777_217, 16_777_216, i32::MAX, i32::MAX - 1, i32::MIN]))
            .input(ints(&[1, 5], &[16_777_216, 16_777_217, i32::MAX, i32::MAX, i32::MAX]))
            .gives(gives(&[2, 0, 1, 0, 0])),
        case("bools")
            .input(bools(&[1, 4], &[false, false, true, true]))
            .input(bools(&[1, 4], &[false, true, false, true]))
            .gives(gives(&[1, 0, 2, 1])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let equal = || Compare { comparison: Comparison::Equal };
    refuses(equal(), &["float32[N, 3]", "int32[N, 3]"], "have different dtypes");
    refuses(equal(), &["int32[N, 3]", "int32[N, 4]"], "do not broadcast");
    refuses(equal(), &["int32[N, 3]"], "takes 2 inputs, not 1");
}
