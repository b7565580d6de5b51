use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, random};
use tfjs_wgpu::internals::kernel::{BufferId, DeviceFacts, Kernel, Packing, Region};
use tfjs_wgpu::internals::ops::{BatchMatmul, ConcreteType, Heads, KernelRequest, Op};
use tfjs_wgpu::{DType, Shape, TensorType};

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
    cases.extend(in_blocks());
    cases
}

/// Rows, columns and depths around the blocks of 4.
const ROWS_COLUMNS_AND_DEPTH: [[usize; 3]; 16] = [
    [4, 4, 1],
    [4, 4, 4],
    [4, 5, 4],
    [5, 4, 8],
    [7, 9, 12],
    [8, 8, 5],
    [8, 12, 7],
    [6, 8, 64],
    [9, 7, 63],
    [3, 8, 8],
    [8, 3, 8],
    [2, 2, 8],
    [1, 8, 8],
    [8, 1, 8],
    [26, 26, 16],
    [65, 33, 20],
];

/// Products of matrices, and of those of two heads, whose rows, columns or steps of the sum are contiguous.
fn in_blocks() -> Vec<Case> {
    let mut cases = Vec::new();
    for [rows, columns, depth] in ROWS_COLUMNS_AND_DEPTH {
        for [l, r] in [[2, 2], [2, 1], [1, 2], [1, 1]] {
            let shape = |axis: usize, lines: usize| if axis == 2 { [lines, depth] } else { [depth, lines] };
            let (left, right) = (shape(l, rows), shape(r, columns));
            for batch in [1, 3] {
                let name = format!("{left:?} and {right:?}, axes {l} and {r}, batch {batch}");
                let case = Case::new(name, BatchMatmul { scale: 0.75, ..dot(l, r) });
                let case = case.input(random(&[batch, left[0], left[1]], 1));
                cases.push(case.input(random(&[batch, right[0], right[1]], 2)));
            }
        }
        let (queries, keys) = (random(&[3, rows, 2, depth], 3), random(&[3, columns, 2, depth], 4));
        let (weights, values) = (random(&[3, 2, rows, depth], 5), random(&[3, depth, 2, columns], 6));
        for output in [1, 2, 3] {
            let name = format!("scores of [{rows}, 2, {depth}] and {columns} keys, heads at {output}");
            let case = Case::new(name, with_heads([3, 3], [2, 2], output, 0.5));
            cases.push(case.input(queries.clone()).input(keys.clone()));
            let name = format!("values of [2, {rows}, {depth}] by {columns}, heads at {output}");
            let case = Case::new(name, with_heads([3, 1], [1, 2], output, 1.0));
            cases.push(case.input(weights.clone()).input(values.clone()));
        }
    }
    // Rows and columns of several dimensions, of which one is in the blocks, and heads before them.
    for (l, r) in [(3, 3), (2, 3), (3, 2)] {
        let sizes = |axis: usize, rest: [usize; 2]| {
            let mut shape = vec![3, rest[0], rest[1]];
            shape.insert(axis, 8);
            shape
        };
        for rest in [[4, 8], [5, 4], [3, 5]] {
            let (left, right) = (random(&sizes(l, rest), 7), random(&sizes(r, [rest[1], rest[0]]), 8));
            let name = format!("{:?} and {:?}, axes {l} and {r}", left.shape(), right.shape());
            cases.push(Case::new(name, dot(l, r)).input(left).input(right));
        }
    }
    let (left, right) = (random(&[3, 2, 5, 4, 8], 9), random(&[3, 4, 2, 8, 5], 10));
    for output in [1, 2, 3, 4, 5] {
        let case = Case::new(format!("rank 6, heads at {output}"), with_heads([4, 3], [1, 2], output, 1.0));
        cases.push(case.input(left.clone()).input(right.clone()));
    }
    // Every term of the duplicates that fill a block is infinite, and none may reach another element.
    let infinite =
        |rows: usize| floats_by(&[3, rows, 4], |at| if at / 4 % rows == rows - 1 { f32::INFINITY } else { 1.0 });
    cases.push(Case::new("an infinite last row and column", dot(2, 2)).input(infinite(5)).input(infinite(6)));
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

/// The form of the kernel, without a GPU.
#[test]
fn blocks_take_vectors_where_four_neighbours_are_one() {
    let concrete = |shape: Vec<usize>| ConcreteType { shape, dtype: DType::F32 };
    let kernel = |op: BatchMatmul, left: &[usize], right: &[usize]| -> Kernel {
        let inputs = [left, right].map(|shape| concrete(shape.to_vec()));
        let op: Op = op.into();
        let types = [left, right].map(|shape| TensorType::f32(Shape::batched(&shape[1..])));
        let output = op.operator().infer(&types.iter().collect::<Vec<_>>()).expect("a product");
        let outputs = [concrete(output[0].shape.resolve(left[0]))];
        let region = Region { buffer: BufferId::Slot(0), offset_bytes: 0, length_bytes: 4, packing: Packing::Words };
        let request = KernelRequest {
            inputs: &inputs,
            outputs: &outputs,
            output_words: &[0],
            regions: &[region; 2],
            device: &DeviceFacts::FLOOR,
        };
        op.operator().kernels(&request).expect("kernels").swap_remove(0)
    };
    let scores = || with_heads([3, 3], [2, 2], 1, 0.5);
    let values = || with_heads([3, 1], [1, 2], 2, 1.0);
    let table = [
        // Whether steps of the sum are contiguous in the left and in the right vectors.
        (dot(2, 2), &[3, 26, 16][..], &[3, 26, 16][..], "blocks", [1.0, 1.0]),
        (dot(2, 1), &[3, 26, 16], &[3, 16, 8], "blocks", [1.0, 0.0]),
        (dot(1, 2), &[3, 16, 8], &[3, 26, 16], "blocks", [0.0, 1.0]),
        (dot(1, 1), &[3, 16, 8], &[3, 16, 8], "blocks", [0.0, 0.0]),
        (dot(2, 1), &[3, 26, 16], &[3, 16, 9], "ragged_blocks", [0.0, 0.0]),
        (dot(2, 2), &[3, 26, 15], &[3, 26, 15], "ragged_blocks", [0.0, 0.0]),
        (dot(2, 2), &[3, 1, 16], &[3, 26, 16], "elements", [0.0, 0.0]),
        (dot(2, 2), &[3, 2, 16], &[3, 26, 16], "blocks", [1.0, 1.0]),
        (dot(2, 1), &[3, 26, 16], &[3, 16], "elements", [0.0, 0.0]),
        (scores(), &[3, 50, 2, 32], &[3, 50, 2, 32], "blocks", [1.0, 1.0]),
        (scores(), &[3, 1, 2, 32], &[3, 50, 2, 32], "elements", [0.0, 0.0]),
        (values(), &[3, 2, 52, 52], &[3, 52, 2, 32], "blocks", [1.0, 0.0]),
        (values(), &[3, 2, 50, 50], &[3, 50, 2, 32], "ragged_blocks", [0.0, 0.0]),
        (values(), &[3, 2, 52, 52], &[3, 52, 2, 30], "ragged_blocks", [0.0, 0.0]),
    ];
    for (op, left, right, entry_point, [of_left, of_right]) in table {
        let kernel = kernel(op, left, right);
        assert_eq!(kernel.entry_point, entry_point, "{left:?} and {right:?}: {kernel}");
        if entry_point == "blocks" {
            let expected = [("left_in_steps", of_left), ("right_in_steps", of_right)];
            assert_eq!(kernel.constants, expected, "{left:?} and {right:?}");
        }
    }
}
