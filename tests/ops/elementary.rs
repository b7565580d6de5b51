//! Activation and Binary with the functions that layers do not fuse.

use crate::case::{Case, checks};
use crate::values::{AWKWARD, floats, floats_by, random};
use BinaryFunction::{Atan2, FloorDivide, FloorMod, LogAddExp, Power, Remainder};
use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};
use tfjs_wgpu::internals::ops::{Activation, Binary, BinaryFunction, Elementwise, Function, Step};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// The arguments of the table below.
const POINTS: [f32; 7] = [-5.0, -1.0, -0.25, 0.0, 0.25, 1.0, 5.0];

/// Values computed with mpmath at 40 digits.
#[rustfmt::skip]
const TABLE: [(Function, [f32; 7]); 20] = [
    (Function::Rsqrt, [NAN, NAN, NAN, INF, 2.0, 1.0, 0.447_213_6]),
    (Function::Floor, [-5.0, -1.0, -1.0, 0.0, 0.0, 1.0, 5.0]),
    (Function::Ceil, [-5.0, -1.0, 0.0, 0.0, 1.0, 1.0, 5.0]),
    (Function::Round, [-5.0, -1.0, 0.0, 0.0, 0.0, 1.0, 5.0]),
    (Function::Sign, [-1.0, -1.0, -1.0, 0.0, 1.0, 1.0, 1.0]),
    (Function::Absolute, [5.0, 1.0, 0.25, 0.0, 0.25, 1.0, 5.0]),
    (Function::Negative, [5.0, 1.0, 0.25, 0.0, -0.25, -1.0, -5.0]),
    (Function::Sin, [0.958_924_3, -0.841_470_96, -0.247_403_96, 0.0, 0.247_403_96, 0.841_470_96, -0.958_924_3]),
    (Function::Cos, [0.283_662_2, 0.540_302_3, 0.968_912_4, 1.0, 0.968_912_4, 0.540_302_3, 0.283_662_2]),
    (Function::Tan, [3.380_515, -1.557_407_7, -0.255_341_92, 0.0, 0.255_341_92, 1.557_407_7, -3.380_515]),
    (Function::Asin, [NAN, -FRAC_PI_2, -0.252_680_24, 0.0, 0.252_680_24, FRAC_PI_2, NAN]),
    (Function::Acos, [NAN, PI, 1.823_476_6, FRAC_PI_2, 1.318_116_1, 0.0, NAN]),
    (Function::Atan, [-1.373_400_8, -FRAC_PI_4, -0.244_978_67, 0.0, 0.244_978_67, FRAC_PI_4, 1.373_400_8]),
    (Function::Sinh, [-74.203_21, -1.175_201_2, -0.252_612_32, 0.0, 0.252_612_32, 1.175_201_2, 74.203_21]),
    (Function::Cosh, [74.209_946, 1.543_080_7, 1.031_413_1, 1.0, 1.031_413_1, 1.543_080_7, 74.209_946]),
    (Function::Asinh, [-2.312_438_2, -0.881_373_6, -0.247_466_46, 0.0, 0.247_466_46, 0.881_373_6, 2.312_438_2]),
    (Function::Acosh, [NAN, NAN, NAN, NAN, NAN, 0.0, 2.292_431_6]),
    (Function::Atanh, [NAN, -INF, -0.255_412_82, 0.0, 0.255_412_82, INF, NAN]),
    (Function::Erf, [-1.0, -0.842_700_8, -0.276_326_4, 0.0, 0.276_326_4, 0.842_700_8, 1.0]),
    (Function::Expm1, [-0.993_262_05, -0.632_120_55, -0.221_199_21, 0.0, 0.284_025_43, 1.718_281_9, 147.413_16]),
];

