use crate::case::{Case, checks, refuses};
use crate::values::{bools, bools_by, floats, floats_by, random};
use proptest::prelude::*;
use tfjs_wgpu::internals::ops::{Binary, BinaryFunction, Operator};

const FUNCTIONS: [BinaryFunction; 10] = [
    BinaryFunction::Add,
    BinaryFunction::Subtract,
    BinaryFunction::Multiply,
    BinaryFunction::Divide,
    BinaryFunction::Maximum,
    BinaryFunction::Minimum,
    BinaryFunction::PRelu,
    BinaryFunction::Keep,
    BinaryFunction::Greater,
    BinaryFunction::AtLeast,
];

/// Numbers whose sums, products and quotients are normal floats: a device may flush subnormals to zero, and WGSL
/// guarantees nothing for a quotient by less than 2^-126 or more than 2^126.
const PAIRED: [f32; 9] = [0.0, -0.0, 1.0, -1.5, 3e18, -7e-19, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

fn binary(function: BinaryFunction) -> Binary {
    Binary { function }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for function in FUNCTIONS {
        let case = |name: &str| Case::new(format!("{function:?}, {name}"), binary(function));
        let pairs = PAIRED.len() * PAIRED.len();
        let left = floats_by(&[1, pairs], |index| PAIRED[index / PAIRED.len()]);
        let right = floats_by(&[1, pairs], |index| PAIRED[index % PAIRED.len()]);
        cases.push(case("awkward pairs").input(left).input(right));
        cases.push(case("batch 67").input(random(&[67, 65], 1)).input(random(&[67, 65], 2)));
        cases.push(case("a weight").input(random(&[67, 5, 13], 3)).constant(random(&[13], 4)));
        cases.push(case("both stretch").input(random(&[3, 5, 1, 7, 1], 5)).input(random(&[3, 1, 4, 1, 2], 6)));
        cases.push(case("a weight on the left").constant(random(&[2, 1], 7)).input(random(&[3, 2, 63], 8)));
        cases.push(case("a scalar").input(random(&[3, 64], 9)).constant(floats(&[], &[0.5])));
        cases.push(case("the right has more dimensions").input(random(&[3], 10)).constant(random(&[1], 11)));
    }
    for function in [BinaryFunction::Maximum, BinaryFunction::Minimum] {
        let case = Case::new(format!("{function:?} of bools"), binary(function));
        let (left, right) =
            (bools_by(&[67, 3, 5], |index| index % 3 == 0), bools_by(&[67, 1, 5], |index| index % 2 == 0));
        cases.push(case.input(left).input(right));
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let left = [7.0, -2.0, 0.0, inf, nan, -4.0];
    let right = [2.0, 3.0, -1.0, 1.0, 1.0, nan];
    let table = [
        (BinaryFunction::Add, [9.0, 1.0, -1.0, inf, nan, nan]),
        (BinaryFunction::Subtract, [5.0, -5.0, 1.0, inf, nan, nan]),
        (BinaryFunction::Multiply, [14.0, -6.0, 0.0, inf, nan, nan]),
        (BinaryFunction::Divide, [3.5, -0.666_666_7, 0.0, inf, nan, nan]),
        (BinaryFunction::Maximum, [7.0, 3.0, 0.0, inf, nan, nan]),
        (BinaryFunction::Minimum, [2.0, -2.0, -1.0, 1.0, nan, nan]),
        (BinaryFunction::PRelu, [7.0, -6.0, 0.0, inf, nan, nan]),
        (BinaryFunction::Keep, [7.0, -2.0, 0.0, inf, nan, -4.0]),
        (BinaryFunction::Greater, [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
        (BinaryFunction::AtLeast, [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
    ];
    let by_function = |(function, expected): (BinaryFunction, [f32; 6])| {
        let case = Case::new(format!("{function:?} by hand"), binary(function));
        case.input(floats(&[3, 2], &left)).input(floats(&[3, 2], &right)).gives(floats(&[3, 2], &expected))
    };
    let mut cases: Vec<Case> = table.into_iter().map(by_function).collect();
    for (function, expected) in [(BinaryFunction::Greater, [0.0; 4]), (BinaryFunction::AtLeast, [1.0, 1.0, 1.0, 0.0])] {
        let equal = floats(&[1, 4], &[inf, -inf, 0.0, nan]);
        let case = Case::new(format!("{function:?} of equal numbers"), binary(function)).input(equal.clone());
        cases.push(case.input(equal).gives(floats(&[1, 4], &expected)));
    }
    let truth = |right: [bool; 4]| bools(&[1, 4], &right);
    for (function, expected) in
        [(BinaryFunction::Maximum, [false, true, true, true]), (BinaryFunction::Minimum, [false, false, false, true])]
    {
        let case = Case::new(format!("{function:?} of bools by hand"), binary(function));
        let case = case.input(truth([false, false, true, true])).input(truth([false, true, false, true]));
        cases.push(case.gives(truth(expected)));
    }
    cases.push(
        Case::new("rows and columns", binary(BinaryFunction::Subtract))
            .input(floats(&[1, 2, 1], &[10.0, 20.0]))
            .constant(floats(&[3], &[1.0, 2.0, 3.0]))
            .gives(floats(&[1, 2, 3], &[9.0, 8.0, 7.0, 19.0, 18.0, 17.0])),
    );
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let add = || binary(BinaryFunction::Add);
    refuses(add(), &["float32[N, 3]", "float32[N, 4]"], "[N, 3] and [N, 4] do not broadcast");
    refuses(add(), &["float32[N, 3]", "float32[4]"], "[N, 3] and [4] do not broadcast");
    refuses(
        add(),
        &["float32[N, 3]", "float32[2, 1, 3]"],
        "do not broadcast: the batch would not be the first dimension",
    );
    refuses(add(), &["float32[N, 3]", "float32[2, 3]"], "[N, 3] and [2, 3] do not broadcast");
    refuses(add(), &["bool[N, 3]", "bool[N, 3]"], "takes float32 or int32 and not bool[N, 3]");
    refuses(binary(BinaryFunction::Maximum), &["bool[N, 3]", "float32[N, 3]"], "have different dtypes");
    refuses(add(), &["float32[N, 3]"], "takes 2 inputs, not 1");
}

/// Up to four dimensions, in which either side may have size 1, and either side may lack leading dimensions.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let dim = (1usize..4, 0..3);
    (proptest::collection::vec(dim, 1..5), 0usize..4, any::<bool>()).prop_map(|(dims, lacking, swap)| {
        let left: Vec<usize> = dims.iter().map(|&(size, stretched)| if stretched == 1 { 1 } else { size }).collect();
        let right: Vec<usize> = dims.iter().map(|&(size, stretched)| if stretched == 2 { 1 } else { size }).collect();
        let right = right[lacking.min(right.len() - 1)..].to_vec();
        if swap { (right, left) } else { (left, right) }
    })
}

/// The element at `position` by the rule of NumPy: trailing dimensions are aligned, and dimensions of size 1 are read
/// at 0.
fn element(values: &[f32], shape: &[usize], position: &[usize]) -> f32 {
    let own = &position[position.len() - shape.len()..];
    let index = shape.iter().zip(own).fold(0, |index, (&size, &at)| index * size + if size == 1 { 0 } else { at });
    values[index]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn broadcasting_is_numpys((left, right) in shapes()) {
        let (x, y) = (random(&left, 1), random(&right, 2));
        let answer = binary(BinaryFunction::Subtract).answer(&[&x, &y]).expect("an answer");
        let rank = left.len().max(right.len());
        let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
        let shape: Vec<usize> = padded(&left).into_iter().zip(padded(&right)).map(|(a, b)| a.max(b)).collect();
        prop_assert_eq!(answer.shape(), &shape);
        let (x, y) = (x.as_f32().expect("floats"), y.as_f32().expect("floats"));
        let mut position = vec![0; rank];
        for &value in answer.as_f32().expect("floats") {
            prop_assert_eq!(value, element(x, &left, &position) - element(y, &right, &position));
            for dim in (0..rank).rev() {
                position[dim] = (position[dim] + 1) % shape[dim];
                if position[dim] != 0 {
                    break;
                }
            }
        }
    }
}
