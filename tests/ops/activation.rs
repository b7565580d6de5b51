use crate::case::{Case, check_gpu_with, checks, refuses};
use crate::values::{AWKWARD, SIZES, floats, floats_by, random};
use std::f32::consts::LN_2;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::ops::{Activation, Function};

/// The arguments of the table below.
const POINTS: [f32; 7] = [-5.0, -1.0, -0.25, 0.0, 0.25, 1.0, 5.0];

/// Values computed with mpmath at 30 digits.
#[rustfmt::skip]
const TABLE: [(&str, Function, [f32; 7]); 25] = [
    ("relu", Function::RELU, [0.0, 0.0, 0.0, 0.0, 0.25, 1.0, 5.0]),
    ("relu6", Function::relu(Some(6.0), 0.0, 0.0), [0.0, 0.0, 0.0, 0.0, 0.25, 1.0, 5.0]),
    ("relu up to 0.5", Function::relu(Some(0.5), 0.0, 0.0), [0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.5]),
    ("leaky relu", Function::relu(None, 0.5, 0.0), [-2.5, -0.5, -0.125, 0.0, 0.25, 1.0, 5.0]),
    ("relu above 1", Function::relu(None, 0.0, 1.0), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]),
    ("relu above -1", Function::relu(None, 0.0, -1.0), [0.0, 0.0, -0.25, 0.0, 0.25, 1.0, 5.0]),
    ("relu with all options", Function::relu(Some(2.0), 0.5, 1.0), [-3.0, -1.0, -0.625, -0.5, -0.375, 0.0, 2.0]),
    // Keras clips to 0..=2 above the threshold only.
    ("relu clipped at zero", Function::relu(Some(2.0), 0.5, -2.0), [-1.5, 0.0, 0.0, 0.0, 0.25, 1.0, 2.0]),
    ("elu", Function::Elu { alpha: 0.5 }, [-0.496_631_03, -0.316_060_28, -0.110_599_61, 0.0, 0.25, 1.0, 5.0]),
    ("selu", Function::Selu, [-1.746_253_4, -1.111_330_7, -0.388_890_2, 0.0, 0.262_675_25, 1.050_701, 5.253_505]),
    ("sigmoid", Function::Sigmoid, [0.006_692_851, 0.268_941_42, 0.437_823_5, 0.5, 0.562_176_5, 0.731_058_6, 0.993_307_2]),
    ("hard_sigmoid of Keras 3", Function::HardSigmoid { slope: 1.0 / 6.0 }, [0.0, 0.333_333_34, 0.458_333_34, 0.5, 0.541_666_7, 0.666_666_7, 1.0]),
    ("hard_sigmoid", Function::HardSigmoid { slope: 0.2 }, [0.0, 0.3, 0.45, 0.5, 0.55, 0.7, 1.0]),
    ("softplus", Function::Softplus, [0.006_715_348_5, 0.313_261_7, 0.575_939_4, LN_2, 0.825_939_4, 1.313_261_7, 5.006_715_3]),
    ("softsign", Function::Softsign, [-0.833_333_3, -0.5, -0.2, 0.0, 0.2, 0.5, 0.833_333_3]),
    ("tanh", Function::Tanh, [-0.999_909_2, -0.761_594_2, -0.244_918_66, 0.0, 0.244_918_66, 0.761_594_2, 0.999_909_2]),
    ("gelu", Function::Gelu, [-1.433_257_9e-6, -0.158_655_25, -0.100_323_42, 0.0, 0.149_676_58, 0.841_344_8, 4.999_998_6]),
    ("gelu_tanh", Function::GeluTanh, [-2.291_796_2e-7, -0.158_808, -0.100_324_65, 0.0, 0.149_675_35, 0.841_192, 4.999_999_8]),
    ("mish", Function::Mish, [-0.033_576_24, -0.303_401_46, -0.129_926_96, 0.0, 0.169_572_41, 0.865_098_4, 4.999_552]),
    ("swish", Function::Swish, [-0.033_464_255, -0.268_941_42, -0.109_455_87, 0.0, 0.140_544_13, 0.731_058_6, 4.966_535_6]),
    ("exponential", Function::Exponential, [0.006_737_947, 0.367_879_44, 0.778_800_8, 1.0, 1.284_025_4, 2.718_281_7, 148.413_16]),
    ("logarithm", Function::Logarithm, [f32::NAN, f32::NAN, f32::NAN, f32::NEG_INFINITY, -1.386_294_4, 0.0, 1.609_438]),
    ("logarithm plus one", Function::LogarithmPlusOne, [f32::NAN, f32::NEG_INFINITY, -0.287_682_07, 0.0, 0.223_143_55, LN_2, 1.791_759_5]),
    ("half", Function::Half, POINTS),
    ("square root", Function::SquareRoot, [f32::NAN, f32::NAN, f32::NAN, 0.0, 0.5, 1.0, 2.236_068]),
];

