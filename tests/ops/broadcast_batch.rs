use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, floats, ints, random};
use tfjs_wgpu::internals::ops::BroadcastBatch;

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("by hand", BroadcastBatch)
            .shared(floats(&[1, 2], &[1.0, 2.0]))
            .input(random(&[3, 1], 1))
            .gives(floats(&[3, 2], &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])),
        Case::new("ids", BroadcastBatch).shared(ints(&[1, 1], &[i32::MIN])).input(random(&[2, 1], 1)),
        Case::new("bools", BroadcastBatch).shared(bools(&[1, 2], &[true, false])).input(random(&[2, 3], 1)),
        Case::new("awkward values", BroadcastBatch).shared(floats(&[1, 10], &AWKWARD)).input(random(&[7, 2], 1)),
        Case::new("a weight", BroadcastBatch)
            .constant(floats(&[1, 2], &[1.0, 2.0]))
            .input(random(&[3, 1], 1))
            .gives(floats(&[3, 2], &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])),
        Case::new("rank 4", BroadcastBatch).shared(random(&[1, 2, 3, 5], 2)).input(random(&[3, 1], 1)),
        Case::new("nothing", BroadcastBatch).shared(floats(&[1, 0], &[])).input(random(&[3, 1], 1)),
    ];
    for width in [1, 63, 64, 65, 129] {
        for batch in [1, 3, 67] {
            let case = Case::new(format!("[{batch}, {width}]"), BroadcastBatch);
            cases.push(case.shared(random(&[1, width], 3)).input(random(&[batch, 1], 4)));
        }
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(BroadcastBatch, &["float32[S, 2]", "float32[S, 1]"], "which takes a shared and a batched value");
    refuses(BroadcastBatch, &["float32[N, 2]", "float32[N, 1]"], "which takes a shared and a batched value");
    refuses(BroadcastBatch, &["float32[2, 2]", "float32[N, 1]"], "which takes a shared and a batched value");
    refuses(BroadcastBatch, &["float32[1, 2]", "float32[2, 1]"], "which takes a shared and a batched value");
    refuses(BroadcastBatch, &["float32[S, 2]"], "takes 2 inputs, not 1");
}
