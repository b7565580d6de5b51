//! Binds the given tensors to the inputs of a model: checks names, dtypes and shapes, and finds the batch.

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::model::{InputNames, Model, no_tensor, other_shape};
use crate::passes::ActivationPrecision;
use crate::tensor::{DType, NamedTensors, Tensor, TensorType};
use std::borrow::Cow;

/// The names, dtypes and shapes of a model's inputs.
#[derive(Debug, Clone)]
pub(super) struct InputSignature {
    /// The inputs in the model's order.
    inputs: Vec<InputType>,
    pub(super) names: InputNames,
    /// The largest batch at which no value exceeds [`MAX_ELEMENTS`].
    max_batch: usize,
}

/// The name, dtype and shape of one input.
#[derive(Debug, Clone)]
struct InputType {
    name: String,
    ty: TensorType,
    /// The dimensions after N or S, or all dimensions if there is neither.
    sample: Vec<usize>,
}

/// Inputs in the model's order, with its dtypes and shapes. A tensor is copied only if it is converted.
#[derive(Debug)]
pub(super) struct BoundInputs<'t> {
    pub(super) tensors: Vec<Cow<'t, Tensor>>,
    /// The number of rows of the inputs that are not shared; 1 if there is no such input.
    pub(super) batch: usize,
    /// By position: whether the input has a row for each sample.
    pub(super) per_sample: Vec<bool>,
    /// The positions of inputs with one row for the whole batch, if the model declares them per sample.
    pub(super) shared: Vec<usize>,
    /// A note about a tensor that was accepted under another name.
    pub(super) note: Option<String>,
}

impl BoundInputs<'_> {
    /// Repeats the row of each shared input for every sample.
    pub(super) fn repeated(mut self) -> Result<Self> {
        for position in std::mem::take(&mut self.shared) {
            self.tensors[position] = Cow::Owned(self.tensors[position].repeat_rows(self.batch)?);
            self.per_sample[position] = true;
        }
        Ok(self)
    }

    /// Rounds the inputs to the precision of activations.
    pub(super) fn rounded(mut self, precision: ActivationPrecision) -> Result<Self> {
        for tensor in &mut self.tensors {
            if let Some(stored) = precision.input(tensor)? {
                *tensor = Cow::Owned(stored);
            }
        }
        Ok(self)
    }

    /// The tensors by name.
    pub(super) fn into_named(self, signature: &InputSignature) -> NamedTensors {
        let names = signature.inputs.iter().map(|input| input.name.as_str());
        names.zip(self.tensors.into_iter().map(Cow::into_owned)).collect()
    }
}

impl InputSignature {
    pub(super) fn of(model: &Model) -> InputSignature {
        let graph = model.graph();
        let shapes = graph.values().iter().map(|value| &value.ty.shape).filter(|shape| shape.is_batched());
        let largest = shapes.map(|shape| shape.sample_len()).max().unwrap_or(0);
        let input = |(id, node): (_, &crate::graph::Node)| {
            let ty = graph.ty(id).clone();
            InputType { name: node.name.clone(), sample: ty.shape.sample(), ty }
        };
        let inputs = graph.inputs().map(input).collect();
        let names = InputNames::of(model);
        InputSignature { inputs, names, max_batch: MAX_ELEMENTS.checked_div(largest).unwrap_or(usize::MAX) }
    }

    /// The names of the inputs at `positions`.
    pub(super) fn names(&self, positions: &[usize]) -> Vec<&str> {
        positions.iter().map(|&position| self.inputs[position].name.as_str()).collect()
    }

    /// Binds the given tensors. `graph` is that of this signature. Errors show the inputs of `model`, which may have
    /// open sizes.
    pub(super) fn bind<'t>(&self, graph: &Graph, model: &Model, given: &'t NamedTensors) -> Result<BoundInputs<'t>> {
        let (mut tensors, mut note) = (Vec::with_capacity(self.inputs.len()), None);
        for (position, input) in self.inputs.iter().enumerate() {
            let Some((tensor, odd_name)) = self.names.find(given, position) else {
                self.names.expect_known(given, model)?;
                return Err(no_tensor(model, &input.name));
            };
            note = odd_name.map(|name| self.names.note(position, name));
            tensors.push(bind_one(input, tensor)?);
        }
        if given.len() > tensors.len() {
            self.names.expect_known(given, model)?;
            self.names.expect_once(given)?;
        }
        let batch = self.common_batch(&tensors)?;
        if batch > self.max_batch {
            expect_computable(graph, batch)?;
        }
        let (mut shared, mut per_sample) = (Vec::new(), Vec::with_capacity(tensors.len()));
        for (position, (input, tensor)) in self.inputs.iter().zip(&tensors).enumerate() {
            let rows = tensor.shape().first().copied().unwrap_or(1);
            if input.ty.shape.is_shared() && rows != 1 {
                let name = &input.name;
                return Err(Error::input(format!("all samples share input `{name}`, which has {rows} rows"))
                    .hint("give it one row"));
            }
            per_sample.push(input.ty.shape.is_per_sample() && rows == batch);
            if input.ty.shape.is_per_sample() && rows != batch {
                shared.push(position);
            }
        }
        Ok(BoundInputs { tensors, batch, per_sample, shared, note })
    }

    fn common_batch(&self, tensors: &[Cow<'_, Tensor>]) -> Result<usize> {
        let mut batch: Option<(&str, usize)> = None;
        let batched = self.inputs.iter().zip(tensors).filter(|(input, _)| input.ty.shape.is_batched());
        for (InputType { name, .. }, tensor) in batched {
            match (tensor.shape()[0], batch) {
                (1, _) => {}
                (rows, None) => batch = Some((name, rows)),
                (rows, Some((_, known))) if rows == known => {}
                (rows, Some((first, known))) => {
                    return Err(Error::input(format!(
                        "input `{name}` has a batch of {rows}, but `{first}` has {known}"
                    ))
                    .hint("give every input the same number of rows, or one row to share"));
                }
            }
        }
        Ok(batch.map_or(1, |(_, rows)| rows))
    }
}

