use crate::case::{Case, checks, refuses};
use crate::values::{floats, random};
use tfjs_wgpu::internals::ops::{Function, TargetAttentionDense};

const LINEAR: TargetAttentionDense = TargetAttentionDense { activation: None };

fn cases() -> Vec<Case> {
    let mut cases = vec![
        // k·1 + q·10 + k·q·100 + (k − q)·10000 + 1000
        Case::new("by hand", LINEAR)
            .input(floats(&[1, 2, 1], &[2.0, 3.0]))
            .input(floats(&[1, 1], &[5.0]))
            .constant(floats(&[5, 1], &[1.0, 10.0, 100.0, 10_000.0, 1000.0]))
            .gives(floats(&[1, 2, 1], &[-27_948.0, -17_447.0])),
        Case::new("large and close", LINEAR)
            .input(floats(&[1, 1, 1], &[1_000_000.5]))
            .input(floats(&[1, 1], &[1_000_000.25]))
            .constant(floats(&[5, 1], &[0.0, 0.0, 0.0, 0.7, 0.0]))
            .gives(floats(&[1, 1, 1], &[0.175])),
        Case::new("shared keys", TargetAttentionDense { activation: Some(Function::RELU) })
            .shared(floats(&[1, 1, 2], &[1.0, -1.0]))
            .input(floats(&[2, 2], &[1.0, 0.0, 0.0, 1.0]))
            .constant(floats(&[9, 1], &[1.0, 2.0, 0.0, 0.0, 3.0, 5.0, 0.0, 0.0, 0.5]))
            .gives(floats(&[2, 1, 1], &[2.5, 0.0])),
        Case::new("shared keys of four units", TargetAttentionDense { activation: Some(Function::Tanh) })
            .shared(random(&[1, 6, 3], 7))
            .input(random(&[5, 3], 8))
            .constant(random(&[13, 4], 9)),
        Case::new("a shared query", LINEAR)
            .input(random(&[3, 5, 4], 1))
            .shared(random(&[1, 4], 2))
            .constant(random(&[17, 7], 3)),
    ];
    cases.push(
        Case::new("no elements", LINEAR)
            .input(floats(&[3, 2, 0], &[]))
            .input(floats(&[3, 0], &[]))
            .constant(floats(&[1, 2], &[5.0, 6.0]))
            .gives(floats(&[3, 2, 2], &[5.0, 6.0, 5.0, 6.0, 5.0, 6.0, 5.0, 6.0, 5.0, 6.0, 5.0, 6.0])),
    );
    for (steps, dim, units) in [(1, 1, 1), (4, 8, 16), (5, 7, 65), (20, 16, 33), (8, 65, 3), (3, 64, 64)] {
        for batch in [1, 3, 67] {
            let op = TargetAttentionDense { activation: (units % 2 == 1).then_some(Function::Sigmoid) };
            let case = Case::new(format!("[{batch}, {steps}, {dim}] to {units}"), op);
            let case = case.input(random(&[batch, steps, dim], 4)).input(random(&[batch, dim], 5));
            cases.push(case.constant(random(&[4 * dim + 1, units], 6)));
        }
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let fit = |keys: &str, query: &str, weights: &str| {
        refuses(
            LINEAR,
            &[keys, query, weights],
            &format!("keys {keys}, query {query} and weights {weights} do not fit"),
        );
    };
    fit("float32[N, 2, 3]", "float32[N, 4]", "float32[13, 2]");
    fit("float32[N, 2, 3]", "float32[N, 3]", "float32[12, 2]");
    fit("float32[N, 3]", "float32[N, 3]", "float32[13, 2]");
    fit("float32[2, 3]", "float32[N, 3]", "float32[13, 2]");
    refuses(LINEAR, &["float32[N, 2, 3]", "int32[N, 3]", "float32[13, 2]"], "takes float32 and not int32[N, 3]");
}
