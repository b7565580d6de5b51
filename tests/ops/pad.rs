use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools_by, floats, ints, random};
use tfjs_wgpu::internals::ops::Pad;

fn pad(around: &[[usize; 2]]) -> Pad {
    Pad { around: around.to_vec() }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("around a row", pad(&[[1, 2]]))
            .input(ints(&[2, 2], &[1, 2, 3, 4]))
            .gives(ints(&[2, 5], &[0, 1, 2, 0, 0, 0, 3, 4, 0, 0])),
        Case::new("around a square", pad(&[[1, 0], [0, 1]]))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .gives(floats(&[1, 3, 3], &[0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0])),
        Case::new("bools", pad(&[[2, 1], [0, 0]])).input(bools_by(&[3, 5, 3], |index| index % 2 == 0)),
        Case::new("awkward values", pad(&[[3, 3]])).input(floats(&[1, 10], &AWKWARD)),
        Case::new("nothing", pad(&[[2, 1]])).input(floats(&[3, 0], &[])),
    ];
    for batch in [1, 3] {
        for around in [[[1, 1], [0, 2], [0, 0]], [[0, 0], [3, 0], [1, 65]], [[0, 0], [0, 0], [0, 0]]] {
            let name = format!("{around:?}, batch {batch}");
            cases.push(Case::new(name, pad(&around)).input(random(&[batch, 4, 3, 7], 1)));
        }
    }
    let deep = pad(&[[1, 0], [0, 1], [1, 1], [0, 0], [2, 0], [0, 0], [0, 1]]);
    cases.push(Case::new("rank 8", deep).input(random(&[2, 1, 2, 1, 3, 1, 2, 2], 2)));
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(pad(&[[1, 1]]), &["float32[N, 2, 3]"], "float32[N, 2, 3] does not take padding of [[1, 1]]");
    refuses(pad(&[[1, 1]]), &["float32[2]"], "float32[2] does not take padding");
    refuses(pad(&[[usize::MAX, 1]]), &["float32[N, 2]"], "does not take padding");
    refuses(pad(&[[1 << 40, 1]]), &["float32[N, 2]"], "does not take padding");
}
