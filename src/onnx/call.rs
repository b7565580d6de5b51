//! One node: its attributes and inputs, and what it adds to the graph.

use super::file::{AttributeValue, GraphProto, NodeProto, TensorProto};
use super::lowering::Lowering;
use super::size::Size;
use super::value::{Computed, Integers, LogicalDim, Value};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BroadcastBatch, Cast, Dense, Op, RepeatVector, Reshape};
use crate::tensor::{DType, Tensor};
use std::sync::Arc;

/// A node that is lowered.
pub(super) struct Call<'c, 'f, 's> {
    pub(super) lowering: &'c mut Lowering<'f, 's>,
    pub(super) node: &'c NodeProto<'f>,
    inputs: Vec<Option<Value>>,
}

impl<'c, 'f, 's> Call<'c, 'f, 's> {
    pub(super) fn new(lowering: &'c mut Lowering<'f, 's>, node: &'c NodeProto<'f>, inputs: Vec<Option<Value>>) -> Self {
        Call { lowering, node, inputs }
    }

    pub(super) fn opset(&self) -> i64 {
        self.lowering.opset
    }

    /// The name of what the node adds to the graph.
    pub(super) fn name(&self) -> &'f str {
        match self.node.outputs.first() {
            _ if !self.node.name.is_empty() => self.node.name,
            Some(output) => output,
            None => self.node.op_type,
        }
    }

    fn attribute(&self, name: &str) -> Option<&'c AttributeValue<'f>> {
        self.node.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Int(value)) => Ok(Some(*value)),
            Some(_) => Err(wrong_attribute(name, "an integer")),
        }
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f32>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Float(value)) => Ok(Some(*value)),
            Some(_) => Err(wrong_attribute(name, "a float")),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => Err(wrong_attribute(name, "integers")),
        }
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<Vec<f32>>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Floats(values)) => Ok(Some(values.clone())),
            Some(_) => Err(wrong_attribute(name, "floats")),
        }
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'f str>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::String(bytes)) => {
                std::str::from_utf8(bytes).map(Some).map_err(|_| wrong_attribute(name, "text"))
            }
            Some(_) => Err(wrong_attribute(name, "text")),
        }
    }

    pub(super) fn strings(&self, name: &str) -> Result<Option<Vec<&'f str>>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Strings(list)) => {
                let text = |bytes: &&'f [u8]| std::str::from_utf8(bytes).map_err(|_| wrong_attribute(name, "text"));
                list.iter().map(text).collect::<Result<_>>().map(Some)
            }
            Some(_) => Err(wrong_attribute(name, "texts")),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'c TensorProto<'f>>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Tensor(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(wrong_attribute(name, "a tensor")),
        }
    }

    pub(super) fn graph(&self, name: &str) -> Result<&'c GraphProto<'f>> {
        match self.attribute(name) {
            Some(AttributeValue::Graph(graph)) => Ok(graph),
            _ => Err(wrong_attribute(name, "a graph")),
        }
    }

    /// The number of inputs, those left out among them included.
    pub(super) fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// The input at `index`, unless it is left out.
    pub(super) fn optional(&self, index: usize) -> Option<Value> {
        self.inputs.get(index).cloned().flatten()
    }

    pub(super) fn input(&self, index: usize) -> Result<Value> {
        self.optional(index).ok_or_else(|| Error::format(format!("has no input {index}")))
    }

    /// The integers of an input that decides on shapes.
    pub(super) fn sizes(&self, index: usize) -> Result<Vec<Size>> {
        integers(&self.input(index)?).map(|integers| integers.elements)
    }

    /// The same where none is the batch.
    pub(super) fn known_sizes(&self, index: usize) -> Result<Vec<i64>> {
        self.sizes(index)?.into_iter().map(Size::expect_known).collect()
    }

    /// Integers of an attribute, or in later versions of an input.
    pub(super) fn list(&self, attribute: &str, input: usize, since: i64) -> Result<Option<Vec<i64>>> {
        if self.opset() < since {
            return self.ints(attribute);
        }
        self.optional(input).map(|_| self.known_sizes(input)).transpose()
    }

    /// An axis of a value of this rank, counted from the end if negative.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        let found = from_start.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank);
        found.ok_or_else(|| Error::shape(format!("axis {axis} is not a dimension of a value of rank {rank}")))
    }

    /// A new operator over values of the graph.
    pub(super) fn op(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        let name = self.name();
        self.lowering.builder.op(name, op, inputs)
    }

    /// A new operator with several outputs.
    pub(super) fn outputs_of(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let name = self.name();
        self.lowering.builder.outputs_of(name, op, inputs)
    }

    /// A constant of the graph.
    pub(super) fn constant(&mut self, tensor: Tensor) -> Result<ValueId> {
        let name = self.name();
        self.lowering.constant(name, &Arc::new(tensor))
    }

    /// A constant of the graph that a weight of the file is.
    pub(super) fn weight(&mut self, tensor: &Arc<Tensor>) -> Result<ValueId> {
        let name = self.name();
        self.lowering.constant(name, tensor)
    }

    pub(super) fn dtype(&self, value: &Value) -> DType {
        match value {
            Value::Constant(tensor) | Value::Repeated { tensor, .. } => tensor.dtype(),
            Value::Integers(_) | Value::Counted(_) => DType::I32,
            Value::Computed(computed) | Value::EachSample(computed) => self.lowering.builder.ty(computed.id).dtype,
            Value::Sequence(list) => list.first().map_or(DType::F32, |value| self.dtype(value)),
        }
    }

    /// The value as one of the graph that has the batch. A constant is repeated for every sample.
    pub(super) fn computed(&mut self, value: &Value) -> Result<Computed> {
        let (tensor, axis, times) = match value {
            Value::Computed(computed) => return Ok(computed.clone()),
            Value::Repeated { tensor, axis, times } => (Arc::clone(tensor), Some(*axis), *times),
            known => match known.known()? {
                Some(tensor) => (tensor, None, 1),
                None => return Err(super::size::computes_with_the_batch()),
            },
        };
        let like = self.lowering.batched.ok_or_else(|| Error::unsupported("the model has no inputs"))?;
        let dim = |(at, &size): (usize, &usize)| match axis {
            Some(axis) if at == axis => LogicalDim::Batch(times),
            _ => LogicalDim::Fixed(size),
        };
        let dims: Vec<LogicalDim> = tensor.shape().iter().enumerate().map(dim).collect();
        let mut computed = Computed { id: like, dims };
        let fixed = computed.fixed();
        let one_row = tensor.as_ref().clone().reshaped(&[&[1], fixed.as_slice()].concat())?;
        let one_row = self.constant(one_row)?;
        computed.id = self.op(BroadcastBatch, &[one_row, like])?;
        if times > 1 {
            // Repeated once more for the rows of a sample.
            let sample = [&[1], fixed.as_slice()].concat();
            let row = self.op(Reshape { sample }, &[computed.id])?;
            let ones = Tensor::f32(&[&[times], vec![1; fixed.len()].as_slice()].concat(), vec![1.0; times])?;
            computed.id = self.stretched(row, ones)?;
        }
        Ok(computed)
    }

    /// A value repeated along its dimensions of 1 as `ones` is long.
    fn stretched(&mut self, value: ValueId, ones: Tensor) -> Result<ValueId> {
        let dtype = self.lowering.builder.ty(value).dtype;
        let (ones, function) = match dtype {
            DType::F32 => (ones, crate::ops::BinaryFunction::Keep),
            DType::I32 => (ones.cast(DType::I32), crate::ops::BinaryFunction::Multiply),
            DType::Bool => (ones.cast(DType::Bool), crate::ops::BinaryFunction::Minimum),
        };
        let ones = self.constant(ones)?;
        self.op(crate::ops::Binary { function }, &[value, ones])
    }

    /// A value of the graph repeated along dimensions of 1, to this sample.
    pub(super) fn expand(&mut self, value: ValueId, sample: &[usize]) -> Result<ValueId> {
        if self.lowering.builder.ty(value).shape.sample() == sample {
            return Ok(value);
        }
        // Repeated along the first dimension, as RepeatVector does.
        let now = self.lowering.builder.ty(value).shape.sample();
        if let (Some((1, rest)), Some((&count, new_rest))) = (now.split_first(), sample.split_first())
            && rest == new_rest
        {
            let width = crate::tensor::element_count(rest)?;
            let row = self.reshaped(value, &[width])?;
            let rows = self.op(RepeatVector { count }, &[row])?;
            return self.reshaped(rows, sample);
        }
        self.lowering.make_room(sample)?;
        let count = crate::tensor::element_count(sample)?;
        self.stretched(value, Tensor::f32(sample, vec![1.0; count])?)
    }

    /// The value in another dtype.
    pub(super) fn cast(&mut self, id: ValueId, to: DType) -> Result<ValueId> {
        if self.lowering.builder.ty(id).dtype == to { Ok(id) } else { self.op(Cast { to }, &[id]) }
    }

    /// A value of the graph in another form, whose dimensions are the batch and these.
    pub(super) fn reshaped(&mut self, id: ValueId, sample: &[usize]) -> Result<ValueId> {
        if self.lowering.builder.ty(id).shape.sample() == sample {
            return Ok(id);
        }
        if let Some(product) = self.product_reshaped(id, sample)? {
            return Ok(product);
        }
        self.op(Reshape { sample: sample.to_vec() }, &[id])
    }

    /// The product plus a constant for each unit, if the value is a product by a constant.
    pub(super) fn with_bias(&mut self, value: &Value, bias: &Value) -> Result<Option<Value>> {
        let (Value::Computed(computed), Value::Constant(bias)) = (value, bias) else { return Ok(None) };
        let Some(&[x, weights]) = self.lowering.products.get(&computed.id) else { return Ok(None) };
        let Some(LogicalDim::Fixed(units)) = computed.dims.last() else { return Ok(None) };
        let is_vector =
            bias.shape().last() == Some(units) && bias.len() == *units && bias.shape().len() <= computed.dims.len();
        if !is_vector {
            return Ok(None);
        }
        let bias = Arc::new(bias.as_ref().clone().reshaped(&[*units])?);
        let bias = self.weight(&bias)?;
        let id = self.op(Dense::default(), &[x, weights, bias])?;
        Ok(Some(Value::Computed(Computed { id, dims: computed.dims.clone() })))
    }

    /// A product in another form whose last dimension is the same: the form changes before the product.
    fn product_reshaped(&mut self, id: ValueId, sample: &[usize]) -> Result<Option<ValueId>> {
        let Some(&[x, weights]) = self.lowering.products.get(&id) else { return Ok(None) };
        let shape = |id: ValueId| self.lowering.builder.ty(id).shape.sample();
        let (depth, units) = (shape(weights)[0], shape(weights)[1]);
        let Some((&last, rest)) = sample.split_last() else { return Ok(None) };
        if last != units || shape(id).last() != Some(&units) {
            return Ok(None);
        }
        let x = self.reshaped(x, &[rest, &[depth]].concat())?;
        let bias = self.constant(Tensor::f32(&[units], vec![0.0; units])?)?;
        let id = self.op(Dense::default(), &[x, weights, bias])?;
        self.lowering.products.insert(id, [x, weights]);
        Ok(Some(id))
    }
}

/// The integers of a value that decides on shapes.
pub(super) fn integers(value: &Value) -> Result<Integers> {
    match value {
        Value::Integers(integers) => Ok(integers.clone()),
        Value::Constant(tensor) => {
            let elements = tensor.to_f64().into_iter().map(|number| Size::fixed(number as i64)).collect();
            Ok(Integers { shape: tensor.shape().to_vec(), elements })
        }
        Value::Counted(_) => Err(super::size::computes_with_the_batch()),
        Value::Repeated { .. } | Value::Computed(_) | Value::Sequence(_) | Value::EachSample(_) => {
            Err(Error::unsupported("takes a shape or an axis that depends on the inputs, which is not supported")
                .cause("the shapes of all values but for the batch must be known when the model is loaded")
                .hint("export the model with fixed shapes"))
        }
    }
}

fn wrong_attribute(name: &str, wanted: &str) -> Error {
    Error::format(format!("its attribute `{name}` is not {wanted}")).hint("export the model again")
}
