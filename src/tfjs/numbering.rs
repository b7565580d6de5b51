//! From what number on a file counts the calls of the models inside a model.
//!
//! A Functional model is called once, when it is built, before anything else calls it. Keras 2 and TF.js count that call
//! as number 0 wherever they name a tensor; so do they for a Sequential model that knows its input. Keras 3 counts it where
//! `output_layers` names a tensor (`functional.py`, `get_config`, `kept_nodes`), and does not count it where `inbound_nodes`
//! does (`serialize_node`), nor for Sequential models. Whoever counts, a file holds only calls that something uses, so every
//! call is named at least once; which shows a file that counts otherwise.

use super::calls::TensorRef;
use super::topology::{Layer, Network};
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};

/// What the file names a tensor for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Another call takes it, or it is an input of the model.
    Argument,
    /// It is an output of the model.
    Output,
}

/// The number of a layer's first call, as an argument and as an output.
type First = [usize; 2];

/// For each layer the numbers of its first call.
#[derive(Debug)]
pub(super) struct Numbering(Vec<First>);

/// All ways to count that were met.
const WAYS: [First; 3] = [[0, 0], [0, 1], [1, 1]];

impl Numbering {
    pub(super) fn of(network: &Network, by_name: &HashMap<&str, usize>) -> Result<Numbering> {
        let mut named: Vec<[BTreeSet<usize>; 2]> = vec![Default::default(); network.layers.len()];
        let mut note = |tensor: &TensorRef, used_as: Use| {
            if let Some(&layer) = by_name.get(tensor.layer.as_str()) {
                named[layer][used_as as usize].insert(tensor.call);
            }
        };
        for call in network.layers.iter().flat_map(|layer| &layer.calls) {
            call.arguments.iter().chain(&call.keyword_tensors).for_each(|tensor| note(tensor, Use::Argument));
        }
        network.outputs.iter().for_each(|tensor| note(tensor, Use::Output));
        let is_keras_3 = network.layers.iter().flat_map(|layer| &layer.calls).any(|call| call.is_keras_3);
        let layers = network.layers.iter().zip(&named);
        Ok(Numbering(layers.map(|(layer, named)| first_calls(layer, named, is_keras_3)).collect::<Result<_>>()?))
    }

    /// The number of the first call of a layer.
    pub(super) fn first(&self, layer: usize, used_as: Use) -> usize {
        self.0[layer][used_as as usize]
    }
}

fn first_calls(layer: &Layer, named: &[BTreeSet<usize>; 2], is_keras_3: bool) -> Result<First> {
    if layer.network.is_none() {
        return Ok([0, 0]);
    }
    let rule = match (is_keras_3, layer.class.as_str()) {
        (true, "Sequential") => [0, 0],
        (true, _) => [0, 1],
        (false, _) => [1, 1],
    };
    let count = layer.calls.len();
    if names_all(named, rule, count) {
        return Ok(rule);
    }
    let mut others: Vec<First> = WAYS.into_iter().filter(|&way| names_all(named, way, count)).collect();
    // Ways are the same where they differ in what is not named.
    others.dedup_by(|one, other| (0..2).all(|at| named[at].is_empty() || one[at] == other[at]));
    match (others.as_slice(), is_within(named, rule, count)) {
        ([], _) => Ok(rule),
        ([way], false) => Ok(*way),
        _ => Err(Error::format(format!("it is not clear which calls of `{}` are meant", layer.name))
            .cause(format!(
                "of its {count} calls, numbers {} are arguments of others and {} are outputs, which leaves one unused as its \
                 Keras counts",
                numbers(&named[0]),
                numbers(&named[1])
            ))
            .hint("save the model again from Keras and convert it")),
    }
}

fn numbers(named: &BTreeSet<usize>) -> String {
    let numbers: Vec<String> = named.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// Whether every call is named, and nothing else.
fn names_all(named: &[BTreeSet<usize>; 2], first: First, count: usize) -> bool {
    let calls = named.iter().zip(first).flat_map(|(numbers, first)| numbers.iter().map(move |n| n.wrapping_sub(first)));
    is_within(named, first, count) && calls.collect::<BTreeSet<usize>>().len() == count
}

/// Whether all that is named is a call.
fn is_within(named: &[BTreeSet<usize>; 2], first: First, count: usize) -> bool {
    named.iter().zip(first).all(|(numbers, first)| numbers.iter().all(|n| (first..first + count).contains(n)))
}
