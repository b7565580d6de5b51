use crate::case::{Case, checks, refuses};
use crate::values::{floats, random};
use tfjs_wgpu::internals::ops::{Resize, Sampling};

fn centred(axis: usize, input: usize, count: usize, linear: bool) -> Resize {
    Resize { axis, count, sampling: Sampling::centred(input, count, linear).expect("few positions"), linear }
}

fn leading(axis: usize, input: usize, count: usize, linear: bool) -> Resize {
    Resize { axis, count, sampling: Sampling::leading(input, count), linear }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (axis, input) in [(1, 65), (2, 7), (3, 5)] {
        for count in [1, 3, 7, 64, 130] {
            for linear in [false, true] {
                for (batch, op) in [(1, centred(axis, input, count, linear)), (3, leading(axis, input, count, linear))]
                {
                    cases.push(Case::new(format!("batch {batch}"), op).input(random(&[batch, 65, 7, 5], 1)));
                }
            }
        }
    }
    let sampling = Sampling { slope: 3, offset: -17, divisor: 5 };
    let op = Resize { axis: 1, count: 20, sampling, linear: true };
    cases.push(Case::new("far outside", op).input(random(&[3, 4, 2], 2)));
    cases
}

fn by_hand() -> Vec<Case> {
    let case = |name: &str, op: Resize| Case::new(name, op).input(floats(&[1, 2, 1], &[0.0, 12.0]));
    vec![
        case("twice", leading(1, 2, 4, false)).gives(floats(&[1, 4, 1], &[0.0, 0.0, 12.0, 12.0])),
        case("nearest of three", centred(1, 2, 3, false)).gives(floats(&[1, 3, 1], &[0.0, 12.0, 12.0])),
        // At −1/4, 1/4, 3/4 and 5/4.
        case("between centres", centred(1, 2, 4, true)).gives(floats(&[1, 4, 1], &[0.0, 3.0, 9.0, 12.0])),
        // At 0, 1/2, 1 and 3/2.
        case("between edges", leading(1, 2, 4, true)).gives(floats(&[1, 4, 1], &[0.0, 6.0, 12.0, 12.0])),
        case("the middle", centred(1, 2, 1, true)).gives(floats(&[1, 1, 1], &[6.0])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let fragment = "cannot be resized to";
    refuses(leading(1, 3, 1 << 40, false), &["float32[N, 3]"], fragment);
    refuses(leading(1, 1 << 40, 3, false), &["float32[N, 1099511627776]"], fragment);
    refuses(leading(1, 3, 0, false), &["float32[N, 3]"], fragment);
    refuses(leading(1, 0, 3, false), &["float32[N, 0]"], fragment);
    refuses(leading(0, 3, 3, false), &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(leading(1, 3, 3, false), &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
    assert_eq!(Sampling::centred(usize::MAX, 3, false), None);
}
