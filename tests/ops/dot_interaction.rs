use crate::case::{Case, checks, refuses};
use crate::values::{floats, random};
use tfjs_wgpu::internals::ops::DotInteraction;

fn square(keep: usize) -> DotInteraction {
    DotInteraction { keep, triangle: false }
}

fn cases() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let mut cases = vec![
        Case::new("by hand", square(1))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .gives(floats(&[1, 6], &[1.0, 2.0, 5.0, 11.0, 11.0, 25.0])),
        Case::new("a triangle", DotInteraction { keep: 1, triangle: true })
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .gives(floats(&[1, 5], &[1.0, 2.0, 5.0, 11.0, 25.0])),
        Case::new("products alone", square(0))
            .input(floats(&[2, 1, 2], &[1.0, 2.0, 3.0, -4.0]))
            .gives(floats(&[2, 1], &[5.0, 25.0])),
        Case::new("infinities and NaN", square(2))
            .input(floats(&[2, 2, 1], &[inf, 0.0, nan, 1.0]))
            .gives(floats(&[2, 6], &[inf, 0.0, inf, nan, nan, 0.0, nan, 1.0, nan, nan, nan, 1.0])),
    ];
    for (vectors, dim, keep) in [(1, 1, 1), (2, 65, 0), (7, 8, 3), (27, 16, 1), (9, 7, 9), (4, 3, 2), (8, 5, 1)] {
        for batch in [1, 3, 67] {
            for triangle in [false, true] {
                let case = Case::new(format!("[{batch}, {vectors}, {dim}]"), DotInteraction { keep, triangle });
                cases.push(case.input(random(&[batch, vectors, dim], 1)));
            }
        }
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(square(1), &["float32[N, 3]"], "takes vectors [N, F, D]");
    refuses(square(3), &["float32[N, 2, 4]"], "has not 3 vectors");
    refuses(square(0), &["float32[N, 2, 0]"], "has not 1 vectors of a dimension");
}
