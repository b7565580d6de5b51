//! How long dense layers take by each of their kernels, and as one tower, end to end through the public interface:
//!
//! ```sh
//! cargo bench --bench dense -- [--depth 240] [--units 256,128,64,1] [--batch 1,32,256] [--rounds 50]
//! ```
//!
//! One line per batch and way of computing: the least and the middle time of a prediction, all ways taking turns. It
//! judges nothing.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tfjs_wgpu::graph::Builder;
use tfjs_wgpu::ops::{Dense, DenseKernel, Function, Tower, TowerKernel};
use tfjs_wgpu::tensor::{Shape, TensorType};
use tfjs_wgpu::{Device, Model, NamedTensors, Result, Session, SessionOptions, Tensor};

/// Times dense layers by each of their kernels.
#[derive(Debug, Parser)]
struct Arguments {
    /// Width of the input
    #[arg(long, default_value_t = 240)]
    depth: usize,
    /// Units of each layer
    #[arg(long, value_delimiter = ',', default_value = "256,128,64,1")]
    units: Vec<usize>,
    /// Batch sizes
    #[arg(long, value_delimiter = ',', default_value = "1,32,256")]
    batch: Vec<usize>,
    /// Predictions of each way
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// How the layers are computed.
#[derive(Debug, Clone, Copy)]
enum Way {
    Layers(Option<DenseKernel>),
    Tower(TowerKernel),
}

const WAYS: [Way; 6] = [
    Way::Layers(None),
    Way::Layers(Some(DenseKernel::Elements)),
    Way::Layers(Some(DenseKernel::Blocks)),
    Way::Layers(Some(DenseKernel::Tiles)),
    Way::Tower(TowerKernel::Together),
    Way::Tower(TowerKernel::Alone),
];

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let mut sessions = Vec::new();
    for way in WAYS {
        match open(arguments, way) {
            Ok(session) => sessions.push((way, session)),
            Err(error) => println!("{way:?}: {error}"),
        }
    }
    if let Some((_, session)) = sessions.first() {
        println!("{}: {} -> {:?}", session.device(), arguments.depth, arguments.units);
    }
    for &batch in &arguments.batch {
        let x = (0..batch * arguments.depth).map(value).collect();
        let inputs = NamedTensors::from_iter([("x".to_string(), Tensor::f32(&[batch, arguments.depth], x)?)]);
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); sessions.len()];
        for _ in 0..arguments.rounds {
            for ((_, session), times) in sessions.iter().zip(&mut times) {
                let start = Instant::now();
                session.predict(&inputs)?;
                times.push(start.elapsed());
            }
        }
        for ((way, _), times) in sessions.iter().zip(&mut times) {
            times.sort_unstable();
            let (least, middle) = (times.first(), times.get(times.len() / 2));
            let ms = |time: Option<&Duration>| time.map_or(0.0, |time| 1e3 * time.as_secs_f64());
            println!("batch {batch:4}  {:28} {:9.3} ms {:9.3} ms", format!("{way:?}"), ms(least), ms(middle));
        }
    }
    Ok(())
}

/// The layers with ReLU between them, on a GPU.
fn open(arguments: &Arguments, way: Way) -> Result<Session> {
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&[arguments.depth])))?;
    let (mut operands, mut depth) = (vec![x], arguments.depth);
    for (layer, &units) in arguments.units.iter().enumerate() {
        let kernel = Tensor::f32(&[depth, units], (0..depth * units).map(value).collect())?;
        operands.push(builder.constant(&format!("kernel {layer}"), Arc::new(kernel))?);
        let bias = Tensor::f32(&[units], (0..units).map(value).collect())?;
        operands.push(builder.constant(&format!("bias {layer}"), Arc::new(bias))?);
        depth = units;
    }
    let last = arguments.units.len().saturating_sub(1);
    let activation = |layer: usize| (layer < last).then_some(Function::RELU);
    let y = match way {
        Way::Tower(kernel) => {
            let activations = (0..arguments.units.len()).map(activation).collect();
            builder.op("tower", Tower { activations, kernel: Some(kernel) }, &operands)?
        }
        Way::Layers(kernel) => {
            let mut x = x;
            for (layer, weights) in operands[1..].chunks_exact(2).enumerate() {
                let dense = Dense { activation: activation(layer), kernel };
                x = builder.op(&format!("layer {layer}"), dense, &[x, weights[0], weights[1]])?;
            }
            x
        }
    };
    let model = Model::from_graph("dense", builder.finish(vec![("y".into(), y)])?);
    Session::open_with(&model, SessionOptions { device: Device::Gpu, ..SessionOptions::default() })
}

/// Numbers between −1/16 and 1/16 without a pattern that a product would show.
fn value(index: usize) -> f32 {
    (index * 7919 % 1009) as f32 / 8072.0 - 0.0625
}
