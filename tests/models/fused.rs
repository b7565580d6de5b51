//! Fused graphs answer as plain ones, and so do those in which some inputs are shared by the whole batch.

use crate::goldens::{Golden, all};
use std::sync::Arc;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::graph::Graph;
use tfjs_wgpu::internals::kernel::DeviceFacts;
use tfjs_wgpu::internals::passes::share;
use tfjs_wgpu::internals::reference;
use tfjs_wgpu::internals::study::output_allowances;
use tfjs_wgpu::internals::tensor::Data;
use tfjs_wgpu::internals::tensor::compare;
use tfjs_wgpu::{Model, NamedTensors, Semantics, Tensor};

fn fused(graph: &Arc<Graph>) -> Arc<Graph> {
    Passes::FUSED.run(graph, &DeviceFacts::FLOOR).unwrap_or_else(|error| panic!("{error}"))
}

/// Both sides are reference results, so both round.
fn assert_same(name: &str, plain: &Graph, other: &Graph, inputs: &NamedTensors, others_inputs: &NamedTensors) {
    let expected = reference::run(plain, inputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    let actual = reference::run(other, others_inputs).unwrap_or_else(|error| panic!("{name}: {error}\n{other}"));
    let allowances = output_allowances(plain, inputs).expect("allowances");
    for ((output, expected), allowance) in expected.iter().zip(allowances) {
        let actual = actual.get(output).unwrap_or_else(|| panic!("{name}: no output {output}"));
        let allowance: Vec<f64> = allowance.iter().map(|allowed| 2.0 * allowed).collect();
        let difference = compare(expected, actual, &allowance).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(difference.is_within(), "{name}: {output}: {difference:?}\n{other}");
    }
}

fn models() -> impl Iterator<Item = (Golden, Model, NamedTensors)> {
    let golden = all().into_iter();
    golden.flat_map(|golden| {
        [Semantics::TfJs, Semantics::Keras].map(|semantics| {
            let again = Golden { name: golden.name.clone(), tfjs: golden.tfjs.clone() };
            let model = golden.load(semantics).expect("the model loads");
            let inputs = golden.tensors("input.safetensors").expect("inputs are recorded");
            (again, model, inputs)
        })
    })
}

#[test]
fn every_model_answers_the_same_when_fused() {
    for (golden, model, inputs) in models() {
        assert_same(&golden.name, model.graph(), &fused(model.graph()), &inputs, &inputs);
    }
}

/// The first row for each of `batch` samples.
fn repeated(tensor: &Tensor, batch: usize) -> Tensor {
    if tensor.shape()[0] == batch {
        return tensor.clone();
    }
    let shape = [&[batch], &tensor.shape()[1..]].concat();
    match tensor.data() {
        Data::F32(values) => Tensor::f32(&shape, values.repeat(batch)),
        Data::I32(values) => Tensor::i32(&shape, values.repeat(batch)),
        Data::Bool(values) => Tensor::bool(&shape, values.repeat(batch)),
    }
    .expect("as many rows")
}

/// With each input alone shared, and with each alone not shared.
#[test]
fn every_model_answers_the_same_when_inputs_are_shared() {
    for (golden, model, inputs) in models() {
        let names: Vec<&str> = inputs.names().collect();
        if names.len() < 2 {
            continue;
        }
        let batch = inputs.get(names[0]).expect("an input").shape()[0];
        for &name in &names {
            let others: Vec<&str> = names.iter().copied().filter(|other| *other != name).collect();
            for shared in [vec![name], others] {
                let graph = share(model.graph(), &shared).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
                let one = |name: &str| inputs.get(name).expect("an input").rows(0, 1).expect("a row");
                let first = |(name, tensor): (&str, &Tensor)| {
                    (name.to_string(), if shared.contains(&name) { one(name) } else { tensor.clone() })
                };
                let rows: NamedTensors = inputs.iter().map(first).collect();
                let repeat = |(name, tensor): (&str, &Tensor)| (name.to_string(), repeated(tensor, batch));
                let repeated: NamedTensors = rows.iter().map(repeat).collect();
                let place = format!("{} with {shared:?} shared", golden.name);
                assert_same(&place, model.graph(), &graph, &repeated, &rows);
                assert_same(&place, model.graph(), &fused(&Arc::new(graph)), &repeated, &rows);
            }
        }
    }
}
