use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, ROWS, SIZES, floats, floats_by, random};
use tfjs_wgpu::internals::ops::Softmax;

fn softmax(axis: usize) -> Softmax {
    Softmax { axis, log: false }
}

fn log_softmax(axis: usize) -> Softmax {
    Softmax { axis, log: true }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for op in [softmax, log_softmax] {
        let case = |name: String, axis| Case::new(format!("{name}, log {}", op(1).log), op(axis));
        for size in SIZES.into_iter().chain([4, 260, 10_000, 10_007]) {
            let batch = if size > 129 { 3 } else { 67 };
            cases.push(case(format!("{size} wide"), 1).input(random(&[batch, size], 1)));
        }
        for (shape, axis) in ROWS {
            cases.push(case(format!("{shape:?}, axis {axis}"), axis).input(random(shape, 3)));
        }
        for axis in 1..5 {
            cases.push(case(format!("rank 5, axis {axis}"), axis).input(random(&[3, 2, 65, 3, 5], 2)));
        }
        // Without the shift by the largest, e^1000 would overflow, and e^-1000 would leave 0/0.
        cases.push(case("large".into(), 1).input(floats_by(&[3, 129], |index| 1000.0 - (index % 129) as f32 / 8.0)));
        cases.push(case("small".into(), 1).input(floats_by(&[3, 129], |index| -1000.0 + (index % 129) as f32 / 8.0)));
        cases.push(case("awkward".into(), 2).input(floats(&[1, 10, 1], &AWKWARD)));
        cases.push(case("awkward pairs".into(), 2).input(floats(&[1, 5, 2], &AWKWARD)));
        for (size, odd) in [129, 132].into_iter().flat_map(|size| [(size, f32::NAN), (size, f32::INFINITY)]) {
            cases.push(case(format!("one {odd} among {size}"), 1).input(one_among(size, odd)));
        }
        cases.push(case("no elements".into(), 1).input(floats(&[3, 0], &[])));
    }
    cases
}

/// Three rows of small numbers; the middle one has `value` as its last element.
fn one_among(size: usize, value: f32) -> tfjs_wgpu::Tensor {
    floats_by(&[3, size], |index| if index == 2 * size - 1 { value } else { (index % 7) as f32 })
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    // ln 2, so that the exponentials are 1 and 2.
    let ln2 = std::f32::consts::LN_2;
    vec![
        Case::new("by hand", softmax(1))
            .input(floats(&[3, 2], &[0.0, ln2, ln2, 0.0, 5.0, 5.0]))
            .gives(floats(&[3, 2], &[0.333_333_34, 0.666_666_7, 0.666_666_7, 0.333_333_34, 0.5, 0.5])),
        Case::new("columns", softmax(1))
            .input(floats(&[1, 2, 2], &[0.0, ln2, ln2, ln2]))
            .gives(floats(&[1, 2, 2], &[0.333_333_34, 0.5, 0.666_666_7, 0.5])),
        // e^0 + e^1 + e^2 = 11.107 338; ln of it 2.407 605 9.
        Case::new("log by hand", log_softmax(1))
            .input(floats(&[1, 3], &[0.0, 1.0, 2.0]))
            .gives(floats(&[1, 3], &[-2.407_606, -1.407_606, -0.407_605_97])),
        Case::new("equal values", softmax(1)).input(floats(&[3, 5], &[7.0; 15])).gives(floats(&[3, 5], &[0.2; 15])),
        Case::new("one element", softmax(1))
            .input(floats(&[3, 1], &[-9.0, 0.0, 9.0]))
            .gives(floats(&[3, 1], &[1.0; 3])),
        Case::new("one element, log", log_softmax(1))
            .input(floats(&[3, 1], &[-9.0, 0.0, 9.0]))
            .gives(floats(&[3, 1], &[0.0; 3])),
        Case::new("far apart", softmax(1)).input(floats(&[1, 2], &[1e30, -1e30])).gives(floats(&[1, 2], &[1.0, 0.0])),
        Case::new("infinities and NaN", softmax(1))
            .input(floats(&[3, 2], &[-inf, 0.0, -inf, -inf, nan, 0.0]))
            .gives(floats(&[3, 2], &[0.0, 1.0, nan, nan, nan, nan])),
        Case::new("infinities and NaN in quads", softmax(1))
            .input(floats(&[3, 4], &[-inf, 0.0, -inf, -inf, -inf, -inf, -inf, -inf, 0.0, 0.0, nan, 0.0]))
            .gives(floats(&[3, 4], &[0.0, 1.0, 0.0, 0.0, nan, nan, nan, nan, nan, nan, nan, nan])),
        Case::new("a masked score, log", log_softmax(1))
            .input(floats(&[3, 2], &[-inf, 0.0, inf, 0.0, nan, 0.0]))
            .gives(floats(&[3, 2], &[-inf, 0.0, nan, nan, nan, nan])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(softmax(0), &["float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(softmax(2), &["float32[N, 3]"], "axis 2 is not a dimension of a sample in [N, 3]");
    refuses(softmax(1), &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
    refuses(softmax(1), &[], "takes 1 inputs, not 0");
}