/// The most elements of one value: 8 GiB. A file of a few bytes may declare any size.
const MAX_ELEMENTS: usize = 1 << 31;

pub(super) fn expect_computable(graph: &Graph, batch: usize) -> Result<()> {
    for value in graph.values().iter().filter(|value| value.ty.shape.is_batched()) {
        let shape = &value.ty.shape;
        if shape.sample_len().checked_mul(batch).is_none_or(|elements| elements > MAX_ELEMENTS) {
            return Err(Error::limit(format!("a value of shape {shape} is too large at a batch of {batch}"))
                .at(format!("`{}`", graph.node(value.node).name))
                .hint("use a smaller batch"));
        }
    }
    Ok(())
}

fn bind_one<'t>(input: &InputType, tensor: &'t Tensor) -> Result<Cow<'t, Tensor>> {
    let error = |what: String, hint: &str| Err(Error::input(what).at(format!("input `{}`", input.name)).hint(hint));
    let wanted = &input.ty;
    let tensor = match (tensor.dtype(), wanted.dtype) {
        (given, wanted) if given == wanted => Cow::Borrowed(tensor),
        // Integers up to 2^24 are exact in float32. A larger id could become another one.
        (DType::I32, DType::F32) if tensor.as_i32()?.iter().all(|id| id.unsigned_abs() <= 1 << 24) => {
            Cow::Owned(tensor.cast(DType::F32))
        }
        (DType::Bool, DType::F32) => Cow::Owned(tensor.cast(DType::F32)),
        (given, wanted) => {
            let hint = match (given, wanted) {
                (DType::F32, DType::I32) => "ids are whole numbers: in JSON 245, not 245.0",
                (DType::I32, DType::F32) => "these integers are not exact in float32: round them, or write floats",
                _ => "give the tensor that dtype",
            };
            return error(format!("expects {wanted} and was given {given}"), hint);
        }
    };
    let given = tensor.shape();
    let fits = match wanted.shape.is_batched() {
        true => given.split_first().is_some_and(|(_, given)| given == input.sample),
        false => given == input.sample,
    };
    if fits {
        return Ok(tensor);
    }
    // Keras and TF.js accept [N] for [N, 1].
    if let (&[rows], [1], true) = (given, &input.sample[..], wanted.shape.is_batched()) {
        return tensor.into_owned().reshaped(&[rows, 1]).map(Cow::Owned);
    }
    Err(other_shape(&input.name, wanted, given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::tensor::{Shape, TensorType};

    #[test]
    fn an_input_is_taken_under_another_name_that_it_is_known_by() {
        let mut builder = Builder::new();
        let mut input = |name| builder.input(name, TensorType::f32(Shape::batched(&[1]))).expect("an input");
        let outputs = ["x", "y"].map(|name| (name.to_string(), input(name)));
        let graph = builder.finish(outputs.to_vec()).expect("a graph");
        let model = Model { aliases: vec![vec!["inner_x".into()]], ..Model::from_graph("two", graph) };
        let signature = InputSignature::of(&model);
        let given = |names: &[&str]| -> NamedTensors {
            let tensor = |index: usize| Tensor::f32(&[1, 1], vec![index as f32]).expect("a tensor");
            names.iter().enumerate().map(|(index, name)| (*name, tensor(index))).collect()
        };
        let known = given(&["y", "inner_x"]);
        let bound = signature.bind(model.graph(), &model, &known).expect("both are known");
        assert_eq!(bound.tensors.iter().map(|x| x.to_f64()[0]).collect::<Vec<_>>(), [1.0, 0.0]);
        assert_eq!(bound.note, None);
        let twice = given(&["x", "y", "inner_x"]);
        let error = signature.bind(model.graph(), &model, &twice).expect_err("given twice");
        assert_eq!(error.to_string(), "input `x` is given twice: as `x` and as `inner_x`");
    }
}
