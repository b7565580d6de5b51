use crate::case::{Case, check_gpu_with, checks, refuses};
use crate::values::{AWKWARD, SIZES, floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::ops::{ArgReduce, Op, TopK};

fn largest(count: usize) -> TopK {
    TopK { axis: 1, count, largest: true }
}

fn smallest(count: usize) -> TopK {
    TopK { largest: false, ..largest(count) }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for largest in [false, true] {
        let top = |axis, count| TopK { axis, count, largest };
        for size in SIZES {
            for count in [1, size / 2, size] {
                cases.push(Case::new(format!("{size}"), top(1, count)).input(random(&[9, size, 3], 1)));
                // Few values, so that most are equal.
                cases.push(Case::new("ties", top(1, count)).input(ints_by(&[9, size], |at| (at * 7 % 5) as i32 - 2)));
            }
        }
        for axis in 1..4 {
            cases.push(Case::new("rank 4", top(axis, 2)).input(random(&[3, 2, 5, 70], 2)));
        }
        for turn in 0..AWKWARD.len() {
            let mut values = AWKWARD;
            values.rotate_left(turn);
            cases.push(Case::new("awkward", top(1, 10)).input(floats(&[1, 10], &values)));
        }
        cases.push(Case::new("extremes", top(1, 5)).input(ints(&[1, 5], &[0, i32::MIN, i32::MAX, -1, i32::MIN])));
        cases.push(Case::new("awkward and long", top(1, 100)).input(floats_by(&[3, 300], |at| AWKWARD[at * 7 % 10])));
        cases.push(Case::new("unbatched", top(0, 3)).constant(random(&[5, 3], 3)));
        cases.push(Case::new("none", top(1, 0)).input(random(&[2, 3], 3)));
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let case = |operator: TopK, values: &[f32], best: &[f32], positions: &[i32]| {
        let case = Case::new("by hand", operator).input(floats(&[1, values.len()], values));
        case.gives(floats(&[1, operator.count], best)).gives(ints(&[1, operator.count], positions))
    };
    vec![
        case(largest(3), &[1.0, 3.0, 3.0, 2.0, 3.0], &[3.0, 3.0, 3.0], &[1, 2, 4]),
        case(smallest(5), &[1.0, 3.0, 3.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 3.0, 3.0], &[0, 3, 1, 2, 4]),
        case(largest(2), &[-0.0, 0.0], &[-0.0, 0.0], &[0, 1]),
        case(smallest(2), &[0.0, -0.0], &[0.0, -0.0], &[0, 1]),
        case(largest(4), &[nan, -inf, nan, inf], &[inf, -inf, nan, nan], &[3, 1, 0, 2]),
        case(smallest(4), &[nan, inf, nan, -inf], &[-inf, inf, nan, nan], &[3, 1, 0, 2]),
        Case::new("columns", largest(1))
            .input(ints(&[1, 2, 2], &[1, 8, 5, 2]))
            .gives(ints(&[1, 1, 2], &[5, 8]))
            .gives(ints(&[1, 1, 2], &[1, 0])),
    ]
}

checks!(cases);

/// A number for each position in an unpredictable order: all different, or with many equal ones.
fn scattered(shape: &[usize], different: usize) -> tfjs_wgpu::Tensor {
    floats_by(shape, |at| (at as u64 * 2_654_435_761 % 1_000_003) as f32 % different as f32)
}

/// Lines of one block and of several, with small and large counts, and with the best elements first, last and anywhere.
fn long_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [1023, 1024, 1025, 4096, 4097, 16_384, 16_385, 20_000] {
        for count in [1, 10, 128, 511, 512, 513, 1000] {
            let x = scattered(&[2, size], 3000);
            cases.push(Case::new(format!("{size}"), largest(count)).input(x));
        }
        cases.push(Case::new("all", smallest(size)).input(scattered(&[2, size], 3000)));
        cases.push(Case::new("rising", largest(100)).input(floats_by(&[2, size], |at| at as f32)));
        cases.push(Case::new("falling", largest(512)).input(floats_by(&[2, size], |at| -(at as f32))));
        cases.push(Case::new("equal", largest(512)).input(floats_by(&[2, size], |_| 1.0)));
    }
    let many = ints_by(&[2, 1100, 3, 2], |at| (at * 7919 % 4001) as i32);
    cases.push(Case::new("runs of columns", TopK { axis: 1, ..smallest(1100) }).input(many));
    cases.push(Case::new("lists of columns", largest(20)).input(scattered(&[3, 40_000, 2], 1 << 20)));
    cases.push(Case::new("one row", largest(20)).input(scattered(&[1, 5000], 3000)));
    for (shape, axis, count) in
        [([40_000, 1], 0, 5), ([40_000, 2], 0, 512), ([3, 5000], 1, 600), ([5000, 3], 0, 4999), ([2, 40_000], 1, 1)]
    {
        let x = scattered(&shape, 3000);
        cases.push(Case::new("unbatched", TopK { axis, ..smallest(count) }).constant(x));
    }
    cases
}

#[test]
fn long_lines_match_the_reference_on_the_cpu() {
    crate::case::check_plain(&long_cases());
    crate::case::check_cpu(&long_cases());
}

#[test]
fn long_lines_match_the_reference_on_the_gpu() {
    check_gpu_with(&long_cases(), LimitsPreset::ALL[0]);
}

fn catalogue() -> [Case; 3] {
    [1, 10, 128].map(|count| Case::new("catalogue", largest(count)).input(scattered(&[1, 1_000_000], 1 << 20)))
}

#[test]
fn a_catalogue_matches_the_reference_on_the_cpu() {
    crate::case::check_cpu(&catalogue());
}

#[test]
fn a_catalogue_matches_the_reference_on_the_gpu() {
    check_gpu_with(&catalogue(), LimitsPreset::ALL[0]);
}

/// The first element is the one that [`ArgReduce`] finds.
#[test]
fn the_first_element_is_the_extreme() {
    for is_largest in [false, true] {
        for turn in 0..AWKWARD.len() {
            let mut values = AWKWARD;
            values.rotate_left(turn);
            let x = floats(&[1, 10], &values);
            let top: Op = TopK { largest: is_largest, ..largest(1) }.into();
            let found: Op = ArgReduce { axis: 1, largest: is_largest }.into();
            let top = top.operator().eval(&[&x]).expect("an answer").remove(1);
            let found = found.operator().answer(&[&x]).expect("an answer");
            assert_eq!(top.as_i32().expect("positions"), found.as_i32().expect("a position"));
        }
    }
}

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(TopK { axis: 0, ..largest(1) }, &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(largest(4), &["float32[N, 3]"], "axis 1 of float32[N, 3] has no best 4");
    refuses(largest(1), &["bool[N, 3]"], "takes float32 or int32 and not bool[N, 3]");
    refuses(largest(1), &[], "takes 1 inputs, not 0");
}
