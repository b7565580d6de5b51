//! Each kernel by itself on random inputs of at least 64 Ki elements, and the fraction of the roofline that it reaches.

use std::sync::Arc;
use tfjs_wgpu::internals::graph::{Builder, ValueId};
use tfjs_wgpu::internals::ops::*;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::study::{Breakdown, Ceilings};
use tfjs_wgpu::{Device, Model, Passes, ProfileOptions, Result, Session, SessionOptions, Shape, Tensor, TensorType};

/// A kernel below this fraction of the roofline is marked.
const SLOW: f64 = 0.25;

/// An operator at one shape: the batch, and the operator on inputs of the builder.
struct Row {
    shape: &'static str,
    batch: usize,
    build: fn(&mut Inputs) -> Result<ValueId>,
}

/// The inputs and constants of an operator.
struct Inputs {
    builder: Builder,
    count: usize,
}

impl Inputs {
    fn floats(&mut self, sample: &[usize]) -> Result<ValueId> {
        self.count += 1;
        self.builder.input(&format!("x{}", self.count), TensorType::f32(Shape::batched(sample)))
    }

    fn constant(&mut self, shape: &[usize]) -> Result<ValueId> {
        self.count += 1;
        let values = (0..shape.iter().product::<usize>()).map(|at| (at % 7) as f32 / 8.0 + 0.125).collect();
        self.builder.constant(&format!("c{}", self.count), Arc::new(Tensor::f32(shape, values)?))
    }

    fn op(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        self.builder.op("y", op, inputs)
    }

    fn unary(&mut self, sample: &[usize], op: impl Into<Op>) -> Result<ValueId> {
        let x = self.floats(sample)?;
        self.op(op, &[x])
    }

    fn binary(&mut self, samples: [&[usize]; 2], op: impl Into<Op>) -> Result<ValueId> {
        let (x, y) = (self.floats(samples[0])?, self.floats(samples[1])?);
        self.op(op, &[x, y])
    }

    /// `x · y + z`, then a function.
    fn chain(&mut self, sample: &[usize], others: &[usize], function: Function) -> Result<ValueId> {
        let (x, y, z) = (self.floats(sample)?, self.floats(others)?, self.floats(others)?);
        let combine = |function, input| Step::Combine { function, input, is_right: false };
        let steps = vec![combine(BinaryFunction::Multiply, 1), combine(BinaryFunction::Add, 2), Step::Apply(function)];
        self.op(Elementwise { steps }, &[x, y, z])
    }
}

const MULTIPLY: Binary = Binary { function: BinaryFunction::Multiply };

