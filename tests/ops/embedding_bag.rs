use crate::case::{Case, checks, refuses};
use crate::values::{codes, floats, halves, ints, random};
use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::ops::{BadId, Block, Combine, EmbeddingBag, Feature, Lookup, Pooling};
use tfjs_wgpu::internals::tensor::Encoding;

fn copy(source: usize, first: usize, steps: usize) -> Feature {
    Feature { source, first, steps, lookup: None }
}

fn lookup(source: usize, steps: usize, table: usize, pooling: Pooling) -> Feature {
    Feature { source, first: 0, steps, lookup: Some(Lookup { table, pooling, bad_id: BadId::Zero }) }
}

/// Consecutive blocks of a row, given as (width, combine, features).
fn bag(blocks: &[(usize, Combine, Vec<Feature>)]) -> EmbeddingBag {
    let mut width = 0;
    let mut block = |(columns, combine, features): &(usize, Combine, Vec<Feature>)| {
        width += columns;
        Block { column: width - columns, width: *columns, combine: *combine, features: features.clone() }
    };
    let blocks = blocks.iter().map(&mut block).collect();
    EmbeddingBag { width, blocks }
}

fn one(width: usize, feature: Feature) -> (usize, Combine, Vec<Feature>) {
    (width, Combine::Sum, vec![feature])
}

fn pooled(width: usize, steps: usize, pooling: Pooling) -> EmbeddingBag {
    bag(&[one(width, lookup(0, steps, 1, pooling))])
}

/// Ids of a table of `rows` rows, some of them out of range.
fn ids(shape: &[usize], rows: usize) -> Tensor {
    let count: usize = shape.iter().product();
    ints(shape, &(0..count).map(|index| (index * 7 % (rows + 2)) as i32 - 1).collect::<Vec<_>>())
}

