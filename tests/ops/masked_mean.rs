use crate::case::{Case, checks, refuses};
use crate::values::{bools, bools_by, floats, random};
use tfjs_wgpu::internals::ops::MaskedMean;

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (steps, width) in [(1, 1), (63, 1), (50, 4), (64, 65), (65, 64), (7, 129), (300, 12)] {
        for batch in [1, 3, 67] {
            // Every fifth row is masked entirely.
            let mask = bools_by(&[batch, steps], |index| index / steps % 5 != 4 && index % 3 != 1);
            let case = Case::new(format!("[{batch}, {steps}, {width}]"), MaskedMean);
            cases.push(case.input(random(&[batch, steps, width], 1)).input(mask));
        }
    }
    let mask = bools_by(&[3, 5], |index| index % 2 == 0);
    cases.push(Case::new("rank 5", MaskedMean).input(random(&[3, 5, 2, 3, 7], 2)).input(mask));
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    vec![
        Case::new("by hand", MaskedMean)
            .input(floats(&[1, 3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 9.0]))
            .input(bools(&[1, 3], &[true, false, true]))
            .gives(floats(&[1, 2], &[3.0, 5.5])),
        Case::new("all, one, none", MaskedMean)
            .input(floats(&[3, 2, 1], &[1.0, 3.0, 1.0, 3.0, 1.0, 3.0]))
            .input(bools(&[3, 2], &[true, true, false, true, false, false]))
            .gives(floats(&[3, 1], &[2.0, 3.0, nan])),
        Case::new("no steps", MaskedMean)
            .input(floats(&[3, 0, 4], &[]))
            .input(bools(&[3, 0], &[]))
            .gives(floats(&[3, 4], &[nan; 12])),
        Case::new("hidden infinities in quads", MaskedMean)
            .input(floats(
                &[2, 2, 4],
                &[1.0, 2.0, 3.0, 4.0, nan, inf, -inf, 0.0, inf, nan, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0],
            ))
            .input(bools(&[2, 2], &[true, false, false, false]))
            .gives(floats(&[2, 4], &[1.0, 2.0, 3.0, 4.0, nan, nan, nan, nan])),
        // Masked values do not count, not even as NaN times zero.
        Case::new("hidden infinities", MaskedMean)
            .input(floats(&[3, 2, 1], &[1.0, nan, inf, 3.0, 1.0, inf]))
            .input(bools(&[3, 2], &[true, false, false, true, true, true]))
            .gives(floats(&[3, 1], &[1.0, 3.0, inf])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let cover =
        |x: &str, mask: &str| refuses(MaskedMean, &[x, mask], &format!("mask {mask} does not cover the steps of {x}"));
    cover("float32[N, 3, 2]", "bool[N, 2]");
    cover("float32[N, 3]", "bool[N, 3]");
    cover("float32[N, 3, 2]", "bool[3]");
    cover("float32[4, 3, 2]", "bool[N, 3]");
    cover("float32[N, 3, 2]", "bool[N, 3, 1]");
    refuses(MaskedMean, &["float32[N, 3, 2]", "float32[N, 3]"], "takes bool and not float32[N, 3]");
    refuses(MaskedMean, &["int32[N, 3, 2]", "bool[N, 3]"], "takes float32 and not int32[N, 3, 2]");
    refuses(MaskedMean, &["float32[N, 3, 2]"], "takes 2 inputs, not 1");
}
