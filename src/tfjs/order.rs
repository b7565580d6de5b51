//! The order in which TF.js runs the calls of a model.
//!
//! TF.js sorts from the outputs backwards, depth first, the last argument of a call before the first
//! (`executor.ts`, `getTopologicalSortAndRecipientCountsForOneFetch`). The order matters for its answers in one place:
//! a mask lingers from one call to the next. Here it also finds calls that depend on themselves and tensors that
//! nothing makes.

use super::calls::TensorRef;
use super::topology::{Layer, Network};
use crate::error::{Error, Place, Result};
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
    /// For each layer the number that the file gives its first call.
    first_calls: Vec<usize>,
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
        let mut first_calls: Vec<usize> = network.layers.iter().map(Layer::first_call).collect();
        // Some writers count the calls of a nested model from 0: then its call 0 is named somewhere.
        let arguments = network.layers.iter().flat_map(|layer| &layer.calls).flat_map(|call| &call.arguments);
        for tensor in arguments.chain(&network.outputs).filter(|tensor| tensor.call == 0) {
            if let Some(&index) = by_name.get(tensor.layer.as_str()) {
                first_calls[index] = 0;
            }
        }
        Ok(Directory { network, by_name, first_calls })
    }

    /// The call that makes `tensor`. An InputLayer's tensor is made by its call 0.
    pub(super) fn resolve(&self, tensor: &TensorRef) -> Result<CallId> {
        let Some(&layer) = self.by_name.get(tensor.layer.as_str()) else {
            return Err(Error::format(format!("refers to layer `{}`, which the model does not have", tensor.layer)));
        };
        let calls = self.network.layers[layer].calls.len().max(1);
        match tensor.call.checked_sub(self.first_calls[layer]).filter(|&call| call < calls) {
            Some(call) => Ok(CallId { layer, call }),
            None => {
                let TensorRef { layer, call, .. } = tensor;
                let times = if calls == 1 { "once".to_string() } else { format!("{calls} times") };
                Err(Error::format(format!("refers to call {call} of layer `{layer}`, which is called {times}")))
            }
        }
    }

    /// The calls whose outputs a call takes, in the order of its arguments.
    fn arguments(&self, id: CallId) -> Result<Vec<CallId>> {
        let layer = &self.network.layers[id.layer];
        let Some(call) = layer.calls.get(id.call) else { return Ok(Vec::new()) };
        // A tensor given as mask must exist before the call, but TF.js does not know it: it is sorted after the others.
        let place = || format!("layer `{}` ({})", layer.name, layer.class);
        let arguments = call.keyword_tensors.iter().chain(&call.arguments).map(|tensor| self.resolve(tensor));
        arguments.collect::<Result<_>>().at(place)
    }

    /// All calls that the outputs need, each after its arguments, as TF.js orders them.
    pub(super) fn execution_order(&self) -> Result<Vec<CallId>> {
        let mut marks: HashMap<CallId, Mark> = HashMap::new();
        let mut order = Vec::new();
        for output in &self.network.outputs {
            let mut stack = vec![self.resolve(output)?];
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
                        for argument in self.arguments(top)? {
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
