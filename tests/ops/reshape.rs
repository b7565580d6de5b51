use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools_by, floats, ints_by, random};
use tfjs_wgpu::internals::ops::Reshape;

fn reshape(sample: &[usize]) -> Reshape {
    Reshape { sample: sample.to_vec() }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("flatten", reshape(&[6]))
            .input(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .gives(floats(&[1, 6], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        Case::new("to a scalar each", reshape(&[]))
            .input(floats(&[3, 1], &[1.0, 2.0, 3.0]))
            .gives(floats(&[3], &[1.0, 2.0, 3.0])),
        Case::new("expand", reshape(&[1, 5, 1])).input(random(&[67, 5], 1)),
        Case::new("ids", reshape(&[7, 9])).input(ints_by(&[3, 63], |index| index as i32 - 90)),
        Case::new("bools", reshape(&[65])).input(bools_by(&[3, 5, 13], |index| index % 3 == 0)),
        Case::new("awkward values", reshape(&[2, 5])).input(floats(&[1, 10], &AWKWARD)),
        Case::new("rank 5", reshape(&[7, 5, 3, 2])).input(random(&[3, 2, 3, 5, 7], 2)),
        Case::new("nothing", reshape(&[5, 0])).input(floats(&[3, 0], &[])),
    ];
    for width in [1, 63, 64, 65, 129] {
        cases.push(Case::new(format!("{width} wide"), reshape(&[width, 1])).input(random(&[67, width], 3)));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(reshape(&[5]), &["float32[N, 2, 3]"], "[N, 2, 3] has 6 elements a sample, [N, 5] has 5");
    refuses(reshape(&[6]), &["float32[2, 3]"], "reshapes samples of a batch, not float32[2, 3]");
    refuses(reshape(&[6]), &[], "takes 1 inputs, not 0");
    // A product that overflows, as in a hostile file.
    refuses(reshape(&[usize::MAX, 3]), &["float32[N, 3]"], "more elements than memory can hold");
    refuses(reshape(&[1 << 63, 2]), &["float32[N, 0]"], "more elements than memory can hold");
}
