//! Rounds values in memory to half precision, as in half-float textures.
//!
//! On phones that cannot render to float32, TF.js keeps every tensor in such textures. Weights and inputs, including
//! integers, are rounded when they are uploaded, and every kernel writes rounded results. Kernels compute in float32.
//! This pass reproduces the numerical effect but not the savings: values still take four bytes, and rounding is a
//! separate operator where it cannot be fused. Timings of such a graph do not represent a device with half-float
//! textures.
//!
//! Integers that the model itself computes or contains are not rounded, because no layer of TF.js produces them.

use super::rewrite::{rewrite, rewrite_all};
use crate::error::Result;
use crate::graph::{Graph, Node, Source};
use crate::names::names;
use crate::ops::{Activation, Convolution, Dense, Function, L2Normalize, Op};
use crate::tensor::{DType, Data, Encoding, Tensor};
use half::f16;
use std::collections::HashMap;
use std::sync::Arc;

/// The precision of values in memory between operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum ActivationPrecision {
    /// float32, as the operators compute.
    #[default]
    F32,
    /// Rounded to float16, as TF.js does on phones without float32 textures.
    ///
    /// Weights and inputs are rounded too. Ids above 2048 are rounded to even numbers, ids above 4096 to multiples of
    /// 4, and so on. Numbers of 65 520 or more become infinite. TF.js uses an epsilon of 1e-4 at this precision.
    F16,
}

names!(ActivationPrecision, "precision of activations", { F32 = "f32", F16 = "f16" });

impl ActivationPrecision {
    /// Returns `graph` with its constants rounded to this precision.
    #[doc(hidden)]
    pub fn constants(self, graph: &Arc<Graph>) -> Result<Arc<Graph>> {
        match self {
            ActivationPrecision::F32 => Ok(Arc::clone(graph)),
            ActivationPrecision::F16 => round_constants(graph).map(Arc::new),
        }
    }

    /// Returns `graph`, to which all passes have been applied, with everything that operators write rounded to this
    /// precision.
    #[doc(hidden)]
    pub fn run(self, graph: &Arc<Graph>) -> Result<Arc<Graph>> {
        match self {
            ActivationPrecision::F32 => Ok(Arc::clone(graph)),
            ActivationPrecision::F16 => round_values(&round_constants(graph)?).map(Arc::new),
        }
    }

    /// An input rounded to this precision; `None` if rounding does not change it.
    #[doc(hidden)]
    pub fn input(self, input: &Tensor) -> Result<Option<Tensor>> {
        match self {
            ActivationPrecision::F32 => Ok(None),
            ActivationPrecision::F16 => rounded(input),
        }
    }
}

/// A tensor rounded to half precision; `None` if rounding does not change it.
fn rounded(tensor: &Tensor) -> Result<Option<Tensor>> {
    if tensor.as_packed().is_some_and(|packed| *packed.encoding() == Encoding::F16) {
        return Ok(None);
    }
    let round = |value: f32| f16::from_f32(value).to_f32();
    if tensor.dtype() == DType::F32 {
        // Read in place, so that a table in a mapped file is not also decoded into memory.
        let values = tensor.as_f32()?;
        let is_half = values.iter().all(|value| round(*value).to_bits() == value.to_bits());
        let rounded = || Tensor::f32(tensor.shape(), values.iter().map(|value| round(*value)).collect());
        return if is_half { Ok(None) } else { rounded().map(Some) };
    }
    match tensor.data() {
        // An id that rounds to infinity saturates to the limits of i32, which are valid in no table.
        Data::I32(values) if values.iter().any(|value| round(*value as f32) as i32 != *value) => {
            Tensor::i32(tensor.shape(), values.iter().map(|value| round(*value as f32) as i32).collect()).map(Some)
        }
        _ => Ok(None),
    }
}

fn round_constants(graph: &Graph) -> Result<Graph> {
    // Several nodes may share one tensor, and must still share it afterwards.
    let mut known: HashMap<*const Tensor, Arc<Tensor>> = HashMap::new();
    rewrite(graph, |rewrite, node| {
        let Source::Constant(value) = &node.source else { return Ok(None) };
        if value.dtype() != DType::F32 {
            return Ok(None);
        }
        let new = match known.get(&Arc::as_ptr(value)) {
            Some(new) => Arc::clone(new),
            None => {
                let new = rounded(value)?.map_or_else(|| Arc::clone(value), Arc::new);
                known.insert(Arc::as_ptr(value), Arc::clone(&new));
                new
            }
        };
        rewrite.builder.constant(&node.name, new).map(Some)
    })
}

/// Rounds what operators write: by their own activation if they have none yet, else by an operator of its own.
fn round_values(graph: &Graph) -> Result<Graph> {
    let half = Function::Half;
    rewrite_all(graph, |rewrite, node| {
        let Source::Op(op) = &node.source else { return Ok(None) };
        let has_floats = node.outputs.iter().any(|id| graph.ty(*id).dtype == DType::F32);
        if !has_floats || is_half(graph, node, op) {
            return Ok(None);
        }
        let (op, is_rounded): (Op, bool) = match op {
            Op::Dense(Dense { activation: None, kernel }) => {
                (Dense { activation: Some(half), kernel: *kernel }.into(), true)
            }
            Op::Convolution(Convolution { activation: None, windows }) => {
                (Convolution { activation: Some(half), windows: windows.clone() }.into(), true)
            }
            Op::L2Normalize(norm) if norm.floor == L2Normalize::TFJS_FLOOR => {
                (L2Normalize { floor: L2Normalize::TFJS_HALF_FLOOR, ..norm.clone() }.into(), false)
            }
            op => (op.clone(), false),
        };
        let mut values = rewrite.outputs_of(node, op, &node.inputs)?;
        for value in values.iter_mut().filter(|_| !is_rounded) {
            if rewrite.builder.ty(*value).dtype == DType::F32 {
                *value = rewrite.builder.op(&node.name, Activation { function: half }, &[*value])?;
            }
        }
        Ok(Some(values))
    })
}

