use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, random};
use tfjs_wgpu::internals::ops::{Convolution, Function, Padding, Window};

fn over(inputs: &[usize], taps: &[usize], stride: usize, dilation: usize, padding: Padding) -> Vec<Window> {
    let window = |(&input, &size)| Window::over(input, size, stride, dilation, padding).expect("windows");
    inputs.iter().zip(taps).map(window).collect()
}

fn linear(windows: Vec<Window>) -> Convolution {
    Convolution { windows, activation: None }
}

/// A convolution of random numbers, in batches of 1 and 3.
fn random_cases(
    cases: &mut Vec<Case>,
    name: &str,
    windows: &[Window],
    inputs: &[usize],
    depth: [usize; 2],
    units: usize,
) {
    let [channels, depth] = depth;
    let taps: Vec<usize> = windows.iter().map(|window| window.size).collect();
    for (batch, activation) in [(1, None), (3, Some(Function::Tanh))] {
        let case = Case::new(format!("{name}, batch {batch}"), Convolution { windows: windows.to_vec(), activation });
        let case = case.input(random(&[&[batch], inputs, &[channels]].concat(), 1));
        let case = case.constant(random(&[&taps[..], &[depth, units]].concat(), 2));
        cases.push(case.constant(random(&[units], 3)));
    }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (units, depth) in [(1, [3, 3]), (4, [3, 3]), (5, [4, 4]), (8, [1, 1]), (4, [4, 1]), (8, [4, 2]), (6, [3, 1])] {
        let name = format!("{depth:?} channels, {units} units");
        for padding in [Padding::Valid, Padding::Same, Padding::SameCentred] {
            let windows = over(&[7, 6], &[3, 2], 2, 1, padding);
            random_cases(&mut cases, &format!("{name}, {padding:?}"), &windows, &[7, 6], depth, units);
        }
        let windows = over(&[9], &[3], 1, 3, Padding::Causal);
        random_cases(&mut cases, &format!("{name}, causal"), &windows, &[9], depth, units);
        let windows = over(&[3, 4, 5], &[2, 1, 3], 1, 2, Padding::Same);
        random_cases(&mut cases, &format!("{name}, three dimensions"), &windows, &[3, 4, 5], depth, units);
    }
    for padding in [Padding::Valid, Padding::Same, Padding::SameCentred] {
        for (size, stride, output) in [(3, 2, 8), (3, 2, 9), (1, 3, 12), (4, 1, 4)] {
            let Some(window) = Window::transposed(4, output, size, stride, 1, padding) else { continue };
            let name = format!("transposed to {output} by {stride}, {size} taps, {padding:?}");
            random_cases(&mut cases, &name, &[window, window], &[4, 4], [2, 2], 4);
        }
    }
    // More products than a workgroup has invocations, and more rows than the CPU gathers at a time.
    random_cases(&mut cases, "wide", &over(&[70], &[65], 1, 1, Padding::Same), &[70], [9, 9], 12);
    let windows = over(&[5, 5], &[9, 9], 1, 1, Padding::Same);
    random_cases(&mut cases, "windows larger than the input", &windows, &[5, 5], [2, 2], 3);
    cases.extend(lanes());
    cases
}