/// Angles far from 0 and next to multiples of π / 2, with sine, cosine and tangent by mpmath.
const ANGLES: [[f32; 4]; 9] = [
    [1e4, -0.305_614_38, -0.952_155_35, 0.320_971_13],
    [12_345.678, -0.704_269_9, 0.709_932_3, -0.992_024],
    [1e10, -0.487_506_03, 0.873_119_65, -0.558_349_6],
    [3e38, 0.874_904_9, -0.484_294_77, -1.806_554_4],
    [PI, -8.742_278e-8, -1.0, 8.742_278e-8],
    [FRAC_PI_2, 1.0, -4.371_139e-8, -22_877_332.0],
    [16_777_216.0, -0.779_563_67, 0.626_323, -1.244_667_2],
    [-1e5, -0.035_748_8, -0.999_360_8, 0.035_771_664],
    [710.0, 6.028_871e-5, 1.0, 6.028_871e-5],
];

const PAIRS: [BinaryFunction; 6] = [FloorDivide, FloorMod, Remainder, Power, Atan2, LogAddExp];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (function, expected) in TABLE {
        let case = |kind: &str| Case::new(format!("{function:?}, {kind}"), Activation { function });
        cases.push(case("by hand").input(floats(&[1, 7], &POINTS)).gives(floats(&[1, 7], &expected)));
        cases.push(case("awkward").input(floats(&[1, 10], &AWKWARD)));
        cases.push(case("dense").input(floats_by(&[1, 2561], |index| index as f32 / 64.0 - 20.0)));
        cases.push(case("fine").input(floats_by(&[1, 2501], |index| index as f32 / 1000.0 - 1.25)));
        cases.push(case("near zero").input(floats_by(&[1, 60], |index| {
            (if index % 2 == 0 { 1.0 } else { -1.0 }) * 0.5f32.powi(index as i32 / 2)
        })));
        let far = [-1e30, -1e9, -110.0, -89.0, -87.0, -50.0, 50.0, 87.0, 88.7, 89.2, 110.0, 1500.5, 1e9, 3e38];
        cases.push(case("far").input(floats(&[1, 14], &far)));
        cases.push(case("batch 67").input(random(&[67, 65], 1)));
    }
    for (column, function) in [Function::Sin, Function::Cos, Function::Tan].into_iter().enumerate() {
        let case = |kind: &str| Case::new(format!("{function:?}, {kind}"), Activation { function });
        let angles = floats_by(&[1, 9], |row| ANGLES[row][0]);
        cases.push(case("angles").input(angles).gives(floats_by(&[1, 9], |row| ANGLES[row][column + 1])));
        let quarters = |index: usize| (index as f64 * std::f64::consts::FRAC_PI_2) as f32;
        cases.push(case("quarters").input(floats_by(&[1, 8000], quarters)));
        cases.push(case("up to 10 000").input(floats_by(&[1, 5000], |index| index as f32 * 4.013_7 - 1e4)));
        cases.push(case("of every exponent").input(floats_by(&[1, 1250], |index| {
            [1.0, 1.1, 1.333_333, 1.57, 1.999_999_9][index % 5] * 2f32.powi(index as i32 / 5 - 123)
        })));
    }
    cases.extend(rounded());
    for function in PAIRS {
        cases.extend(pairs(function));
    }
    cases.extend(pairs_by_hand());
    cases.extend(chains());
    cases
}

/// Numbers halfway between integers, and numbers so large that all floats are integers.
fn rounded() -> Vec<Case> {
    let x = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.499_999_97, 8_388_607.5, 8_388_609.0, -1e30];
    let table = [
        (Function::Floor, [0.0, 1.0, 2.0, -1.0, -2.0, -3.0, 0.0, 8_388_607.0, 8_388_609.0, -1e30]),
        (Function::Ceil, [1.0, 2.0, 3.0, 0.0, -1.0, -2.0, 1.0, 8_388_608.0, 8_388_609.0, -1e30]),
        (Function::Round, [0.0, 2.0, 2.0, 0.0, -2.0, -2.0, 0.0, 8_388_608.0, 8_388_609.0, -1e30]),
    ];
    let case = |(function, expected): (Function, [f32; 10])| {
        let case = Case::new(format!("{function:?} of halves"), Activation { function });
        case.input(floats(&[1, 10], &x)).gives(floats(&[1, 10], &expected))
    };
    table.into_iter().map(case).collect()
}

