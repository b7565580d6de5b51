//! One `predict` of TF.js: slices of its inputs, the layers for each slice, the concatenation of the outputs, and their
//! read-back.
//!
//! The work of a layer is in `layers`. The state that is kept from one predict to the next is here.

use super::backend::{Backend, Tensor};
use crate::error::Result;
use crate::graph::{Graph, Source, ValueId};
use crate::ops::Op;
use crate::passes::uses;
use std::collections::HashMap;
use std::sync::Arc;

/// The number of rows that `predict` computes at a time (`predictLoop`, `batchSize`).
pub(crate) const ROWS_OF_A_PREDICT: usize = 32;

/// A predict of `graph`. Weights are kept from one to the next.
pub(super) struct Predict<'g> {
    pub(super) graph: &'g Graph,
    pub(super) backend: Backend,
    /// By constant and by row, for the statistics of a normalization.
    weights: HashMap<(ValueId, usize), Tensor>,
    /// The new value of each constant.
    constants: HashMap<ValueId, ValueId>,
    /// By Dense: the activation that belongs to it.
    pub(super) own_activations: HashMap<ValueId, ValueId>,
}

impl<'g> Predict<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        let uses = uses(graph);
        let mut own_activations = HashMap::new();
        for node in graph.nodes() {
            if let (Source::Op(Op::Activation(_) | Op::Softmax(_)), [x]) = (&node.source, node.inputs.as_slice()) {
                let dense = graph.maker(*x);
                let is_dense = matches!(dense.source, Source::Op(Op::Dense(_)));
                if is_dense && dense.name == node.name && uses[x.index()] == 1 {
                    own_activations.insert(*x, node.output());
                }
            }
        }
        let (weights, constants) = Default::default();
        Predict { graph, backend: Backend::default(), weights, constants, own_activations }
    }

    /// Runs a predict of `batch` samples. Returns the outputs by name.
    pub(super) fn run(&mut self, batch: usize) -> Result<Vec<(String, ValueId)>> {
        self.backend.begin();
        let mut given = Vec::new();
        for (id, node) in self.graph.inputs() {
            let new = self.backend.builder.input(&node.name, self.graph.ty(id).clone())?;
            given.push((id, self.backend.on_cpu(new, &self.graph.ty(id).shape.resolve(batch))));
        }
        self.constants.clear();
        for node in self.graph.nodes() {
            if let Source::Constant(value) = &node.source {
                let new = self.backend.builder.constant(&node.name, Arc::clone(value))?;
                self.constants.insert(node.output(), new);
            }
        }
        for ((id, _), tensor) in &self.weights {
            self.backend.renew(tensor, self.constants[id]);
        }
        let mut outputs: Vec<Vec<Tensor>> = vec![Vec::new(); self.graph.outputs().len()];
        for start in (0..batch).step_by(ROWS_OF_A_PREDICT) {
            let rows = ROWS_OF_A_PREDICT.min(batch - start);
            let values = self.piece(&given, start, rows)?;
            for (output, (_, id)) in outputs.iter_mut().zip(self.graph.outputs()) {
                output.extend(values[id.index()].clone());
            }
        }
        let mut whole = Vec::with_capacity(outputs.len());
        for ((name, id), pieces) in self.graph.outputs().iter().zip(outputs) {
            self.backend.layer.clone_from(name);
            let joins = self.graph.ty(*id).shape.is_batched() && pieces.len() > 1;
            whole.push(if joins { self.backend.concat_pieces(&pieces)? } else { pieces[0].clone() });
        }
        let mut read = Vec::with_capacity(whole.len());
        for ((name, _), tensor) in self.graph.outputs().iter().zip(&whole) {
            self.backend.layer.clone_from(name);
            read.push((name.clone(), self.backend.read(tensor)?));
        }
        Ok(read)
    }

    fn piece(&mut self, given: &[(ValueId, Tensor)], start: usize, rows: usize) -> Result<Vec<Option<Tensor>>> {
        let mut values: Vec<Option<Tensor>> = vec![None; self.graph.values().len()];
        for (id, whole) in given {
            if !self.graph.ty(*id).shape.is_batched() {
                values[id.index()] = Some(whole.clone());
                continue;
            }
            self.backend.layer.clone_from(&self.graph.maker(*id).name);
            let shape = [&[rows], &whole.shape[1..]].concat();
            self.backend.kernel("Slice", &[whole], std::slice::from_ref(&shape));
            values[id.index()] = Some(if self.backend.forwards(&[whole]) {
                self.backend.mark_cpu();
                let node = self.backend.node(whole)?;
                self.backend.on_cpu(node, &shape)
            } else {
                self.backend.upload(whole)?;
                self.backend.shallow_slice(whole, &shape, start > 0)
            });
        }
        for node in self.graph.nodes() {
            let id = node.output();
            match &node.source {
                Source::Constant(_) => values[id.index()] = Some(self.weight(id, 0)),
                Source::Op(op) if values[id.index()].is_none() => {
                    let inputs: Vec<Tensor> =
                        node.inputs.iter().filter_map(|input| values[input.index()].clone()).collect();
                    self.backend.layer.clone_from(&node.name);
                    if node.outputs.len() > 1 {
                        for (position, id) in node.outputs.iter().enumerate() {
                            let shape = self.graph.ty(*id).shape.resolve(rows);
                            values[id.index()] = Some(self.assumed(op, position, &inputs, &shape)?);
                        }
                        continue;
                    }
                    let value = self.layer(id, node, op, &inputs, rows)?;
                    if let Some(activation) = self.own_activations.get(&id) {
                        values[activation.index()] = Some(value.clone());
                    }
                    values[id.index()] = Some(value);
                }
                _ => (),
            }
        }
        Ok(values)
    }

    /// The tensor of a weight. A number that a layer creates in every call gets a new tensor.
    pub(super) fn weight(&mut self, id: ValueId, row: usize) -> Tensor {
        let (node, new) = (self.graph.maker(id), self.constants[&id]);
        let part = node.name.rsplit('/').next().and_then(|part| part.strip_prefix("number_"));
        if part.is_some_and(|number| number.parse::<f64>().is_ok()) {
            return self.backend.on_cpu(new, &[]);
        }
        let mut shape = self.graph.ty(id).shape.resolve(1);
        if row > 0 {
            shape.remove(0);
        }
        let backend = &mut self.backend;
        self.weights.entry((id, row)).or_insert_with(|| backend.on_cpu(new, &shape)).clone()
    }
}
