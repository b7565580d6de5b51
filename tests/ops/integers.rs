//! Activation and Binary of int32.

use crate::case::{Case, checks, refuses};
use crate::values::{SIZES, ints, ints_by};
use BinaryFunction::{
    Add, BitAnd, BitOr, BitXor, FloorDivide, FloorMod, Maximum, Minimum, Multiply, Power, Remainder, Subtract,
};
use tfjs_wgpu::internals::ops::{Activation, Binary, BinaryFunction, Function};

const FUNCTIONS: [BinaryFunction; 12] =
    [Add, Subtract, Multiply, Maximum, Minimum, FloorDivide, FloorMod, Remainder, Power, BitAnd, BitOr, BitXor];

/// Integers for which signs, wrapping and the precision of float32 matter.
const AWKWARD: [i32; 13] = [0, 1, -1, 2, -2, 3, 7, -7, 31, 16_777_217, i32::MAX, i32::MIN, i32::MIN + 1];

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for function in FUNCTIONS {
        let case = |name: &str| Case::new(format!("{function:?}, {name}"), Binary { function });
        let pairs = AWKWARD.len() * AWKWARD.len();
        let left = ints_by(&[1, pairs], |index| AWKWARD[index / AWKWARD.len()]);
        let right = ints_by(&[1, pairs], |index| AWKWARD[index % AWKWARD.len()]);
        cases.push(case("awkward pairs").input(left).input(right));
        let hashed = |seed: u32| move |index: usize| (index as u32).wrapping_mul(seed).rotate_left(13) as i32;
        let small = |index: usize| index as i32 % 23 - 11;
        cases.push(case("batch 67").input(ints_by(&[67, 65], hashed(2_654_435_761))).input(ints_by(&[67, 65], small)));
        cases.push(case("a weight").input(ints_by(&[67, 5, 13], small)).constant(ints_by(&[13], hashed(40_503))));
        let (left, right) = (ints_by(&[3, 5, 1, 7, 1], small), ints_by(&[3, 1, 4, 1, 2], hashed(97)));
        cases.push(case("both stretch").input(left).input(right));
        cases.push(case("a number on the left").constant(ints(&[], &[-100])).input(ints_by(&[3, 64], small)));
        cases.push(case("a number").input(ints_by(&[3, 64], hashed(31))).constant(ints(&[], &[1000])));
        cases.push(case("one shared row").shared(ints(&[1, 2], &[9, -9])).input(ints(&[2, 2], &[2, 2, 4, 4])));
        cases.push(case("no elements").input(ints(&[3, 0], &[])).input(ints(&[3, 0], &[])));
    }
    for function in [Function::Absolute, Function::Negative, Function::Sign] {
        let case = |name: &str| Case::new(format!("{function:?}, {name}"), Activation { function });
        cases.push(case("awkward").input(ints(&[1, AWKWARD.len()], &AWKWARD)));
        for size in SIZES {
            cases.push(case("sizes").input(ints_by(&[67, size], |index| index as i32 - 99)));
        }
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let (most, least) = (i32::MAX, i32::MIN);
    // The rules for a division by 0, for −2^31 by −1 and for negative powers are in src/ops/binary/integers.rs.
    let table: [(BinaryFunction, &[[i32; 3]]); 12] = [
        (BitAnd, &[[12, 10, 8], [-1, 7, 7], [least, -1, least]]),
        (BitOr, &[[12, 10, 14], [-8, 7, -1], [least, most, -1]]),
        (BitXor, &[[12, 10, 6], [-1, 7, -8], [least, most, -1]]),
        (Add, &[[2, 3, 5], [most, 1, least], [16_777_216, 1, 16_777_217]]),
        (Subtract, &[[2, 3, -1], [least, 1, most], [0, least, least]]),
        (Multiply, &[[-2, 3, -6], [65_537, 65_537, 131_073], [least, -1, least], [2_654_435, 1000, -1_640_532_296]]),
        (Maximum, &[[-2, 3, 3], [16_777_217, 16_777_216, 16_777_217]]),
        (Minimum, &[[-2, 3, -2], [least, most, least]]),
        (
            FloorDivide,
            &[
                [7, 2, 3],
                [-7, 2, -4],
                [7, -2, -4],
                [-7, -2, 3],
                [6, -2, -3],
                [5, 0, 0],
                [-5, 0, 0],
                [0, 0, 0],
                [least, -1, least],
                [least, 1, least],
                [most, -1, -most],
                [least, 3, -715_827_883],
                [most, least, -1],
            ],
        ),
        (
            FloorMod,
            &[
                [7, 2, 1],
                [-7, 2, 1],
                [7, -2, -1],
                [-7, -2, -1],
                [6, -2, 0],
                [5, 0, 0],
                [-5, 0, 0],
                [least, -1, 0],
                [least, 3, 1],
                [most, least, -1],
            ],
        ),
        (Remainder, &[[7, 2, 1], [-7, 2, -1], [7, -2, 1], [-7, -2, -1], [5, 0, 0], [least, -1, 0], [least, 3, -2]]),
        (
            Power,
            &[
                [2, 10, 1024],
                [-3, 3, -27],
                [0, 0, 1],
                [7, 0, 1],
                [2, 31, least],
                [2, 32, 0],
                // The results of TensorFlow.
                [3, 40, 689_956_897],
                [10, 10, 1_410_065_408],
                [-3, 41, -2_069_870_691],
                [1, -5, 1],
                [-1, -5, -1],
                [-1, -4, 1],
                [-1, least, 1],
                [2, -1, 0],
                [0, -1, 0],
                [-1, most, -1],
            ],
        ),
    ];
    let by_function = |(function, rows): (BinaryFunction, &[[i32; 3]])| {
        let column = |at: usize| ints(&[1, rows.len()], &rows.iter().map(|row| row[at]).collect::<Vec<_>>());
        let case = Case::new(format!("{function:?} by hand"), Binary { function });
        case.input(column(0)).input(column(1)).gives(column(2))
    };
    let mut cases: Vec<Case> = table.into_iter().map(by_function).collect();
    let x = [0, 5, -5, most, least];
    for (function, expected) in [
        (Function::Absolute, [0, 5, 5, most, least]),
        (Function::Negative, [0, -5, 5, -most, least]),
        (Function::Sign, [0, 1, -1, 1, -1]),
    ] {
        let case = Case::new(format!("{function:?} by hand"), Activation { function });
        cases.push(case.input(ints(&[1, 5], &x)).gives(ints(&[1, 5], &expected)));
    }
    cases
}

checks!(cases);

#[test]
fn functions_that_integers_lack_are_rejected() {
    let both = ["int32[N, 3]", "int32[N, 3]"];
    for function in [BinaryFunction::Divide, BinaryFunction::PRelu, BinaryFunction::Keep, BinaryFunction::Atan2] {
        refuses(Binary { function }, &both, "takes float32 and not int32[N, 3]");
    }
    refuses(Binary { function: Add }, &["int32[N, 3]", "float32[N, 3]"], "have different dtypes");
    refuses(Binary { function: Power }, &["bool[N, 3]", "bool[N, 3]"], "takes float32 or int32 and not bool[N, 3]");
    refuses(Activation { function: Function::Floor }, &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
}