/// Operands of all kinds. A power is either a normal float or far from one, because a device may flush subnormals to
/// zero.
fn pairs(function: BinaryFunction) -> Vec<Case> {
    const SIDES: [f32; 21] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        3.0,
        -3.0,
        0.5,
        -0.5,
        0.1,
        -0.1,
        1.5,
        3e18,
        -7e-19,
        16_777_215.0,
        -16_777_216.0,
        INF,
        -INF,
        NAN,
        1.000_000_1,
    ];
    let case = |name: &str| Case::new(format!("{function:?}, {name}"), Binary { function });
    let count = SIDES.len();
    let left = floats_by(&[1, count * count], |index| SIDES[index / count]);
    let right = floats_by(&[1, count * count], |index| SIDES[index % count]);
    let mut cases = vec![
        case("awkward pairs").input(left).input(right),
        case("batch 67").input(random(&[67, 65], 1)).input(random(&[67, 65], 2)),
        case("both stretch").input(random(&[3, 5, 1, 7, 1], 5)).input(random(&[3, 1, 4, 1, 2], 6)),
        case("a weight on the left").constant(random(&[2, 1], 7)).input(random(&[3, 2, 63], 8)),
        case("a number").input(random(&[3, 64], 9)).constant(floats(&[], &[0.5])),
    ];
    // Quotients that are integers, or nearly so.
    let divisors = |index: usize| (index % 61) as f32 * 0.1 - 3.0;
    let multiples = |index: usize| (index / 61) as f32 * 7.0 * divisors(index);
    cases.push(case("multiples").input(floats_by(&[1, 6100], multiples)).input(floats_by(&[1, 6100], divisors)));
    // Bases from 2^-12 to 2^12, with exponents from −10 to 10.
    let bases = |index: usize| 2f32.powf((index / 41) as f32 * 0.237 - 12.0);
    let exponents = |index: usize| (index % 41) as f32 * 0.5 - 10.0;
    cases.push(case("bases").input(floats_by(&[1, 4141], bases)).input(floats_by(&[1, 4141], exponents)));
    let near_one = |index: usize| 0.9 + (index / 20) as f32 * 0.001;
    let large = |index: usize| (index % 20) as f32 * 60.0 - 600.0;
    cases.push(case("near one").input(floats_by(&[1, 4000], near_one)).input(floats_by(&[1, 4000], large)));
    cases
}