fn table() -> Tensor {
    floats(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (rows, dim, steps) in [(1, 1, 1), (5, 63, 1), (7, 64, 3), (13, 65, 2), (64, 3, 21), (3, 129, 1)] {
        for batch in [1, 3, 67] {
            let name = |what: &str| format!("{what}, [{batch}, {steps}] in [{rows}, {dim}]");
            let case = |what: &str, op: EmbeddingBag| {
                Case::new(name(what), op).input(ids(&[batch, steps], rows)).constant(random(&[rows, dim], 1))
            };
            cases.push(case("flat", pooled(steps * dim, steps, Pooling::Flatten)));
            for pooling in [Pooling::Sum, Pooling::Mean, Pooling::Maximum, Pooling::MaskedMean] {
                cases.push(case("pooled", pooled(dim, steps, pooling)));
            }
            // A whole row: columns, lookups, pooled lookups, and three ways to combine two tables.
            let pair = vec![lookup(0, steps, 1, Pooling::Sum), lookup(0, steps, 4, Pooling::Mean)];
            let op = bag(&[
                one(2, copy(2, 1, 2)),
                one(steps * dim, lookup(0, steps, 1, Pooling::Flatten)),
                (dim, Combine::Sum, pair.clone()),
                (dim, Combine::Product, pair.clone()),
                (dim, Combine::FactorizationMachine, pair),
                one(steps, copy(3, 0, steps)),
                one(dim, lookup(3, steps, 4, Pooling::MaskedMean)),
            ]);
            let case = case("row", op).input(random(&[batch, 3], 2));
            let odd = floats_of_ids(&[batch, steps], rows);
            cases.push(case.input(odd).constant(random(&[rows, dim], 3)));
        }
    }
    for (rows, dim, steps) in [(1, 1, 1), (5, 3, 2), (13, 65, 3)] {
        let singles = (0..rows * dim).flat_map(|at| (at as f32 * 0.37 - 3.0).to_le_bytes()).collect();
        let singles = Tensor::packed(&[rows, dim], Encoding::F32, singles).expect("a packed table");
        for (name, table) in [("singles", singles), ("halves", halves(&[rows, dim])), ("codes", codes(&[rows, dim]))] {
            let both =
                [one(steps * dim, lookup(0, steps, 1, Pooling::Flatten)), one(dim, lookup(0, steps, 1, Pooling::Mean))];
            let case = Case::new(format!("{name}, [{rows}, {dim}]"), bag(&both));
            cases.push(case.input(ids(&[7, steps], rows)).constant(table));
        }
    }
    let many = |count: usize| bag(&(0..count).map(|at| one(1, copy(0, at, 1))).collect::<Vec<_>>());
    cases.push(Case::new("65 blocks in two dispatches", many(65)).input(random(&[3, 65], 4)));
    let sum = bag(&[(1, Combine::Sum, (0..64).map(|at| copy(0, at, 1)).collect())]);
    cases.push(Case::new("64 features in a block", sum).input(random(&[5, 64], 5)));
    cases
}

fn floats_of_ids(shape: &[usize], rows: usize) -> Tensor {
    let whole = ids(shape, rows);
    floats(shape, &whole.to_f64().iter().map(|id| *id as f32 + 0.4).collect::<Vec<_>>())
}

fn by_hand() -> Vec<Case> {
    let nan = f32::NAN;
    vec![
        Case::new("columns and a row", bag(&[one(1, copy(0, 1, 1)), one(2, lookup(1, 1, 2, Pooling::Flatten))]))
            .input(floats(&[2, 2], &[10.0, 20.0, 30.0, 40.0]))
            .input(ints(&[2, 1], &[2, 0]))
            .constant(table())
            .gives(floats(&[2, 3], &[20.0, 5.0, 6.0, 40.0, 1.0, 2.0])),
        Case::new("integers become floats", bag(&[one(2, copy(0, 0, 2))]))
            .input(ints(&[1, 2], &[-3, 16_777_217]))
            .gives(floats(&[1, 2], &[-3.0, 16_777_216.0])),
        Case::new("ids outside give zeros", pooled(4, 2, Pooling::Flatten))
            .input(ints(&[2, 2], &[-1, 1, 3, i32::MIN]))
            .constant(table())
            .gives(floats(&[2, 4], &[0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0])),
        Case::new("or the nearest row", {
            let lookup = Lookup { table: 1, pooling: Pooling::Flatten, bad_id: BadId::Clamp };
            bag(&[one(4, Feature { source: 0, first: 0, steps: 2, lookup: Some(lookup) })])
        })
        .input(ints(&[1, 2], &[-5, 3]))
        .constant(table())
        .gives(floats(&[1, 4], &[1.0, 2.0, 5.0, 6.0])),
        Case::new("ids that are floats are truncated", pooled(2, 1, Pooling::Flatten))
            .input(floats(&[4, 1], &[1.9, -0.9, nan, 1e20]))
            .constant(table())
            .gives(floats(&[4, 2], &[3.0, 4.0, 1.0, 2.0, 1.0, 2.0, 0.0, 0.0])),
        Case::new("the mean of what is not 0", pooled(2, 3, Pooling::MaskedMean))
            .input(ints(&[2, 3], &[1, 0, 2, 0, 0, 0]))
            .constant(table())
            .gives(floats(&[2, 2], &[4.0, 5.0, nan, nan])),
        Case::new("a float of 0.4 is not 0, and reads row 0", pooled(2, 3, Pooling::MaskedMean))
            .input(floats(&[1, 3], &[0.4, -0.0, 2.0]))
            .constant(table())
            .gives(floats(&[1, 2], &[3.0, 4.0])),
        Case::new("the mean of all", pooled(2, 2, Pooling::Mean))
            .input(ints(&[1, 2], &[1, 0]))
            .constant(table())
            .gives(floats(&[1, 2], &[2.0, 3.0])),
        Case::new("the largest, and zeros for bad ids", pooled(2, 2, Pooling::Maximum))
            .input(ints(&[2, 2], &[0, 1, 0, 9]))
            .constant(floats(&[2, 2], &[-1.0, nan, -3.0, 1.0]))
            .gives(floats(&[2, 2], &[-1.0, nan, 0.0, nan])),
        Case::new("a factorisation machine", {
            let e = |source| lookup(source, 1, 2, Pooling::Flatten);
            bag(&[(2, Combine::FactorizationMachine, vec![e(0), e(1)])])
        })
        .input(ints(&[1, 1], &[0]))
        .input(ints(&[1, 1], &[1]))
        .constant(table())
        .gives(floats(&[1, 2], &[6.0, 16.0])),
        Case::new("one shared source", {
            let e = |source| lookup(source, 1, 2, Pooling::Flatten);
            bag(&[one(2, e(0)), (2, Combine::Product, vec![e(0), e(1)])])
        })
        .shared(ints(&[1, 1], &[1]))
        .input(ints(&[2, 1], &[0, 2]))
        .constant(table())
        .gives(floats(&[2, 4], &[3.0, 4.0, 3.0, 8.0, 3.0, 4.0, 15.0, 24.0])),
        Case::new("no columns", bag(&[one(0, copy(0, 0, 0))])).input(random(&[3, 2], 1)).gives(floats(&[3, 0], &[])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(bag(&[one(2, copy(0, 2, 2))]), &["float32[N, 3]"], "has no 2 elements from 2");
    refuses(bag(&[one(3, copy(0, 0, 2))]), &["float32[N, 3]"], "a feature of 2 columns in a block of 3");
    refuses(bag(&[one(2, copy(1, 0, 2))]), &["float32[N, 3]"], "there is no source 1");
    refuses(pooled(2, 1, Pooling::Sum), &["int32[N, 1]", "float32[0, 2]"], "cannot be looked up");
    refuses(pooled(2, 0, Pooling::Maximum), &["int32[N, 1]", "float32[3, 2]"], "no steps have no largest row");
    refuses(pooled(2, 1, Pooling::Sum), &["bool[N, 1]", "float32[3, 2]"], "takes float32 or int32 and not bool[N, 1]");
    refuses(bag(&[one(3, copy(0, 0, 3))]), &["float32[3]"], "source float32[3] has no batch");
    let gap = EmbeddingBag {
        width: 2,
        blocks: vec![Block { column: 1, width: 1, combine: Combine::Sum, features: vec![copy(0, 0, 1)] }],
    };
    refuses(gap, &["float32[N, 3]"], "has a gap before it");
}
