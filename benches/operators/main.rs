//! How long operators take by themselves on the best GPU.
//!
//! `cargo bench --bench operators` prints a table of kernels and shapes with the fraction of the roofline that each reaches.
//! `cargo bench --bench operators -- MODEL [BATCH]` measures each operator of a model's fused plan: every operator becomes
//! a model of its own on random inputs, so a time includes one dispatch's submit and read-back. The whole plan comes
//! last. Without a GPU the bench says so.

mod table;

use std::sync::Arc;
use std::time::Instant;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::gpu::Gpu;
use tfjs_wgpu::internals::graph::{Builder, Graph, Node, Source};
use tfjs_wgpu::internals::session;
use tfjs_wgpu::{Device, LoadOptions, Model, Result, Session, SessionOptions};
use tfjs_wgpu::{Shape, TensorType};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let path = arguments.next();
    let batch = arguments.next().and_then(|batch| batch.parse().ok()).unwrap_or(256);
    let gpu = match Gpu::open(LimitsPreset::Full) {
        Ok(gpu) => gpu,
        Err(error) => {
            println!("nothing to measure: {error}");
            return Ok(());
        }
    };
    let Some(path) = path else {
        println!("on {}", gpu.adapter().name);
        return table::print();
    };
    println!("{path}, batch {batch}, on {}", gpu.adapter().name);
    let model = Model::load(path, LoadOptions::default())?;
    let graph = Passes::FUSED.run(model.graph(), gpu.facts())?;
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        if op.operator().name() != "reshape" {
            let alone = Model::from_graph(&node.name, alone(&graph, node)?);
            println!("{:>9.3} ms  {} {}", median_ms(&alone, batch)?, op.operator().name(), node.name);
        }
    }
    println!("{:>9.3} ms  the whole plan", median_ms(&model, batch)?);
    Ok(())
}

/// The graph of one operator, whose operands are inputs or constants.
fn alone(graph: &Graph, node: &Node) -> Result<Graph> {
    let mut builder = Builder::new();
    let mut operands = Vec::new();
    for (position, id) in node.inputs.iter().enumerate() {
        let (operand, ty) = (graph.maker(*id), graph.ty(*id));
        operands.push(match &operand.source {
            Source::Constant(value) => builder.constant(&operand.name, Arc::clone(value))?,
            _ => {
                let ty = TensorType::new(Shape::batched(&ty.shape.sample()), ty.dtype);
                builder.input(&format!("{position}: {}", operand.name), ty)?
            }
        });
    }
    let Source::Op(op) = &node.source else { return Ok(graph.clone()) };
    let outputs = builder.outputs_of(&node.name, op.clone(), &operands)?.into_iter().enumerate();
    builder.finish(outputs.map(|(position, id)| (format!("output {position}"), id)).collect())
}

/// The median time of a warm prediction, over half a second at least.
fn median_ms(model: &Model, batch: usize) -> Result<f64> {
    let options = SessionOptions::default().device(Device::Gpu).passes(Passes::PLAIN);
    let whole = SessionOptions::default().device(Device::Gpu);
    let session = Session::open_with(model, if model.layers().is_empty() { options } else { whole })?;
    let inputs = session::random_inputs(model, batch, 1)?;
    session.predict(&inputs)?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || start.elapsed().as_millis() < 500 {
        let start = Instant::now();
        session.predict(&inputs)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
