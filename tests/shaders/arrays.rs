//! A model of the operators on arrays, at sizes at which each of their kernels is asked for.

use std::sync::Arc;
use tfjs_wgpu::internals::graph::{Builder, ValueId};
use tfjs_wgpu::internals::ops::{
    Accumulation, ArgReduce, BadId, Cumulative, Gather, GatherElements, L2Normalize, MaskedMean, MomentNormalization,
    OneHot, Op, Reduce, Reduction, TopK, Trilu,
};
use tfjs_wgpu::{DType, Model, Tensor};
use tfjs_wgpu::{Shape, TensorType};

pub(crate) fn model() -> Model {
    let mut builder = Builder::new();
    let input = |builder: &mut Builder, sample: &[usize], dtype| {
        let name = format!("{dtype}{sample:?}");
        builder.input(&name, TensorType::new(Shape::batched(sample), dtype)).expect("a new name")
    };
    let short = input(&mut builder, &[4, 5], DType::F32);
    let quads = input(&mut builder, &[4, 8], DType::F32);
    let scale = Tensor::f32(&[2, 8], vec![1.0; 16]).expect("16 floats");
    let scale = builder.constant("scale", Arc::new(scale)).expect("a new name");
    let one = builder.constant("one", Arc::new(Tensor::f32(&[1], vec![1.0]).expect("a float"))).expect("a new name");
    let mask = input(&mut builder, &[4], DType::Bool);
    let long = input(&mut builder, &[300], DType::F32);
    let longest = input(&mut builder, &[20_000], DType::F32);
    let ids = input(&mut builder, &[4, 2], DType::I32);
    let mut outputs: Vec<(String, ValueId)> = Vec::new();
    let mut add = |op: Op, inputs: &[ValueId]| {
        let name = outputs.len().to_string();
        let values = builder.outputs_of(&name, op, inputs).expect("they fit");
        outputs.extend(values.into_iter().enumerate().map(|(output, id)| (format!("{name}.{output}"), id)));
    };
    for x in [short, long] {
        add(ArgReduce { axis: 1, largest: true }.into(), &[x]);
        let function = Accumulation::Sum;
        add(Cumulative { function, axis: 1, exclusive: false, reverse: false }.into(), &[x]);
        add(Reduce { reduction: Reduction::LogSumExp, axis: 1 }.into(), &[x]);
    }
    for axis in [1, 2] {
        add(ArgReduce { axis, largest: true }.into(), &[quads]);
        add(Reduce { reduction: Reduction::Sum, axis }.into(), &[quads]);
        add(L2Normalize { axis, floor: 1e-7 }.into(), &[quads]);
    }
    add(MomentNormalization { axis: 2, epsilon: 1e-3 }.into(), &[quads, scale, one]);
    add(MaskedMean.into(), &[quads, mask]);
    for (x, count) in [(short, 2), (long, 10), (longest, 10), (longest, 600)] {
        add(TopK { axis: 1, count, largest: true }.into(), &[x]);
    }
    add(Gather { axis: 2, batch_dims: 2, from_end: true, bad_id: BadId::Zero }.into(), &[short, ids]);
    add(GatherElements { axis: 2, bad_id: BadId::Zero }.into(), &[short, ids]);
    add(OneHot { axis: 3, depth: 7, on: 1.0, off: 0.0 }.into(), &[ids]);
    add(Trilu { upper: true, diagonal: 0 }.into(), &[short]);
    Model::from_graph("arrays", builder.finish(outputs).expect("a graph"))
}
