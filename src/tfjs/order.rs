//! The order in which TF.js or Keras 3 runs the calls of a model.
//!
//! TF.js sorts from the outputs backwards, depth first, the last argument of a call before the first
//! (`executor.ts`, `getTopologicalSortAndRecipientCountsForOneFetch`). The order matters for its answers in one place:
//! a mask lingers from one call to the next. In Keras 3, which TF.js does not load, it matters where a mask is taken off:
//! there the calls farthest from the outputs run first (`function.py`, `map_graph`). Here the order also finds calls that
//! depend on themselves and tensors that nothing makes.

use super::calls::TensorRef;
use super::numbering::{Numbering, Use};
use super::topology::Network;
use crate::error::{Context, Error, Result};
use std::collections::HashMap;

/// A call: the index of its layer, and which call of that layer it is, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CallId {
    pub(super) layer: usize,
    pub(super) call: usize,
}

/// The layers of a model by name.
pub(super) struct Directory<'m> {
    network: &'m Network,
    by_name: HashMap<&'m str, usize>,
    numbering: Numbering,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Unseen,
    /// Its arguments are being sorted.
    Open,
    Done,
}

impl<'m> Directory<'m> {
    pub(super) fn new(network: &'m Network) -> Result<Self> {
        let mut by_name = HashMap::new();
        for (index, layer) in network.layers.iter().enumerate() {
            if by_name.insert(layer.name.as_str(), index).is_some() {
                return Err(Error::format(format!("two layers are called `{}`", layer.name)));
            }
        }
        let numbering = Numbering::of(network, &by_name)?;
        Ok(Directory { network, by_name, numbering })
    }

    /// The call that makes `tensor`, which another call takes or which is an input. An InputLayer's tensor is made by its
    /// call 0.
    pub(super) fn resolve(&self, tensor: &TensorRef) -> Result<CallId> {
        self.resolve_as(tensor, Use::Argument)
    }

    /// The call that makes `tensor`, an output of the model.
    pub(super) fn resolve_output(&self, tensor: &TensorRef) -> Result<CallId> {
        self.resolve_as(tensor, Use::Output)
    }

    fn resolve_as(&self, tensor: &TensorRef, used_as: Use) -> Result<CallId> {
        let Some(&layer) = self.by_name.get(tensor.layer.as_str()) else {
            return Err(Error::format(format!("refers to layer `{}`, which the model does not have", tensor.layer)));
        };
        let calls = self.network.layers[layer].calls.len().max(1);
        let first = self.numbering.first(layer, used_as);
        match tensor.call.checked_sub(first).filter(|&call| call < calls) {
            Some(call) => Ok(CallId { layer, call }),
            None => {
                let TensorRef { layer, call, .. } = tensor;
                let times = if calls == 1 { "once".to_string() } else { format!("{calls} times") };
                Err(Error::format(format!("refers to call {call} of layer `{layer}`, which is called {times}"))
                    .cause(format!("its first call is number {first}")))
            }
        }
    }

    /// The calls whose outputs a call takes: those of its arguments in order, then those of what it is given by name.
    fn arguments(&self, id: CallId) -> Result<[Vec<CallId>; 2]> {
        let layer = &self.network.layers[id.layer];
        let Some(call) = layer.calls.get(id.call) else { return Ok(Default::default()) };
        let place = || format!("layer `{}` ({})", layer.name, layer.class);
        let resolve = |tensors: &[TensorRef]| tensors.iter().map(|tensor| self.resolve(tensor)).collect::<Result<_>>();
        Ok([resolve(&call.arguments).at(place)?, resolve(&call.keyword_tensors).at(place)?])
    }

    /// All calls that the outputs need, each after its arguments, as TF.js orders them, or Keras 3.
    pub(super) fn execution_order(&self, is_keras_3: bool) -> Result<Vec<CallId>> {
        if is_keras_3 {
            // The first argument before the last, and those given by name after them.
            let last_first = |parts: [Vec<CallId>; 2]| parts.concat().into_iter().rev().collect();
            return self.by_distance(&self.sorted(|id| self.arguments(id).map(last_first))?);
        }
        // Tensors given by name must exist before the call, but TF.js does not know them: they come after the others.
        self.sorted(|id| self.arguments(id).map(|[positional, named]| [named, positional].concat()))
    }

    /// Sorted calls by how far they are from the outputs, farthest first. The calls of a layer are as far as the farthest
    /// that was met before; equally far ones stay in the order in which they were met, from the outputs on.
    fn by_distance(&self, sorted: &[CallId]) -> Result<Vec<CallId>> {
        let mut met: Vec<CallId> = Vec::new();
        let mut distances: HashMap<CallId, usize> = HashMap::new();
        let mut of_layers: HashMap<usize, usize> = HashMap::new();
        let mut at_least = |met: &mut Vec<CallId>, id: CallId, distance: usize| {
            let known = distances.entry(id).or_insert_with(|| {
                met.push(id);
                0
            });
            *known = distance.max(*known);
            *known
        };
        for &id in sorted.iter().rev() {
            let of_layer = of_layers.entry(id.layer).or_default();
            *of_layer = at_least(&mut met, id, *of_layer);
            for argument in self.arguments(id)?.concat() {
                at_least(&mut met, argument, *of_layer + 1);
            }
        }
        met.sort_by_key(|id| std::cmp::Reverse(distances[id]));
        Ok(met)
    }

    /// All calls that the outputs need, depth first, the last of the `arguments` of a call before the first.
    fn sorted(&self, arguments: impl Fn(CallId) -> Result<Vec<CallId>>) -> Result<Vec<CallId>> {
        let mut marks: HashMap<CallId, Mark> = HashMap::new();
        let mut order = Vec::new();
        for output in &self.network.outputs {
            let mut stack = vec![self.resolve_output(output)?];
            while let Some(&top) = stack.last() {
                match marks.get(&top).copied().unwrap_or(Mark::Unseen) {
                    Mark::Done => {
                        stack.pop();
                    }
                    Mark::Open => {
                        marks.insert(top, Mark::Done);
                        order.push(top);
                        stack.pop();
                    }
                    Mark::Unseen => {
                        marks.insert(top, Mark::Open);
                        for argument in arguments(top)? {
                            match marks.get(&argument).copied().unwrap_or(Mark::Unseen) {
                                Mark::Unseen => stack.push(argument),
                                Mark::Open => return Err(self.cycle(argument)),
                                Mark::Done => {}
                            }
                        }
                    }
                }
            }
        }
        Ok(order)
    }

    fn cycle(&self, id: CallId) -> Error {
        Error::format("takes its own output as its input, directly or through other layers")
            .at(format!("layer `{}`", self.network.layers[id.layer].name))
            .hint("the calls of a model must not form a circle")
    }
}
