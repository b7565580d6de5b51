//! Measures dense layers with each of their kernels, on the CPU, and as the passes choose, end to end through the public
//! interface. The rules that choose a kernel are based on these times.
//!
//! ```sh
//! cargo bench --bench dense -- ['240x256/batch 32'] [--quick] [--save-baseline NAME] [--baseline NAME]
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use std::sync::Arc;
use std::time::Duration;
use tfjs_wgpu::internals::gpu;
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::ops::{Dense, DenseKernel, Function};
use tfjs_wgpu::{Device, Model, NamedTensors, Prediction, Result, Session, Tensor};
use tfjs_wgpu::{Shape, TensorType};

/// Depth and units of single layers.
const LAYERS: [[usize; 2]; 3] = [[16, 16], [240, 256], [512, 512]];

/// Depth and units of a ranking model's layers.
const RANKER: &[usize] = &[240, 256, 128, 64, 1];

const BATCHES: [usize; 3] = [1, 32, 256];

/// How the layers are computed.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// As the rules choose.
    Chosen,
    Layers(DenseKernel),
    Cpu,
}

const WAYS: [Way; 6] = [
    Way::Chosen,
    Way::Layers(DenseKernel::Elements),
    Way::Layers(DenseKernel::Blocks),
    Way::Layers(DenseKernel::Tiles),
    Way::Layers(DenseKernel::Split),
    Way::Cpu,
];

fn layers(criterion: &mut Criterion) {
    for [depth, units] in LAYERS {
        measure(criterion, &format!("{depth}x{units}"), &[depth, units], &WAYS);
    }
}

fn ranker(criterion: &mut Criterion) {
    measure(criterion, "ranker", RANKER, &WAYS);
}

/// Warm predictions of the layers of these `widths`, each batch size by all ways.
fn measure(criterion: &mut Criterion, name: &str, widths: &[usize], ways: &[Way]) {
    let has_gpu = !gpu::adapters().is_empty();
    if !has_gpu {
        println!("{name}: only the CPU is measured, for there is no GPU");
    }
    let mut sessions = Vec::new();
    for &way in ways.iter().filter(|way| has_gpu || matches!(way, Way::Cpu)) {
        match open(widths, way) {
            Ok(session) => sessions.push((way, session)),
            Err(error) => println!("{name}: {way:?} is left out: {error}"),
        }
    }
    for batch in BATCHES {
        let inputs = inputs(batch, widths[0]).expect("inputs");
        let mut group = criterion.benchmark_group(format!("{name}/batch {batch}"));
        for (way, session) in &sessions {
            let mut prediction = Prediction::default();
            let mut predict = || session.predict_into(&inputs, &mut prediction).expect("a prediction");
            group.bench_function(format!("{way:?}"), |bencher| bencher.iter(&mut predict));
        }
        group.finish();
    }
}

fn inputs(batch: usize, depth: usize) -> Result<NamedTensors> {
    let x = Tensor::f32(&[batch, depth], (0..batch * depth).map(value).collect())?;
    Ok([("x", x)].into_iter().collect())
}

/// The layers with ReLU between them.
fn open(widths: &[usize], way: Way) -> Result<Session> {
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&widths[..1])))?;
    let mut operands = Vec::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        let kernel = Tensor::f32(pair, (0..pair[0] * pair[1]).map(value).collect())?;
        operands.push(builder.constant(&format!("kernel {layer}"), Arc::new(kernel))?);
        let bias = Tensor::f32(&pair[1..], (0..pair[1]).map(value).collect())?;
        operands.push(builder.constant(&format!("bias {layer}"), Arc::new(bias))?);
    }
    let count = widths.len() - 1;
    let activation = |layer: usize| (layer + 1 < count).then_some(Function::RELU);
    let kernel = if let Way::Layers(kernel) = way { Some(kernel) } else { None };
    let mut y = x;
    for (layer, weights) in operands.chunks_exact(2).enumerate() {
        let dense = Dense { activation: activation(layer), kernel };
        y = builder.op(&format!("layer {layer}"), dense, &[y, weights[0], weights[1]])?;
    }
    let model = Model::from_graph("dense", builder.finish(vec![("y".into(), y)])?);
    Session::open(&model, if matches!(way, Way::Cpu) { Device::Cpu } else { Device::Gpu })
}

/// Numbers between −1/16 and 1/16 without a pattern that a product would show.
fn value(index: usize) -> f32 {
    (index * 7919 % 1009) as f32 / 8072.0 - 0.0625
}

/// Half a minute a shape, rather than the minutes of the defaults.
fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
}

criterion_group!(name = dense; config = config(); targets = layers, ranker);
criterion_main!(dense);
