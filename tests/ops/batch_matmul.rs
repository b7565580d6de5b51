use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, random};
use tfjs_wgpu::internals::ops::{BatchMatmul, Heads};

fn dot(left: usize, right: usize) -> BatchMatmul {
    BatchMatmul::new([left, right])
}

fn with_heads(axes: [usize; 2], inputs: [usize; 2], output: usize, scale: f32) -> BatchMatmul {
    BatchMatmul { axes, heads: Some(Heads { inputs, output }), scale }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    // Depths around a workgroup, batch 67.
    for depth in [1, 63, 64, 65, 129] {
        let (left, right) = (random(&[67, depth], 1), random(&[67, depth], 2));
        cases.push(Case::new(format!("depth {depth}"), dot(1, 1)).input(left).input(right));
    }
    // Every pair of axes of [N, 5, 7, 3] and [N, 3, 5, 7] with equal sizes.
    for (l, r) in [(1, 2), (2, 3), (3, 1)] {
        let (left, right) = (random(&[3, 5, 7, 3], 3), random(&[3, 3, 5, 7], 4));
        cases.push(Case::new(format!("rank 4, axes {l} and {r}"), dot(l, r)).input(left).input(right));
    }
    let (left, right) = (random(&[3, 2, 3, 2, 5], 5), random(&[3, 2, 5, 3, 2], 6));
    cases.push(Case::new("rank 5", dot(4, 2)).input(left).input(right));
    let (left, right) = (random(&[3, 1, 64], 5), random(&[3, 65, 64], 6));
    cases.push(Case::new("attention scores", dot(2, 2)).input(left).input(right));
    cases.extend(of_attention());
    cases
}

/// The products of attention of 3 queries and 5 keys by 2 heads, and the same dimensions in other positions.
fn of_attention() -> Vec<Case> {
    let (queries, keys) = (random(&[3, 3, 2, 7], 7), random(&[3, 5, 2, 7], 8));
    let (weights, values) = (random(&[3, 2, 3, 5], 9), random(&[3, 5, 2, 7], 10));
    let scores = with_heads([3, 3], [2, 2], 1, 0.5);
    let mut cases = vec![
        Case::new("scores of heads", scores.clone()).input(queries.clone()).input(keys.clone()),
        Case::new("values of heads", with_heads([3, 1], [1, 2], 2, 1.0)).input(weights.clone()).input(values.clone()),
        Case::new("one query", scores).input(random(&[67, 1, 2, 4], 11)).input(random(&[67, 5, 2, 4], 12)),
        Case::new("a negative scale", BatchMatmul { scale: -3.0, ..dot(2, 2) })
            .input(random(&[3, 2, 5], 13))
            .input(random(&[3, 4, 5], 14)),
    ];
    for output in [1, 2, 3] {
        let op = with_heads([3, 1], [1, 2], output, 2.0);
        cases.push(Case::new(format!("heads at {output}"), op).input(weights.clone()).input(values.clone()));
        let op = with_heads([1, 1], [2, 2], output, 1.0);
        let (left, right) = (random(&[3, 5, 2, 3], 15), values.clone());
        cases.push(Case::new(format!("columns of both, heads at {output}"), op).input(left).input(right));
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let inf = f32::INFINITY;
    // The sum of k·(k+1) for k from 0 to K−1 is (K−1)·K·(K+1)/3.
    let counting = |offset: usize| floats_by(&[1, 10], |index| (index + offset) as f32);
    vec![
        Case::new("vectors", dot(1, 1))
            .input(floats(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .input(floats(&[3, 2], &[10.0, 1.0, 10.0, 1.0, -1.0, 1.0]))
            .gives(floats(&[3, 1], &[12.0, 34.0, 1.0])),
        Case::new("sum of products", dot(1, 1)).input(counting(0)).input(counting(1)).gives(floats(&[1, 1], &[330.0])),
        Case::new("matrices, last axes", dot(2, 2))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .input(floats(&[1, 3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
            .gives(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 3.0, 4.0, 7.0])),
        Case::new("matrices, a matrix product", dot(2, 1))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .input(floats(&[1, 2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]))
            .gives(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 3.0, 4.0, 7.0])),
        Case::new("matrix and vector", dot(1, 1))
            .input(floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .input(floats(&[1, 2], &[1.0, 10.0]))
            .gives(floats(&[1, 3], &[41.0, 52.0, 63.0])),
        Case::new("infinities and NaN", dot(1, 1))
            .input(floats(&[3, 2], &[inf, 1.0, inf, -inf, f32::NAN, 1.0]))
            .input(floats(&[3, 2], &[2.0, 1.0, 1.0, 1.0, 0.0, 1.0]))
            .gives(floats(&[3, 1], &[inf, f32::NAN, f32::NAN])),
        // Head 0 holds [1, 2] and [10, 1], head 1 [3, 4] and [1, 100].
        Case::new("two heads", with_heads([2, 2], [1, 1], 1, 0.5))
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .input(floats(&[1, 2, 2], &[10.0, 1.0, 1.0, 100.0]))
            .gives(floats(&[1, 2], &[6.0, 201.5])),
        Case::new("two heads, the other dimension", with_heads([3, 3], [2, 2], 1, 1.0))
            .input(floats(&[1, 1, 2, 1], &[2.0, 3.0]))
            .input(floats(&[1, 3, 2, 1], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]))
            .gives(floats(&[1, 2, 1, 3], &[2.0, 4.0, 6.0, 30.0, 60.0, 90.0])),
        Case::new("depth 0", dot(2, 1))
            .input(floats(&[3, 2, 0], &[]))
            .input(floats(&[3, 0], &[]))
            .gives(floats(&[3, 2], &[0.0; 6])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(
        dot(1, 1),
        &["float32[N, 3]", "float32[N, 4]"],
        "axis 1 of float32[N, 3] and axis 1 of float32[N, 4] differ",
    );
    refuses(dot(0, 1), &["float32[N, 3]", "float32[N, 3]"], "axis 0 is not a dimension of a sample in [N, 3]");
    refuses(dot(1, 2), &["float32[N, 3]", "float32[N, 3]"], "axis 2 is not a dimension of a sample in [N, 3]");
    refuses(dot(1, 1), &["float32[2, 3]", "float32[N, 3]"], "float32[2, 3] has no batch");
    refuses(dot(1, 1), &["int32[N, 3]", "float32[N, 3]"], "takes float32 and not int32[N, 3]");
    refuses(dot(1, 1), &["float32[N, 3]"], "takes 2 inputs, not 1");
    let pair = ["float32[N, 3, 2, 7]", "float32[N, 5, 2, 7]"];
    refuses(
        with_heads([3, 3], [1, 1], 1, 1.0),
        &pair,
        "axis 1 of float32[N, 3, 2, 7] and axis 1 of float32[N, 5, 2, 7]",
    );
    refuses(with_heads([3, 3], [3, 2], 1, 1.0), &pair, "axis 3 of float32[N, 3, 2, 7] is summed and shared");
    refuses(with_heads([3, 3], [2, 4], 1, 1.0), &pair, "axis 4 is not a dimension of a sample");
    refuses(with_heads([3, 3], [2, 2], 4, 1.0), &pair, "the product has no dimension 4");
    refuses(with_heads([3, 3], [2, 2], 0, 1.0), &pair, "the product has no dimension 0");
}
