use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, floats, random};
use tfjs_wgpu::internals::ops::{Padding, Pool, Reduction, Window};

const BOTH: [Reduction; 2] = [Reduction::Mean, Reduction::Maximum];

fn pool(reduction: Reduction, inputs: &[usize], size: usize, stride: usize, padding: Padding) -> Pool {
    let window = |&input: &usize| Window::over(input, size, stride, 1, padding).expect("windows");
    Pool { reduction, windows: inputs.iter().map(window).collect() }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for reduction in BOTH {
        for padding in [Padding::Valid, Padding::Same, Padding::SameCentred] {
            for inputs in [&[67][..], &[5, 7], &[3, 4, 5]] {
                for (size, stride) in [(2, 2), (3, 1), (3, 2), (1, 3)] {
                    for batch in [1, 3] {
                        let op = pool(reduction, inputs, size, stride, padding);
                        let name = format!("{size} of {inputs:?} by {stride}, {padding:?}, batch {batch}");
                        let x = random(&[&[batch], inputs, &[5]].concat(), 1);
                        cases.push(Case::new(name, op).input(x));
                    }
                }
            }
        }
        // Numbers of channels close to the lanes of CPUs.
        for channels in [1, 8, 16, 17, 33, 70] {
            let op = pool(reduction, &[7, 5], 3, 2, Padding::Same);
            cases.push(Case::new(format!("{channels} channels"), op).input(random(&[2, 7, 5, channels], 1)));
        }
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let x = || floats(&[1, 5, 1], &[1.0, 4.0, -2.0, -5.0, -7.0]);
    let case = |reduction, padding| Case::new("by hand", pool(reduction, &[5], 2, 2, padding)).input(x());
    vec![
        case(Reduction::Mean, Padding::Valid).gives(floats(&[1, 2, 1], &[2.5, -3.5])),
        case(Reduction::Maximum, Padding::Valid).gives(floats(&[1, 2, 1], &[4.0, -2.0])),
        // Padding does not contribute to the sum or to the number of elements.
        case(Reduction::Mean, Padding::Same).gives(floats(&[1, 3, 1], &[2.5, -3.5, -7.0])),
        case(Reduction::Maximum, Padding::Same).gives(floats(&[1, 3, 1], &[4.0, -2.0, -7.0])),
        Case::new("NaN and infinities", pool(Reduction::Maximum, &[10], 2, 1, Padding::Valid))
            .input(floats(&[1, 10, 1], &AWKWARD)),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let op = || pool(Reduction::Mean, &[4], 2, 2, Padding::Valid);
    refuses(op(), &["float32[N, 4]"], "1 windows do not go over float32[N, 4]");
    refuses(op(), &["int32[N, 4, 2]"], "takes float32 and not int32[N, 4, 2]");
    refuses(Pool { windows: Vec::new(), ..op() }, &["float32[N, 4]"], "0 windows do not go over float32[N, 4]");
    refuses(Pool { reduction: Reduction::Sum, ..op() }, &["float32[N, 4, 2]"], "takes the mean or the maximum");
}

/// Each size is within the limits, but the total number of positions is not.
#[test]
fn pools_over_too_many_positions_are_rejected() {
    let window = |size: usize| Window::over(4, size, size, 1, Padding::Same).expect("a window");
    let pool = Pool { reduction: Reduction::Maximum, windows: vec![window(1 << 30), window(1 << 30), window(16)] };
    refuses(pool, &["float32[N, 4, 4, 4, 2]"], "positions are beyond reason");
}