/// The arguments of the limits below.
const INFINITE: [f32; 3] = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, function, expected) in TABLE {
        let case = |kind: &str| Case::new(format!("{name}, {kind}"), Activation { function });
        cases.push(case("by hand").input(floats(&[1, 7], &POINTS)).gives(floats(&[1, 7], &expected)));
        cases.push(case("awkward").input(floats(&[1, 10], &AWKWARD)));
        // −20 to 20 in steps of 1/64: where the functions bend, saturate and change their formula. e^x of less than −87
        // is subnormal, which a device may flush to zero, so those arguments are excluded.
        cases.push(case("dense").input(floats_by(&[1, 2561], |index| index as f32 / 64.0 - 20.0)));
        cases.push(case("near zero").input(floats_by(&[1, 60], |index| {
            (if index % 2 == 0 { 1.0 } else { -1.0 }) * 0.5f32.powi(index as i32 / 2)
        })));
        cases.push(
            case("far").input(floats(&[1, 10], &[-1e30, -1e9, -110.0, -87.0, -50.0, 50.0, 87.0, 88.7, 110.0, 1e9])),
        );
    }
    for size in SIZES {
        let shape = [if size % 2 == 0 { 3 } else { 67 }, size];
        cases.push(Case::new(format!("{size} wide"), Activation { function: Function::Tanh }).input(random(&shape, 1)));
    }
    cases.push(Case::new("rank 5", Activation { function: Function::RELU }).input(random(&[3, 2, 3, 5, 7], 2)));
    cases.push(Case::new("no elements", Activation { function: Function::RELU }).input(floats(&[3, 0], &[])));
    cases.extend(at_infinity());
    cases.extend(halves());
    cases
}

/// Limits at ∞, −∞ and NaN.
fn at_infinity() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let table = [
        (Function::RELU, [inf, 0.0, nan]),
        (Function::relu(Some(6.0), 0.0, 0.0), [6.0, 0.0, nan]),
        (Function::relu(None, 0.5, 0.0), [inf, -inf, nan]),
        (Function::relu(None, 0.0, 1.0), [inf, 0.0, nan]),
        (Function::Elu { alpha: 0.5 }, [inf, -0.5, nan]),
        (Function::Selu, [inf, -1.758_099_3, nan]),
        (Function::Sigmoid, [1.0, 0.0, nan]),
        (Function::HardSigmoid { slope: 0.2 }, [1.0, 0.0, nan]),
        (Function::Softplus, [inf, 0.0, nan]),
        (Function::Tanh, [1.0, -1.0, nan]),
        (Function::Exponential, [inf, 0.0, nan]),
        (Function::Half, [inf, -inf, nan]),
    ];
    let case = |(function, expected): (Function, [f32; 3])| {
        let name = format!("{function:?} at infinity");
        Case::new(name, Activation { function }).input(floats(&[1, 3], &INFINITE)).gives(floats(&[1, 3], &expected))
    };
    table.into_iter().map(case).collect()
}

/// Numbers between two half-precision floats, at the ends of their range, and with every exponent.
fn halves() -> Vec<Case> {
    let unit = 0.5f32.powi(24);
    let inf = f32::INFINITY;
    let pairs = [
        (2049.0, 2048.0),
        (2051.0, 2052.0),
        (-2049.0, -2048.0),
        (1.000_488_4, 1.000_976_6),
        (65_504.0, 65_504.0),
        (65_519.996, 65_504.0),
        (65_520.0, inf),
        (-65_520.0, -inf),
        (1e30, inf),
        // Below 2^-14, half-precision floats are multiples of 2^-24; a tie goes to the even one.
        (0.5 * unit, 0.0),
        (0.500_001 * unit, unit),
        (1.5 * unit, 2.0 * unit),
        (-2.5 * unit, -2.0 * unit),
        (1023.25 * unit, 1023.0 * unit),
        (1023.5 * unit, 1024.0 * unit),
        (0.25 * unit, 0.0),
        (f32::MIN_POSITIVE, 0.0),
    ];
    let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
    let case = |name| Case::new(name, Activation { function: Function::Half });
    let exponents = floats_by(&[1, 7 * 250], |index| {
        let mantissa = [1.0, 1.0 + f32::EPSILON, 1.25, 1.000_5, 1.333, 1.999_6, 1.999_999_9][index % 7];
        let sign = if index % 2 == 0 { mantissa } else { -mantissa };
        sign * 2f32.powi(index as i32 / 7 - 125)
    });
    let by_hand = case("half, by hand").input(floats(&[1, x.len()], &x)).gives(floats(&[1, y.len()], &y));
    vec![by_hand, case("half, of every exponent").input(exponents)]
}

checks!(cases);

/// 65 536 workgroups and one element more: the grid is folded into two rows, and the last row is not full.
#[test]
fn a_grid_of_more_than_65535_workgroups_covers_every_element() {
    let width = 65_536 * 64 + 1;
    let x = floats_by(&[1, width], |index| index as f32 - 1e6);
    let case = Case::new("folded grid", Activation { function: Function::RELU }).input(x);
    check_gpu_with(&[case], LimitsPreset::Full);
}

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let relu = || Activation { function: Function::RELU };
    refuses(relu(), &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
    refuses(relu(), &["bool[N, 3]"], "takes float32 and not bool[N, 3]");
    refuses(relu(), &[], "takes 1 inputs, not 0");
    refuses(relu(), &["float32[N]", "float32[N]"], "takes 1 inputs, not 2");
}
