use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, random};
use tfjs_wgpu::ops::Dense;

fn case(name: impl Into<String>) -> Case {
    Case::new(name, Dense)
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (depth, units) in [(1, 1), (1, 65), (63, 64), (64, 63), (65, 1), (129, 31), (7, 129), (1009, 3)] {
        for batch in [1, 3, 67] {
            let case = case(format!("[{batch}, {depth}] x [{depth}, {units}]"));
            let case = case.input(random(&[batch, depth], 1)).constant(random(&[depth, units], 2));
            cases.push(case.constant(random(&[units], 3)));
        }
    }
    let x = random(&[3, 5, 2, 3, 7], 4);
    cases.push(case("rank 5").input(x).constant(random(&[7, 5], 5)).constant(random(&[5], 6)));
    // Terms of 1e6 that cancel: the error may be large against the sum, but not against the terms.
    let large = floats_by(&[3, 64], |index| if index % 2 == 0 { 1e6 } else { -1e6 } + index as f32);
    cases.push(case("cancelling").input(large).constant(floats(&[64, 1], &[1.0; 64])).constant(floats(&[1], &[0.5])));
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    // Σ (k + 1) · (u + 1) = (u + 1) · K · (K + 1) / 2, and the unit's bias.
    let closed = |depth: usize, units: usize| {
        let total = (depth * (depth + 1) / 2) as f32;
        case(format!("counted, [{depth}, {units}]"))
            .input(floats_by(&[3, depth], |index| (index % depth + 1) as f32))
            .constant(floats_by(&[depth, units], |index| (index % units + 1) as f32))
            .constant(floats_by(&[units], |unit| -(unit as f32)))
            .gives(floats_by(&[3, units], |index| (index % units + 1) as f32 * total - (index % units) as f32))
    };
    vec![
        closed(1, 1),
        closed(64, 65),
        closed(101, 7),
        case("by hand")
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .constant(floats(&[2, 3], &[1.0, 0.0, -1.0, 0.0, 1.0, 0.5]))
            .constant(floats(&[3], &[10.0, 20.0, 30.0]))
            .gives(floats(&[1, 2, 3], &[11.0, 22.0, 30.0, 13.0, 24.0, 29.0])),
        case("infinities and NaN")
            .input(floats(&[3, 2], &[inf, 1.0, inf, -inf, nan, 0.0]))
            .constant(floats(&[2, 1], &[1.0, 1.0]))
            .constant(floats(&[1], &[0.0]))
            .gives(floats(&[3, 1], &[inf, nan, nan])),
        case("an infinite weight times zero")
            .input(floats(&[1, 1], &[0.0]))
            .constant(floats(&[1, 2], &[inf, 5.0]))
            .constant(floats(&[2], &[0.0, 1.0]))
            .gives(floats(&[1, 2], &[nan, 1.0])),
        case("depth 0")
            .input(floats(&[3, 0], &[]))
            .constant(floats(&[0, 2], &[]))
            .constant(floats(&[2], &[1.0, 2.0]))
            .gives(floats(&[3, 2], &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])),
    ]
}

checks!(cases);

#[test]
fn what_does_not_fit_is_refused() {
    let fit = |x: &str, kernel: &str, bias: &str| {
        refuses(Dense, &[x, kernel, bias], &format!("input {x}, kernel {kernel} and bias {bias} do not fit"));
    };
    fit("float32[N, 3]", "float32[4, 2]", "float32[2]");
    fit("float32[N, 3]", "float32[3, 2]", "float32[3]");
    fit("float32[N]", "float32[3, 2]", "float32[2]");
    refuses(
        Dense,
        &["float32[N, 3]", "float32[3]", "float32[2]"],
        "kernel float32[3] and bias float32[2] are not a matrix",
    );
    refuses(Dense, &["float32[]", "float32[3, 2]", "float32[2]"], "a scalar has no last dimension");
    refuses(Dense, &["int32[N, 3]", "float32[3, 2]", "float32[2]"], "takes float32 and not int32[N, 3]");
    refuses(Dense, &["float32[N, 3]", "float32[3, 2]"], "takes 3 inputs, not 2");
}