const ROWS: &[Row] = &[
    Row { shape: "[256, 1024]", batch: 256, build: |i| i.unary(&[1024], Activation { function: Function::RELU }) },
    Row { shape: "[256, 1024]", batch: 256, build: |i| i.unary(&[1024], Activation { function: Function::Sigmoid }) },
    Row { shape: "[256, 1024]", batch: 256, build: |i| i.unary(&[1024], Activation { function: Function::Gelu }) },
    Row { shape: "[256, 1024] · same", batch: 256, build: |i| i.binary([&[1024], &[1024]], MULTIPLY) },
    Row { shape: "[4096, 85] · [4096, 1]", batch: 4096, build: |i| i.binary([&[85], &[1]], MULTIPLY) },
    Row {
        shape: "[4096, 85] · [85]",
        batch: 4096,
        build: |i| {
            let (x, y) = (i.floats(&[85])?, i.constant(&[85])?);
            i.op(MULTIPLY, &[x, y])
        },
    },
    Row { shape: "[256, 50, 32] · [256, 50, 1]", batch: 256, build: |i| i.binary([&[50, 32], &[50, 1]], MULTIPLY) },
    Row { shape: "[256, 1024] · + relu", batch: 256, build: |i| i.chain(&[1024], &[1024], Function::RELU) },
    Row { shape: "[4096, 85] · + sigmoid", batch: 4096, build: |i| i.chain(&[85], &[1], Function::Sigmoid) },
    Row {
        shape: "[256, 50, 64] → [256, 64, 50]",
        batch: 256,
        build: |i| i.unary(&[50, 64], Permute { order: vec![0, 2, 1] }),
    },
    Row {
        shape: "[256, 50, 64] from 8",
        batch: 256,
        build: |i| i.unary(&[50, 64], Slice { axis: 2, start: 8, step: 1, count: 48 }),
    },
    Row {
        shape: "[4096, 40] and [4096, 45]",
        batch: 4096,
        build: |i| i.binary([&[40], &[45]], Concatenate { axis: 1 }),
    },
    Row { shape: "[256, 50, 64]", batch: 256, build: |i| i.unary(&[50, 64], Softmax { axis: 2, log: false }) },
    Row { shape: "[512, 50, 50]", batch: 512, build: |i| i.unary(&[50, 50], Softmax { axis: 2, log: false }) },
    Row {
        shape: "[256, 50, 64] over steps",
        batch: 256,
        build: |i| i.unary(&[50, 64], Softmax { axis: 1, log: false }),
    },
    Row { shape: "[32, 10000]", batch: 32, build: |i| i.unary(&[10_000], Softmax { axis: 1, log: false }) },
    Row {
        shape: "[256, 50, 64]",
        batch: 256,
        build: |i| {
            let (x, gamma, beta) = (i.floats(&[50, 64])?, i.constant(&[64])?, i.constant(&[64])?);
            i.op(LayerNormalization::new(1, 1e-3), &[x, gamma, beta])
        },
    },
    Row {
        shape: "[4096, 32]",
        batch: 4096,
        build: |i| i.unary(&[32], L2Normalize { axis: 1, floor: L2Normalize::TFJS_FLOOR }),
    },
    Row {
        shape: "[256, 50, 64] over steps",
        batch: 256,
        build: |i| i.unary(&[50, 64], Reduce { reduction: Reduction::Sum, axis: 1 }),
    },
    Row {
        shape: "[256, 50, 64] over the last",
        batch: 256,
        build: |i| i.unary(&[50, 64], Reduce { reduction: Reduction::Sum, axis: 2 }),
    },
    Row {
        shape: "[256, 50, 32] × [256, 50, 32]ᵀ",
        batch: 256,
        build: |i| i.binary([&[50, 32], &[50, 32]], BatchMatmul::new([2, 2])),
    },
    Row {
        shape: "[256, 50, 50] × [256, 50, 32]",
        batch: 256,
        build: |i| i.binary([&[50, 50], &[50, 32]], BatchMatmul::new([2, 1])),
    },
    Row {
        shape: "[256, 512] × [512, 256]",
        batch: 256,
        build: |i| {
            let (x, kernel, bias) = (i.floats(&[512])?, i.constant(&[512, 256])?, i.constant(&[256])?);
            i.op(Dense::with(Some(Function::RELU)), &[x, kernel, bias])
        },
    },
];

/// Prints the table for the best GPU.
pub(crate) fn print() -> Result<()> {
    let options = SessionOptions::default().device(Device::Gpu).passes(Passes::PLAIN);
    let ceilings = Ceilings::measure(&options)?;
    if let Some(Ceilings { gflop_per_s, gb_per_s }) = ceilings {
        println!("ceilings: Dense {gflop_per_s:.1} GFLOP/s, copy {gb_per_s:.1} GB/s");
    }
    println!("{:<24} {:<32} {:>9} {:>8} {:>9} {:>8}", "operator", "shape", "ms", "GB/s", "GFLOP/s", "roof");
    for row in ROWS {
        let mut inputs = Inputs { builder: Builder::new(), count: 0 };
        let y = (row.build)(&mut inputs)?;
        let model = Model::from_graph("alone", inputs.builder.finish(vec![("y".into(), y)])?);
        let session = Session::open_with(&model, options.clone())?;
        let profile =
            session.profile(&random_inputs(&model, row.batch, 1)?, ProfileOptions::default().warmup_runs(1).runs(7))?;
        let breakdown = Breakdown::of(&profile, ceilings.as_ref());
        let total = &breakdown.operators[0];
        let reached = total.share.reached.map_or("–".into(), |reached| {
            format!("{:.0} %{}", 100.0 * reached, if reached < SLOW { " !" } else { "" })
        });
        println!(
            "{:<24} {:<32} {:>9.3} {:>8.2} {:>9.2} {:>8}",
            total.operator,
            row.shape,
            total.share.median_ns / 1e6,
            total.share.gb_per_s,
            total.share.gflop_per_s,
            reached
        );
    }
    Ok(())
}