/// Whether an operator's float outputs are half precision because its inputs are.
fn is_half(graph: &Graph, node: &Node, op: &Op) -> bool {
    match op {
        Op::Embedding(_) => true,
        Op::Activation(Activation { function: Function::Half }) => true,
        _ => {
            let is_whole = |id| graph.ty(id).dtype == DType::I32;
            op.operator().passes_values() && !node.inputs.iter().any(|id| is_whole(*id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, operators};
    use super::*;
    use crate::ops::{BadId, Binary, BinaryFunction, Embedding, Reshape, Softmax};
    use crate::reference;
    use crate::tensor::NamedTensors;

    #[test]
    fn every_float_that_is_written_is_rounded_once() {
        let mut example = Example::new();
        let (x, ids) = (example.floats("x", &[2]), example.ids("ids", &[1]));
        let dense = [x, example.constant("kernel", &[2, 3]), example.constant("bias", &[3])];
        let raw = example.op("raw", Dense::with(None), &dense);
        let softmax = example.op("softmax", Softmax { axis: 1, log: false }, &[raw]);
        let table = example.constant("table", &[4, 3]);
        let row = example.op("row", Embedding { bad_id: BadId::Zero }, &[ids, table]);
        let row = example.op("row", Reshape { sample: vec![3] }, &[row]);
        let sum = example.op("sum", Binary { function: BinaryFunction::Add }, &[softmax, row]);
        let graph = Arc::new(example.finish(sum));
        let half = ActivationPrecision::F16.run(&graph).expect("rounded");
        let expected = ["dense", "softmax", "activation", "embedding", "reshape", "binary", "activation"];
        assert_eq!(operators(&half), expected);
        assert!(Arc::ptr_eq(&ActivationPrecision::F32.run(&graph).expect("the same"), &graph));
    }

    #[test]
    fn every_output_of_a_node_is_rounded() {
        use crate::ops::{Split, TopK};
        let mut example = Example::new();
        let x = example.floats("x", &[4]);
        let best = TopK { axis: 1, count: 2, largest: true };
        let outputs = example.builder.outputs_of("best", best, &[x]).expect("operands that fit");
        let split = Split { axis: 1, sizes: vec![1, 1] };
        let parts = example.builder.outputs_of("parts", split, &outputs[..1]).expect("operands that fit");
        let outputs = [outputs[1], parts[0], parts[1]].map(|id| (id.to_string(), id));
        let graph = Arc::new(example.builder.finish(outputs.to_vec()).expect("a graph"));
        let half = ActivationPrecision::F16.run(&graph).expect("rounded");
        assert_eq!(operators(&half), ["top_k", "activation", "split"], "positions stay, and parts are rounded already");
    }

    #[test]
    fn what_half_precision_lacks_is_lost() {
        let floats = |values: &[f32]| Tensor::f32(&[values.len()], values.to_vec()).expect("a tensor");
        let round = |tensor: &Tensor| ActivationPrecision::F16.input(tensor).expect("rounded");
        let rounded = round(&floats(&[65_519.0, 65_520.0, -1e9, 1e-8, 2049.0])).expect("another tensor");
        assert_eq!(rounded, floats(&[65_504.0, f32::INFINITY, f32::NEG_INFINITY, 0.0, 2048.0]));
        let ids = |values: &[i32]| Tensor::i32(&[values.len()], values.to_vec()).expect("a tensor");
        assert_eq!(round(&ids(&[7, 2048, -1])), None, "there is nothing to round");
        let rounded = round(&ids(&[2049, 2051, 4099, 70_000, -70_000])).expect("another tensor");
        assert_eq!(rounded, ids(&[2048, 2052, 4100, i32::MAX, i32::MIN]));
    }

    #[test]
    fn short_vectors_stay_short_where_tfjs_adds_a_larger_epsilon() {
        let answer = |floor: f32| {
            let mut example = Example::new();
            let x = example.floats("x", &[2]);
            let y = example.op("y", L2Normalize { axis: 1, floor }, &[x]);
            let graph = ActivationPrecision::F16.run(&Arc::new(example.finish(y))).expect("rounded");
            let inputs: NamedTensors =
                [("x".to_string(), Tensor::f32(&[1, 2], vec![0.0, 1e-3]).expect("a tensor"))].into_iter().collect();
            reference::run(&graph, &inputs).expect("an answer").get("y").expect("y").as_f32().expect("floats")[1]
        };
        assert!((answer(L2Normalize::TFJS_FLOOR) - 0.1).abs() < 1e-3);
        assert!((answer(1e-12) - 1.0).abs() < 1e-3, "Keras adds its own");
    }
}
