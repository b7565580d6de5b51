//! EinsumDense: a product with weights over the dimensions that an equation names.
//!
//! It is a Dense over those dimensions seen as one: they are moved to the back if they do not stand there, and the kernel,
//! which is known when the model is loaded, is brought into the order that saves moving the answer.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{Binary, BinaryFunction, Dense, Operator, Permute};
use crate::tensor::Tensor;
use crate::tfjs::activations;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[Class::new("EinsumDense", einsum_dense, "–", "")];

/// The labels of the dimensions under `...` start here, beyond all letters.
const ELIDED: u32 = 0xE000;

/// The dimensions of input, kernel and output, a letter each. N is the input's and the output's first.
#[derive(Debug, PartialEq)]
struct Equation {
    input: Vec<char>,
    kernel: Vec<char>,
    output: Vec<char>,
}

fn einsum_dense(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    let Some(text) = call.config.string("equation")? else {
        return Err(Error::format("`equation` is missing from its config"));
    };
    let equation = Equation::parse(text, call.rank(x))?;
    let sizes = equation.sizes(call, x)?;
    let id = equation.apply(call, x, &|dim| size_of(&sizes, dim))?;
    let id = activations::apply(call, id)?;
    // Not a layer that supports masks, in Keras or TF.js.
    Ok(vec![Value::unmasked(id)])
}

fn size_of(sizes: &[(char, usize)], dim: char) -> usize {
    sizes.iter().find(|(known, _)| *known == dim).map_or(1, |(_, size)| *size)
}

impl Equation {
    /// From `ab,bc->ac`, for an input of this rank.
    fn parse(text: &str, rank: usize) -> Result<Equation> {
        let wrong = |why: &str| {
            Error::unsupported(format!("its equation `{text}` {why}"))
                .hint("equations have the form abc,cd->abd, ...bc,cd->...bd or abc...,cd->abd...")
        };
        let sides = text.split_once("->").and_then(|(left, output)| {
            let (input, kernel) = left.split_once(',')?;
            Some((input.trim(), kernel.trim(), output.trim()))
        });
        let Some((input, kernel, output)) = sides else { return Err(wrong("cannot be read")) };
        let letters = input.replace("...", "").chars().count();
        let Some(elided) = rank.checked_sub(letters).filter(|&count| count == 0 || input.contains("...")) else {
            return Err(wrong(&format!("does not fit an input of rank {rank}")));
        };
        let elided: String = (0..elided as u32).filter_map(|index| char::from_u32(ELIDED + index)).collect();
        let dims = |side: &str| side.replacen("...", &elided, 1).chars().collect::<Vec<char>>();
        let equation = Equation { input: dims(input), kernel: kernel.chars().collect(), output: dims(output) };
        match equation.flaw() {
            Some(why) => Err(wrong(why)),
            None => Ok(equation),
        }
    }