/// Numbers of channels and units close to multiples of the lanes and panels of CPUs, and of positions close to those of
/// their tiles; activations that are applied in registers, and others.
fn lanes() -> Vec<Case> {
    let mut cases = Vec::new();
    let extents = [(1, [3, 3]), (16, [5, 5]), (17, [16, 16]), (33, [8, 8]), (65, [3, 3]), (70, [17, 17])];
    let groups = [(20, [12, 3]), (34, [2, 1]), (9, [3, 1]), (16, [32, 4]), (5, [5, 1]), (16, [16, 1]), (17, [17, 1])];
    let depthwise = [(31, [31, 1]), (33, [33, 1]), (40, [40, 1]), (70, [70, 1])];
    for (units, depth) in extents.into_iter().chain(groups).chain(depthwise) {
        for (stride, dilation) in [(1, 1), (2, 1), (1, 2)] {
            let windows = over(&[9, 5], &[3, 3], stride, dilation, Padding::Same);
            let name = format!("{depth:?} channels, {units} units, by {stride}, {dilation} apart");
            random_cases(&mut cases, &name, &windows, &[9, 5], depth, units);
        }
        let window = Window::transposed(4, 9, 3, 2, 1, Padding::Valid).expect("windows");
        random_cases(
            &mut cases,
            &format!("{depth:?} channels, {units} units, transposed"),
            &[window],
            &[4],
            depth,
            units,
        );
        let windows = over(&[5, 7], &[1, 1], 2, 1, Padding::Valid);
        random_cases(&mut cases, &format!("{depth:?} channels, {units} units, 1 × 1"), &windows, &[5, 7], depth, units);
        let windows = over(&[4, 5], &[2, 3], 1, 1, Padding::Same);
        for function in [Function::RELU, Function::relu(Some(0.5), 0.0, 0.0), Function::relu(None, 0.25, -0.5)] {
            let op = Convolution { windows: windows.clone(), activation: Some(function) };
            let case = Case::new(format!("{depth:?} channels, {units} units, {function:?}"), op);
            let case = case.input(random(&[2, 4, 5, depth[0]], 1)).constant(random(&[2, 3, depth[1], units], 2));
            cases.push(case.constant(random(&[units], 3)));
        }
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let counting = |shape: &[usize]| floats_by(shape, |index| (index + 1) as f32);
    let sum_of_two = |padding, stride| linear(over(&[4], &[2], stride, 1, padding));
    let case = |name: &str, op: Convolution| {
        Case::new(name, op).input(counting(&[1, 4, 1])).constant(floats(&[2, 1, 1], &[1.0, 10.0]))
    };
    let transposed = |padding, output| {
        let window = Window::transposed(2, output, 3, 2, 1, padding).expect("a window");
        let case = Case::new(format!("transposed, {padding:?}"), linear(vec![window]));
        case.input(floats(&[1, 2, 1], &[1.0, 10.0])).constant(floats(&[3, 1, 1], &[3.0, 2.0, 1.0]))
    };
    let zero = || floats(&[1], &[0.0]);
    vec![
        case("neighbours", sum_of_two(Padding::Valid, 1))
            .constant(zero())
            .gives(floats(&[1, 3, 1], &[21.0, 32.0, 43.0])),
        case("same", sum_of_two(Padding::Same, 1)).constant(zero()).gives(floats(&[1, 4, 1], &[21.0, 32.0, 43.0, 4.0])),
        case("causal", sum_of_two(Padding::Causal, 1))
            .constant(floats(&[1], &[0.5]))
            .gives(floats(&[1, 4, 1], &[10.5, 21.5, 32.5, 43.5])),
        case("every other", sum_of_two(Padding::Valid, 2)).constant(zero()).gives(floats(&[1, 2, 1], &[21.0, 43.0])),
        case("relu", Convolution { activation: Some(Function::RELU), ..sum_of_two(Padding::Valid, 1) })
            .constant(floats(&[1], &[-32.0]))
            .gives(floats(&[1, 3, 1], &[0.0, 0.0, 11.0])),
        // The taps 1, 2, 3 of each position, two apart: 1 2 3 · ·, · · 10 20 30.
        transposed(Padding::Valid, 5).constant(zero()).gives(floats(&[1, 5, 1], &[1.0, 2.0, 13.0, 20.0, 30.0])),
        transposed(Padding::Same, 4).constant(zero()).gives(floats(&[1, 4, 1], &[1.0, 2.0, 13.0, 20.0])),
        Case::new("groups", linear(over(&[1, 1], &[1, 1], 1, 1, Padding::Valid)))
            .input(floats(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]))
            .constant(floats(&[1, 1, 2, 2], &[1.0, 1.0, 10.0, 10.0]))
            .constant(floats(&[2], &[0.0, 0.0]))
            .gives(floats(&[1, 1, 1, 2], &[21.0, 43.0])),
        // Padding does not meet the infinite weight.
        Case::new("infinite", linear(over(&[4], &[2], 1, 1, Padding::Same)))
            .input(counting(&[1, 4, 1]))
            .constant(floats(&[2, 1, 1], &[1.0, f32::INFINITY]))
            .constant(zero())
            .gives(floats(&[1, 4, 1], &[f32::INFINITY, f32::INFINITY, f32::INFINITY, 4.0])),
        Case::new("depthwise", linear(over(&[2], &[2], 1, 1, Padding::Valid)))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .constant(floats(&[2, 1, 2], &[1.0, 10.0, 100.0, 1000.0]))
            .constant(floats(&[2], &[0.0, 0.5]))
            .gives(floats(&[1, 1, 2], &[301.0, 4020.5])),
    ]
}

checks!(cases);

#[test]
fn windows_are_those_of_tensorflow() {
    let over =
        |input, size, stride, padding| Window::over(input, size, stride, 1, padding).map(|w| (w.before, w.count));
    assert_eq!(over(5, 2, 2, Padding::Valid), Some((0, 2)));
    assert_eq!(over(5, 3, 2, Padding::Same), Some((1, 3)));
    assert_eq!(over(4, 3, 2, Padding::Same), Some((0, 2)));
    assert_eq!(over(4, 1, 2, Padding::Same), Some((0, 2)));
    assert_eq!(over(4, 1, 2, Padding::SameCentred), Some((-1, 2)));
    assert_eq!(over(2, 3, 1, Padding::Valid), None);
    for size in [0, usize::MAX, 1 << 40] {
        let refused =
            [Padding::Valid, Padding::Same, Padding::Causal].map(|padding| Window::over(5, size, 1, 1 << 40, padding));
        assert!(refused.into_iter().flatten().all(|window| window.size == size));
    }
    assert_eq!(Window::over(5, 2, 0, 1, Padding::Same), None);
    assert_eq!(Window::transposed(3, 4, 3, 2, 1, Padding::Same), None);
}

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let op = || linear(over(&[4], &[2], 1, 1, Padding::Valid));
    let x = "float32[N, 4, 6]";
    for (kernel, bias) in [
        ("float32[3, 6, 2]", "float32[2]"),
        ("float32[2, 4, 2]", "float32[2]"),
        ("float32[2, 0, 2]", "float32[2]"),
        ("float32[2, 3, 5]", "float32[5]"),
        ("float32[2, 6, 2]", "float32[3]"),
        ("float32[2]", "float32[2]"),
    ] {
        refuses(op(), &[x, kernel, bias], &format!("input {x}, kernel {kernel} and bias {bias} do not fit"));
    }
    refuses(op(), &["float32[N, 4]", "float32[2, 6, 2]", "float32[2]"], "1 windows do not go over float32[N, 4]");
    refuses(op(), &["float32[2, 4, 6]", "float32[2, 6, 2]", "float32[2]"], "do not go over float32[2, 4, 6]");
    refuses(op(), &["int32[N, 4, 6]", "float32[2, 6, 2]", "float32[2]"], "takes float32 and not int32[N, 4, 6]");
    let far = Window { stride: 1 << 40, ..over(&[4], &[2], 1, 1, Padding::Valid)[0] };
    refuses(linear(vec![far]), &[x, "float32[2, 6, 2]", "float32[2]"], "does not go over float32[N, 4, 6]");
}
