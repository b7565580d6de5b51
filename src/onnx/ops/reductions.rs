//! Reductions along dimensions, softmax and normalization.
//!
//! | operators | versions that differ |
//! |---|---|
//! | ReduceSum | 1: axes are an attribute; 11: may be negative; 13: an input |
//! | other Reduce… | 1, 11; 18: axes are an input |
//! | Softmax, LogSoftmax | 1: flattened to a matrix before `axis`, by default 1; 13: along `axis`, by default the last |
//! | BatchNormalization | 7, 9, 14; statistics of the batch are not supported |
//! | LayerNormalization | 17 |
//! | InstanceNormalization, GroupNormalization, RMSNormalization, LpNormalization | 6, 18, 23, 1 |

use super::elementwise::{apply, binary, with_number};
use super::operator::{Operator, Outputs};
use super::shapes::product;
use crate::error::{Error, Result};
use crate::onnx::along::Change;
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::{Integers, Value};
use crate::ops::{
    BatchNormalization, BinaryFunction, Function, LayerNormalization, Mean, Op, Reduce, Reduction, Softmax,
};
use crate::tensor::{DType, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("BatchNormalization", &[7, 9, 14], batch_normalization),
    Operator::new("GroupNormalization", &[18, 21], group_normalization),
    Operator::new("InstanceNormalization", &[6], instance_normalization),
    Operator::new("LayerNormalization", &[17], |call| layer_normalization(call, Mean::Everywhere)),
    Operator::new("LogSoftmax", &[1, 13], |call| softmax(call, true)),
    Operator::new("LpNormalization", &[1], lp_normalization),
    Operator::new("RMSNormalization", &[23], |call| layer_normalization(call, Mean::Nowhere)),
    Operator::new("ReduceL1", &[1, 11, 18], |call| reduce(call, Reduction::L1, 18)),
    Operator::new("ReduceL2", &[1, 11, 18], |call| reduce(call, Reduction::L2, 18)),
    Operator::new("ReduceLogSum", &[1, 11, 18], |call| {
        let sum = reduce(call, Reduction::Sum, 18)?.swap_remove(0);
        Ok(vec![apply(call, Function::Logarithm, &sum)?])
    }),
    Operator::new("ReduceLogSumExp", &[1, 11, 18], |call| reduce(call, Reduction::LogSumExp, 18)),
    Operator::new("ReduceMax", &[1, 11, 18], |call| reduce(call, Reduction::Maximum, 18)),
    Operator::new("ReduceMean", &[1, 11, 18], |call| reduce(call, Reduction::Mean, 18)),
    Operator::new("ReduceMin", &[1, 11, 18], |call| reduce(call, Reduction::Minimum, 18)),
    Operator::new("ReduceProd", &[1, 11, 18], |call| reduce(call, Reduction::Product, 18)),
    Operator::new("ReduceSum", &[1, 11, 13], |call| reduce(call, Reduction::Sum, 13)),
    Operator::new("ReduceSumSquare", &[1, 11, 18], |call| {
        let x = call.input(0)?;
        let square = binary(call, BinaryFunction::Multiply, &x, &x)?;
        reduce_of(call, square, Reduction::Sum, 18)
    }),
    Operator::new("Softmax", &[1, 13], |call| softmax(call, false)),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn reduce(call: Context<'_, '_, '_, '_>, reduction: Reduction, since: i64) -> Outputs {
    let x = call.input(0)?;
    reduce_of(call, x, reduction, since)
}

fn reduce_of(call: Context<'_, '_, '_, '_>, x: Value, reduction: Reduction, since: i64) -> Outputs {
    let rank = x.rank()?;
    let axes = call.list("axes", 1, since)?.filter(|axes| !axes.is_empty());
    if axes.is_none() && call.int("noop_with_empty_axes")? == Some(1) {
        return Ok(vec![x]);
    }
    let mut axes: Vec<usize> = match axes {
        Some(axes) => axes.into_iter().map(|axis| call.axis(axis, rank)).collect::<Result<_>>()?,
        None => (0..rank).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    let keeps = call.int("keepdims")?.unwrap_or(1) == 1;
    Ok(vec![reduced(call, &x, &axes, keeps, reduction)?])
}

/// The reduction along these axes, which are in order.
pub(super) fn reduced(
    call: Context<'_, '_, '_, '_>,
    x: &Value,
    axes: &[usize],
    keeps: bool,
    reduction: Reduction,
) -> Result<Value> {
    if let Value::Integers(integers) = x
        && axes.len() == integers.shape.len()
        && let Some(total) = of_integers(integers, reduction)
    {
        let shape = if keeps { vec![1; axes.len()] } else { Vec::new() };
        return Ok(Value::Integers(Integers { shape, elements: vec![total] }));
    }
    if let Some(value) = of_nothing(call, x, axes, keeps, reduction)? {
        return Ok(value);
    }
    let mut value = x.clone();
    for &axis in axes.iter().rev() {
        value = call.along(&value, axis, |axis| Op::from(Reduce { reduction, axis }), Change::Removed)?;
    }
    if keeps { call.unsqueezed(&value, axes) } else { Ok(value) }
}

/// The largest or smallest of no floats: an infinity.
fn of_nothing(
    call: Context<'_, '_, '_, '_>,
    x: &Value,
    axes: &[usize],
    keeps: bool,
    reduction: Reduction,
) -> Result<Option<Value>> {
    let infinity = match reduction {
        Reduction::Maximum => f32::NEG_INFINITY,
        Reduction::Minimum => f32::INFINITY,
        _ => return Ok(None),
    };
    let sizes = x.sizes()?;
    if call.dtype(x) != DType::F32 || axes.iter().all(|&axis| sizes[axis] != Size::fixed(0)) {
        return Ok(None);
    }
    let kept: Vec<Size> = sizes
        .iter()
        .enumerate()
        .filter(|(axis, _)| keeps || !axes.contains(axis))
        .map(|(axis, size)| if axes.contains(&axis) { Size::fixed(1) } else { *size })
        .collect();
    let infinity = Value::constant(Tensor::f32(&[], vec![infinity])?)?;
    super::shapes::stretched(call, &infinity, &kept).map(Some)
}

fn of_integers(integers: &Integers, reduction: Reduction) -> Option<Size> {
    let mut elements = integers.elements.iter().copied();
    match reduction {
        Reduction::Sum => elements.try_fold(Size::fixed(0), Size::add),
        Reduction::Product => elements.try_fold(Size::fixed(1), Size::multiply),
        Reduction::Maximum => elements.map(Size::known).collect::<Option<Vec<_>>>()?.into_iter().max().map(Size::fixed),
        Reduction::Minimum => elements.map(Size::known).collect::<Option<Vec<_>>>()?.into_iter().min().map(Size::fixed),
        _ => None,
    }
}

fn softmax(call: Context<'_, '_, '_, '_>, log: bool) -> Outputs {
    let x = call.input(0)?;
    let sizes = x.sizes()?;
    let rank = sizes.len();
    let make = |axis: usize| Op::from(Softmax { axis, log });
    if call.opset() >= 13 {
        let axis = call.axis(call.int("axis")?.unwrap_or(-1), rank)?;
        return Ok(vec![call.along(&x, axis, make, Change::Same)?]);
    }
    let axis = call.int("axis")?.unwrap_or(1);
    let axis = if axis == rank as i64 { rank } else { call.axis(axis, rank)? };
    if axis + 1 == rank {
        return Ok(vec![call.along(&x, axis, make, Change::Same)?]);
    }
    let mut flat = sizes[..axis].to_vec();
    flat.push(product(&sizes[axis..])?);
    let flat = call.with_sizes(&x, &flat)?;
    let flat = call.along(&flat, axis, make, Change::Same)?;
    Ok(vec![call.with_sizes(&flat, &sizes)?])
}

/// A vector as it lies along dimension `axis` of a value of this rank.
fn along_axis(call: Context<'_, '_, '_, '_>, vector: &Value, axis: usize, rank: usize) -> Result<Value> {
    let size = vector.sizes()?.first().copied().ok_or_else(|| Error::shape("takes a vector for each channel"))?;
    let mut sizes = vec![Size::fixed(1); rank];
    sizes[axis] = size;
    call.with_sizes(vector, &sizes)
}

fn batch_normalization(call: Context<'_, '_, '_, '_>) -> Outputs {
    if call.int("training_mode")? == Some(1) {
        return Err(Error::unsupported("normalizes by the statistics of the batch, which is not supported")
            .hint("export the model for inference (`training_mode` 0)"));
    }
    if call.int("spatial")? == Some(0) {
        return Err(Error::unsupported("normalizes every position by itself (`spatial` 0), which is not supported")
            .hint("export the model with opset 9 or later"));
    }
    let (x, epsilon) = (call.input(0)?, call.float("epsilon")?.unwrap_or(1e-5));
    let rank = x.rank()?;
    let axis = if rank == 1 { 0 } else { 1 };
    let statistics = [call.input(1)?, call.input(2)?, call.input(3)?, call.input(4)?];
    if let (Value::Computed(_), [Some(scale), Some(bias), Some(mean), Some(variance)]) = (&x, known(&statistics)?) {
        let mut rows = Vec::with_capacity(4 * scale.len());
        for vector in [&scale, &bias, &mean, &variance] {
            rows.extend_from_slice(vector.as_f32()?);
        }
        let rows = Tensor::f32(&[4, scale.len()], rows)?;
        let normalized = normalized_by(call, &x, axis, epsilon, rows)?;
        return Ok(vec![normalized]);
    }
    let [scale, bias, mean, variance] = statistics;
    let [scale, bias, mean, variance] = [
        along_axis(call, &scale, axis, rank)?,
        along_axis(call, &bias, axis, rank)?,
        along_axis(call, &mean, axis, rank)?,
        along_axis(call, &variance, axis, rank)?,
    ];
    let centred = binary(call, BinaryFunction::Subtract, &x, &mean)?;
    let deviation = with_number(call, BinaryFunction::Add, &variance, epsilon)?;
    let deviation = apply(call, Function::SquareRoot, &deviation)?;
    let normal = binary(call, BinaryFunction::Divide, &centred, &deviation)?;
    let scaled = binary(call, BinaryFunction::Multiply, &normal, &scale)?;
    Ok(vec![binary(call, BinaryFunction::Add, &scaled, &bias)?])
}

fn known(values: &[Value; 4]) -> Result<[Option<std::sync::Arc<Tensor>>; 4]> {
    Ok([values[0].known()?, values[1].known()?, values[2].known()?, values[3].known()?])
}

/// Batch normalization along an axis by a matrix of statistics.
fn normalized_by(
    call: Context<'_, '_, '_, '_>,
    x: &Value,
    axis: usize,
    epsilon: f32,
    statistics: Tensor,
) -> Result<Value> {
    let statistics = call.constant(statistics)?;
    let Value::Computed(computed) = x else { return Err(Error::unsupported("normalizes a constant")) };
    let stored = computed.stored_axis(axis).ok_or_else(crate::onnx::along::mixes_samples)?;
    let id = call.op(BatchNormalization { axis: stored, epsilon }, &[computed.id, statistics])?;
    Ok(Value::Computed(crate::onnx::value::Computed { id, dims: computed.dims.clone() }))
}

/// Mean and inverse deviation along axes, and the normalized value.
fn standardized(
    call: Context<'_, '_, '_, '_>,
    x: &Value,
    axes: &[usize],
    epsilon: f32,
    mean: Mean,
) -> Result<[Value; 3]> {
    let (centre, centred) = if mean == Mean::Nowhere {
        (x.clone(), x.clone())
    } else {
        let centre = reduced(call, x, axes, true, Reduction::Mean)?;
        let centred = binary(call, BinaryFunction::Subtract, x, &centre)?;
        (centre, centred)
    };
    let square = binary(call, BinaryFunction::Multiply, &centred, &centred)?;
    let variance = reduced(call, &square, axes, true, Reduction::Mean)?;
    let variance = with_number(call, BinaryFunction::Add, &variance, epsilon)?;
    let deviation = apply(call, Function::SquareRoot, &variance)?;
    let one = Value::constant(Tensor::f32(&[], vec![1.0])?)?;
    let inverse = binary(call, BinaryFunction::Divide, &one, &deviation)?;
    let normal = binary(call, BinaryFunction::Multiply, &centred, &inverse)?;
    Ok([normal, centre, inverse])
}

fn layer_normalization(call: Context<'_, '_, '_, '_>, mean: Mean) -> Outputs {
    let (x, epsilon) = (call.input(0)?, call.float("epsilon")?.unwrap_or(1e-5));
    let rank = x.rank()?;
    let axis = call.axis(call.int("axis")?.unwrap_or(-1), rank)?;
    let (scale, bias) = (call.input(1)?, call.optional(2));
    let wants_statistics = call.node.outputs.iter().skip(1).any(|output| !output.is_empty());
    if let Value::Computed(computed) = &x
        && !wants_statistics
        && (axis..rank).all(|axis| computed.stored_axis(axis).is_some())
        && let Some(ids) = affine(call, computed, axis, &scale, bias.as_ref())?
    {
        let op = LayerNormalization { axes: rank - axis, epsilon, mean };
        let id = call.op(op, &[computed.id, ids[0], ids[1]])?;
        return Ok(vec![Value::Computed(crate::onnx::value::Computed { id, dims: computed.dims.clone() })]);
    }
    let axes: Vec<usize> = (axis..rank).collect();
    let [normal, centre, inverse] = standardized(call, &x, &axes, epsilon, mean)?;
    let mut value = binary(call, BinaryFunction::Multiply, &normal, &scale)?;
    if let Some(bias) = bias {
        value = binary(call, BinaryFunction::Add, &value, &bias)?;
    }
    Ok(vec![value, centre, inverse])
}

/// Scale and bias of a layer normalization as constants of the dimensions that it covers.
fn affine(
    call: Context<'_, '_, '_, '_>,
    x: &crate::onnx::value::Computed,
    axis: usize,
    scale: &Value,
    bias: Option<&Value>,
) -> Result<Option<[crate::graph::ValueId; 2]>> {
    let shape: Vec<usize> = x.dims[axis..].iter().map(|dim| dim.size().plus as usize).collect();
    let count = crate::tensor::element_count(&shape)?;
    let mut ids = Vec::with_capacity(2);
    for (value, filler) in [(Some(scale), 1.0), (bias, 0.0)] {
        let tensor = match value {
            None => std::sync::Arc::new(Tensor::f32(&shape, vec![filler; count])?),
            Some(value) => match value.known()? {
                Some(tensor) if tensor.shape() == shape => tensor,
                Some(tensor) if tensor.len() == count && tensor.shape().ends_with(&shape) => {
                    std::sync::Arc::new(tensor.as_ref().clone().reshaped(&shape)?)
                }
                _ => return Ok(None),
            },
        };
        ids.push(call.weight(&tensor)?);
    }
    Ok(Some([ids[0], ids[1]]))
}

fn instance_normalization(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, epsilon) = (call.input(0)?, call.float("epsilon")?.unwrap_or(1e-5));
    let rank = x.rank()?;
    let axes: Vec<usize> = (2..rank).collect();
    let [normal, ..] = standardized(call, &x, &axes, epsilon, Mean::Everywhere)?;
    let (scale, bias) = (call.input(1)?, call.input(2)?);
    let (scale, bias) = (along_axis(call, &scale, 1, rank)?, along_axis(call, &bias, 1, rank)?);
    let scaled = binary(call, BinaryFunction::Multiply, &normal, &scale)?;
    Ok(vec![binary(call, BinaryFunction::Add, &scaled, &bias)?])
}

fn group_normalization(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, epsilon) = (call.input(0)?, call.float("epsilon")?.unwrap_or(1e-5));
    let sizes = x.sizes()?;
    let groups = call.int("num_groups")?.unwrap_or(1);
    let channels = sizes.get(1).copied().ok_or_else(|| Error::shape("has no channels"))?.expect_known()?;
    if groups < 1 || channels % groups != 0 {
        return Err(Error::shape(format!("{channels} channels are not {groups} groups")));
    }
    let rest = product(&sizes[2..])?.multiply(Size::fixed(channels / groups));
    let rest = rest.ok_or_else(crate::onnx::size::computes_with_the_batch)?;
    let grouped = call.with_sizes(&x, &[sizes[0], Size::fixed(groups), rest])?;
    let [normal, ..] = standardized(call, &grouped, &[2], epsilon, Mean::Everywhere)?;
    let (scale, bias) = (call.input(1)?, call.input(2)?);
    // Before version 21 there is one number for each group.
    let of_groups = call.opset() < 21;
    let mut value = if of_groups { normal } else { call.with_sizes(&normal, &sizes)? };
    let rank = if of_groups { 3 } else { sizes.len() };
    let (scale, bias) = (along_axis(call, &scale, 1, rank)?, along_axis(call, &bias, 1, rank)?);
    value = binary(call, BinaryFunction::Multiply, &value, &scale)?;
    value = binary(call, BinaryFunction::Add, &value, &bias)?;
    Ok(vec![call.with_sizes(&value, &sizes)?])
}

fn lp_normalization(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let axis = call.axis(call.int("axis")?.unwrap_or(-1), x.rank()?)?;
    let reduction = if call.int("p")? == Some(1) { Reduction::L1 } else { Reduction::L2 };
    let length = reduced(call, &x, &[axis], true, reduction)?;
    if call.dtype(&x) != DType::F32 {
        return Err(Error::unsupported("normalizes integers"));
    }
    Ok(vec![binary(call, BinaryFunction::Divide, &x, &length)?])
}