    fn flaw(&self) -> Option<&'static str> {
        let Equation { input, kernel, output } = self;
        let sides = [input, kernel, output];
        let is_dim = |dim: &char| dim.is_ascii_alphabetic() || *dim as u32 >= ELIDED;
        if !sides.iter().all(|side| side.iter().all(is_dim)) {
            return Some("cannot be read");
        }
        if sides.iter().any(|side| (1..side.len()).any(|index| side[..index].contains(&side[index]))) {
            return Some("names a dimension twice on one side");
        }
        let batch = input.first();
        if batch.is_none()
            || output.first() != batch
            || kernel.first().is_some_and(|_| kernel.iter().any(|dim| Some(dim) == batch))
        {
            return Some("does not keep the batch in front");
        }
        if input.iter().any(|dim| kernel.contains(dim) && output.contains(dim)) {
            return Some("has weights of their own for the positions of a dimension that stays");
        }
        if input.iter().any(|dim| !kernel.contains(dim) && !output.contains(dim)) {
            return Some("sums a dimension without weights");
        }
        if kernel.iter().any(|dim| !input.contains(dim) && !output.contains(dim)) {
            return Some("has a dimension in the weights alone");
        }
        output
            .iter()
            .any(|dim| !input.contains(dim) && !kernel.contains(dim))
            .then_some("makes a dimension from nothing")
    }

    /// The size of every dimension besides N: of the input, or as `output_shape` has it.
    fn sizes(&self, call: &LayerCall<'_, '_>, x: ValueId) -> Result<Vec<(char, usize)>> {
        let mut sizes: Vec<(char, usize)> = self.input[1..].iter().copied().zip(call.shape(x).sample()).collect();
        let declared = match call.config.get("output_shape") {
            Some(serde_json::Value::Array(dims)) => dims.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let named: Vec<char> = self.output[1..].iter().copied().filter(char::is_ascii_alphabetic).collect();
        if named.len() != declared.len() {
            let (wanted, found) = (named.len(), declared.len());
            return Err(Error::format(format!("`output_shape` has {found} dimensions, the equation {wanted}")));
        }
        for (dim, size) in named.into_iter().zip(declared) {
            let known = sizes.iter().find(|(known, _)| *known == dim).map(|(_, size)| *size);
            match (size.is_null(), known) {
                (true, Some(_)) => {}
                (true, None) => return Err(Error::format(format!("`output_shape` leaves dimension `{dim}` open"))),
                (false, known) => {
                    let size = json::size("output_shape", size)?;
                    match known {
                        Some(known) if known != size => {
                            return Err(Error::format(format!("dimension `{dim}` is {known} and {size}")));
                        }
                        Some(_) => {}
                        None => sizes.push((dim, size)),
                    }
                }
            }
        }
        Ok(sizes)
    }

    fn apply(&self, call: &mut LayerCall<'_, '_>, x: ValueId, size: &dyn Fn(char) -> usize) -> Result<ValueId> {
        let shape = |dims: &[char]| dims.iter().map(|&dim| size(dim)).collect::<Vec<usize>>();
        let (summed, kept): (Vec<char>, Vec<char>) = self.input.iter().partition(|dim| self.kernel.contains(dim));
        let new: Vec<char> = self.output.iter().copied().filter(|dim| !self.input.contains(dim)).collect();
        // The answer of the Dense has the dimensions that stay and then the new ones.
        let answer = [kept.as_slice(), &new].concat();
        let moved = permuted(call, x, &self.input, &[kept.as_slice(), &summed].concat())?;
        let kernel = call.weight_tensor("kernel", &shape(&self.kernel))?;
        let order = order(&self.kernel, &[summed.as_slice(), &new].concat());
        // A kernel that stays as it is may stay packed.
        let kernel = if order.is_sorted() { kernel } else { Arc::new(Permute { order }.answer(&[&kernel])?) };
        let bias = self.bias(call, size)?;
        // A bias over the new dimensions is the Dense's own, if the answer stays as it is.
        let own = |dims: &[char]| answer == self.output && *dims == new;
        let (own, other) = match bias {
            Some((dims, bias)) if own(&dims) => (Some(bias), None),
            other => (None, other),
        };
        let id = dense(call, "", moved, summed.len(), kernel, own)?;
        let id = call.reshape(id, &shape(&answer[1..]))?;
        let id = permuted(call, id, &answer, &self.output)?;
        let Some((dims, bias)) = other else { return Ok(id) };
        let stretched = self.output[1..].iter().map(|dim| if dims.contains(dim) { size(*dim) } else { 1 });
        let bias = Arc::new((*bias).clone().reshaped(&stretched.collect::<Vec<_>>())?);
        let bias = call.constant("bias", bias)?;
        call.op(Binary { function: BinaryFunction::Add }, &[id, bias])
    }

    /// The bias with the dimensions that it has, in the output's order.
    fn bias(
        &self,
        call: &mut LayerCall<'_, '_>,
        size: &dyn Fn(char) -> usize,
    ) -> Result<Option<(Vec<char>, Arc<Tensor>)>> {
        let axes = call.config.string("bias_axes")?.unwrap_or_default();
        if let Some(unknown) = axes.chars().find(|axis| !self.output[1..].contains(axis)) {
            return Err(Error::format(format!("`bias_axes` names `{unknown}`, which is no dimension of a sample")));
        }
        // The weight has a dimension for each of the output's from the first of the axes on, of 1 where it is not one.
        let covered = self.output.iter().skip_while(|&&dim| !axes.contains(dim));
        let shape: Vec<usize> = covered.map(|&dim| if axes.contains(dim) { size(dim) } else { 1 }).collect();
        if axes.is_empty() {
            return Ok(None);
        }
        let dims = self.output.iter().copied().filter(|&dim| axes.contains(dim)).collect();
        Ok(Some((dims, call.weight_tensor("bias", &shape)?)))
    }
}

/// Where in `from` each of the dimensions `to` stands.
fn order(from: &[char], to: &[char]) -> Vec<usize> {
    to.iter().map(|dim| from.iter().position(|known| known == dim).unwrap_or_default()).collect()
}

/// `x`, whose dimensions are `from`, with its dimensions in the order `to`.
fn permuted(call: &mut LayerCall<'_, '_>, x: ValueId, from: &[char], to: &[char]) -> Result<ValueId> {
    if from == to { Ok(x) } else { call.op(Permute { order: order(from, to) }, &[x]) }
}

/// The product of `x`, over its last `summed` dimensions, and a kernel that has those in front: `[N, …, units]`. Constants
/// are named from `scope`.
pub(super) fn dense(
    call: &mut LayerCall<'_, '_>,
    scope: &str,
    x: ValueId,
    summed: usize,
    kernel: Arc<Tensor>,
    bias: Option<Arc<Tensor>>,
) -> Result<ValueId> {
    let depth: usize = kernel.shape()[..summed].iter().product();
    let units: usize = kernel.shape()[summed..].iter().product();
    let sample = call.shape(x).sample();
    let x = call.reshape(x, &[&sample[..sample.len() - summed], &[depth]].concat())?;
    let kernel = call.constant(&format!("{scope}kernel"), Arc::new((*kernel).clone().reshaped(&[depth, units])?))?;
    let bias = match bias {
        Some(bias) => call.constant(&format!("{scope}bias"), Arc::new((*bias).clone().reshaped(&[units])?))?,
        None => call.filled(&format!("{scope}no_bias"), &[units], 0.0)?,
    };
    call.op(Dense::default(), &[x, kernel, bias])
}