fn pairs_by_hand() -> Vec<Case> {
    let third = 1.0 / 3.0;
    // The results of TensorFlow, except for the angles and the last function, which are those of NumPy.
    let table: [(BinaryFunction, &[[f32; 3]]); 6] = [
        (
            FloorDivide,
            &[
                [1.0, 0.1, 10.0],
                [7.0, 2.0, 3.0],
                [-7.0, 2.0, -4.0],
                [1.0, 0.0, INF],
                [-1.0, 0.0, -INF],
                [0.0, 0.0, NAN],
                [INF, 2.0, INF],
                [5.0, -INF, 0.0],
                [-1e-30, 1e30, 0.0],
                [-1e-10, 1e10, -1.0],
                [1e30, -1e-30, -INF],
                [16_777_215.0, 2.0, 8_388_607.0],
                [-16_777_215.0, 2.0, -8_388_608.0],
            ],
        ),
        (
            FloorMod,
            &[
                [1.0, 0.1, 0.099_999_99],
                [7.0, 2.0, 1.0],
                [-7.0, 2.0, 1.0],
                [7.0, -2.0, -1.0],
                [1.0, 0.0, NAN],
                [-1.0, INF, INF],
                [1.0, INF, 1.0],
                [1.0, -INF, -INF],
                [0.0, -3.0, 0.0],
            ],
        ),
        (
            Remainder,
            &[
                [-7.0, 2.0, -1.0],
                [7.0, -2.0, 1.0],
                [1e30, 7.0, 1.0],
                [INF, 2.0, NAN],
                [-1.0, INF, -1.0],
                [5.5, -1.25, 0.5],
            ],
        ),
        (
            Power,
            &[
                [-8.0, third, NAN],
                [-2.0, 3.0, -8.0],
                [0.0, -1.0, INF],
                [-0.0, -3.0, -INF],
                [0.0, 0.0, 1.0],
                [1.0, NAN, 1.0],
                [NAN, 0.0, 1.0],
                [-1.0, INF, 1.0],
                [-INF, -3.0, 0.0],
                [-INF, 3.0, -INF],
                [0.5, -INF, INF],
                [2.0, -INF, 0.0],
                [2.0, 127.0, 1.701_411_8e38],
                [2.0, 128.0, INF],
                [-2.0, 16_777_216.0, INF],
                [2.0, 0.5, std::f32::consts::SQRT_2],
            ],
        ),
        (
            Atan2,
            &[
                [1.0, 1.0, FRAC_PI_4],
                [1.0, -1.0, 3.0 * FRAC_PI_4],
                [-1.0, 0.0, -FRAC_PI_2],
                [0.0, -1.0, PI],
                [-0.0, -1.0, -PI],
                [INF, INF, FRAC_PI_4],
                [1.0, INF, 0.0],
                [1.0, -INF, PI],
                [0.0, 0.0, 0.0],
                [1e-30, 1e-30, FRAC_PI_4],
                [NAN, 1.0, NAN],
            ],
        ),
        (
            LogAddExp,
            &[
                [0.0, 0.0, std::f32::consts::LN_2],
                [1000.0, 0.0, 1000.0],
                [-INF, -INF, -INF],
                [-INF, 2.0, 2.0],
                [INF, -INF, INF],
            ],
        ),
    ];
    let by_function = |(function, rows): (BinaryFunction, &[[f32; 3]])| {
        let column = |at: usize| floats(&[1, rows.len()], &rows.iter().map(|row| row[at]).collect::<Vec<_>>());
        let case = Case::new(format!("{function:?} by hand"), Binary { function });
        case.input(column(0)).input(column(1)).gives(column(2))
    };
    table.into_iter().map(by_function).collect()
}

/// Chains in one kernel with functions that layers can fuse.
fn chains() -> Vec<Case> {
    let mut cases = Vec::new();
    for (function, _) in TABLE {
        let steps = vec![
            Step::Apply(Function::Sigmoid),
            Step::Apply(function),
            Step::Combine { function: BinaryFunction::Multiply, input: 1, is_right: false },
        ];
        let case = Case::new(format!("{function:?} in a chain"), Elementwise { steps });
        cases.push(case.input(random(&[3, 65], 1)).constant(random(&[65], 2)));
    }
    for function in PAIRS {
        for is_right in [false, true] {
            let steps = vec![Step::Combine { function, input: 1, is_right }, Step::Apply(Function::Negative)];
            let case = Case::new(format!("{function:?} in a chain"), Elementwise { steps });
            cases.push(case.input(random(&[3, 65], 3)).input(random(&[3, 65], 4)));
        }
    }
    let saw = vec![
        Step::Apply(Function::Sin),
        Step::Combine { function: FloorMod, input: 1, is_right: false },
        Step::Combine { function: Power, input: 1, is_right: true },
    ];
    cases.push(
        Case::new("a saw of a sine", Elementwise { steps: saw })
            .input(random(&[3, 65], 5))
            .constant(floats(&[], &[0.3])),
    );
    cases
}

checks!(cases);
