//! Dimensions of values in the file and in memory: broadcasting, transposing and reshaping where the batch may be
//! anywhere.

use super::call::Call;
use super::known::{indices, transposed};
use super::size::{Size, computes_with_the_batch};
use super::value::{Computed, Integers, LogicalDim, Value, format_sizes};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{Op, Permute};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Where the batch is among the dimensions of a result, counted from the end: the last is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    from_end: usize,
    dim: LogicalDim,
}

impl Call<'_, '_, '_> {
    /// An operator on elements of operands that broadcast as in NumPy.
    pub(super) fn elementwise(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Value> {
        let op = op.into();
        if operands.iter().any(|operand| matches!(operand, Value::Computed(_))) {
            let (ids, dims) = self.aligned(operands)?;
            let id = self.op(op, &ids)?;
            return Ok(Value::Computed(Computed { id, dims }));
        }
        let batch = self.common_batch(operands)?;
        let tensors = operands.iter().map(tensor_of).collect::<Result<Vec<_>>>()?;
        let tensor = self.lowering.fold(&op, &tensors.iter().map(Arc::as_ref).collect::<Vec<_>>())?;
        match batch {
            None => Value::constant(tensor),
            Some(Batch { from_end, dim }) => {
                let axis = tensor.shape().len() - from_end;
                Ok(Value::Repeated { tensor: Arc::new(tensor), axis, times: dim.rows().unwrap_or(1) })
            }
        }
    }

    /// The batch of operands that broadcast; an error if it is in several places.
    fn common_batch(&self, operands: &[Value]) -> Result<Option<Batch>> {
        let mut common: Option<Batch> = None;
        // Computed values first: they say in which order rows are.
        let (computed, others): (Vec<&Value>, Vec<&Value>) =
            operands.iter().partition(|operand| matches!(operand, Value::Computed(_)));
        for operand in computed.into_iter().chain(others) {
            let is_computed = matches!(operand, Value::Computed(_));
            let batch = match operand {
                Value::Computed(computed) => computed
                    .batch_axis()
                    .map(|axis| Batch { from_end: computed.dims.len() - axis, dim: computed.dims[axis] }),
                Value::Repeated { tensor, axis, times } => {
                    Some(Batch { from_end: tensor.shape().len() - axis, dim: LogicalDim::Batch(*times) })
                }
                _ => None,
            };
            match (common, batch) {
                (None, batch) => common = batch,
                // A constant is the same in either order of rows.
                (Some(one), Some(other))
                    if one.from_end == other.from_end && one.dim.rows() == other.dim.rows() && !is_computed => {}
                (Some(one), Some(other)) if one != other => {
                    return Err(Error::unsupported(
                        "combines every sample with every other, or rows of different samples",
                    )
                    .cause("the batch is not the same dimension of its operands")
                    .hint("export the model with the batch first in every value"));
                }
                _ => {}
            }
        }
        Ok(common)
    }

    /// Operands in memory, of one rank, and the dimensions of what they broadcast to.
    pub(super) fn aligned(&mut self, operands: &[Value]) -> Result<(Vec<ValueId>, Vec<LogicalDim>)> {
        let batch = self.common_batch(operands)?;
        let mut rank = 0;
        for operand in operands {
            rank = rank.max(operand.rank()?);
        }
        let mut dims: Vec<LogicalDim> = vec![LogicalDim::Fixed(1); rank];
        if let Some(Batch { from_end, dim }) = batch {
            dims[rank - from_end] = dim;
        }
        let mut ids = Vec::with_capacity(operands.len());
        for operand in operands {
            let id = match operand {
                Value::Computed(computed) => {
                    if batch.is_some() && computed.batch_axis().is_none() {
                        return Err(Error::unsupported("mixes a value with a batch and one without"));
                    }
                    let missing = rank - computed.dims.len();
                    let rows = (computed.leading() == 2).then_some(computed.rows());
                    let sample: Vec<usize> =
                        rows.into_iter().chain(std::iter::repeat_n(1, missing)).chain(computed.fixed()).collect();
                    self.reshaped(computed.id, &sample)?
                }
                constant => {
                    let tensor = tensor_of(constant)?;
                    let shape = self.without_batch(tensor.shape(), batch)?;
                    let tensor = if shape == tensor.shape() {
                        tensor
                    } else {
                        Arc::new(tensor.as_ref().clone().reshaped(&shape)?)
                    };
                    self.weight(&tensor)?
                }
            };
            ids.push(id);
            broadcast(&mut dims, &operand.sizes()?)?;
        }
        Ok((ids, dims))
    }

    /// The shape of a constant without the dimension that is broadcast along the batch, and without ones before.
    fn without_batch(&self, shape: &[usize], batch: Option<Batch>) -> Result<Vec<usize>> {
        let mut shape = shape.to_vec();
        if let Some(axis) = batch.and_then(|batch| shape.len().checked_sub(batch.from_end))
            && shape.remove(axis) != 1
        {
            return Err(Error::unsupported("has a constant with one value for each sample of a batch")
                .hint("export the model with a dynamic batch"));
        }
        let ones = shape.iter().take_while(|&&size| size == 1).count();
        // A scalar stays one.
        Ok(shape.split_off(ones))
    }

    /// The dimensions in another order.
    pub(super) fn transposed(&mut self, value: &Value, order: &[usize]) -> Result<Value> {
        match value {
            Value::Computed(computed) => {
                let dims: Vec<LogicalDim> = order.iter().map(|&axis| computed.dims[axis]).collect();
                let leading = computed.leading();
                let of_rest = order.iter().filter_map(|&axis| computed.stored_axis(axis));
                let stored: Vec<usize> = (0..leading).chain(of_rest).collect();
                let is_same = stored.iter().copied().eq(0..stored.len());
                let id = if is_same { computed.id } else { self.op(Permute { order: stored }, &[computed.id])? };
                Ok(Value::Computed(Computed { id, dims }))
            }
            Value::Repeated { tensor, axis, times } => {
                let tensor = transposed(tensor, order)?;
                let axis = order.iter().position(|from| from == axis).unwrap_or(0);
                Ok(Value::Repeated { tensor: Arc::new(tensor), axis, times: *times })
            }
            Value::Constant(tensor) => Value::constant(transposed(tensor, order)?),
            Value::Integers(integers) => {
                let at = crate::tensor::row_major_strides(&integers.shape);
                let shape: Vec<usize> = order.iter().map(|&axis| integers.shape[axis]).collect();
                let elements = indices(&shape).map(|index| {
                    let place: usize = index.iter().zip(order).map(|(&index, &axis)| index * at[axis]).sum();
                    integers.elements[place]
                });
                Ok(Value::Integers(Integers { elements: elements.collect(), shape }))
            }
            Value::Counted(_) => Ok(value.clone()),
            Value::Sequence(_) | Value::EachSample(_) => Err(Error::unsupported("transposes a list of tensors")),
        }
    }

    /// The value with other dimensions, whose product is the same.
    pub(super) fn with_sizes(&mut self, value: &Value, sizes: &[Size]) -> Result<Value> {
        let fits = || -> Option<Vec<usize>> {
            sizes.iter().map(|size| size.known().and_then(|size| usize::try_from(size).ok())).collect()
        };
        match value {
            Value::Constant(tensor) => {
                let shape = fits().ok_or_else(computes_with_the_batch)?;
                Value::constant(tensor.as_ref().clone().reshaped(&shape)?)
            }
            Value::Integers(integers) => {
                let shape = fits().ok_or_else(computes_with_the_batch)?;
                if crate::tensor::element_count(&shape)? != integers.elements.len() {
                    return Err(other_count(value, sizes));
                }
                Ok(Value::Integers(Integers { shape, elements: integers.elements.clone() }))
            }
            Value::Repeated { tensor, axis, times } => {
                let dims: Vec<LogicalDim> = (0..tensor.shape().len())
                    .map(|at| match at == *axis {
                        true => LogicalDim::Batch(*times),
                        false => LogicalDim::Fixed(tensor.shape()[at]),
                    })
                    .collect();
                let Reshaped { dims, moves: None, .. } = Reshaped::new(value, &dims, sizes)? else {
                    return Err(Error::unsupported("merges dimensions before the batch of a constant with it"));
                };
                let size = |dim: &LogicalDim| if let LogicalDim::Fixed(size) = dim { *size } else { 1 };
                let shape: Vec<usize> = dims.iter().map(size).collect();
                let rows = dims.iter().enumerate().find_map(|(at, dim)| Some((at, dim.rows()?)));
                let Some((axis, new_times)) = rows else { return Err(other_count(value, sizes)) };
                // What is merged with the batch must be the same all along.
                if crate::tensor::element_count(&shape)? != tensor.len() {
                    let first = tensor.to_f64();
                    let is_uniform = first.iter().all(|number| number.to_bits() == first[0].to_bits());
                    if !is_uniform || first.is_empty() {
                        return Err(Error::unsupported("merges a constant with the batch"));
                    }
                    let count = crate::tensor::element_count(&shape)?;
                    self.lowering.make_room(&shape)?;
                    let words = vec![tensor.to_words()[0]; count];
                    let tensor = Tensor::from_words(&shape, tensor.dtype(), &words)?;
                    return Ok(Value::Repeated { tensor: Arc::new(tensor), axis, times: new_times });
                }
                let tensor = Arc::new(tensor.as_ref().clone().reshaped(&shape)?);
                Ok(Value::Repeated { tensor, axis, times: new_times })
            }
            Value::Computed(computed) => {
                let target = Reshaped::new(value, &computed.dims, sizes)?;
                let mut id = computed.id;
                if let Some(moves) = target.moves {
                    id = self.reshaped(id, &moves)?;
                    id = self.op(Permute { order: vec![0, 1, 3, 2, 4] }, &[id])?;
                }
                let id = self.reshaped(id, &target.sample)?;
                Ok(Value::Computed(Computed { id, dims: target.dims }))
            }
            Value::Counted(counted) if sizes == [counted.count] => Ok(value.clone()),
            Value::Counted(_) => Err(computes_with_the_batch()),
            Value::Sequence(_) | Value::EachSample(_) => Err(Error::unsupported("reshapes a list of tensors")),
        }
    }

    /// The value with one more dimension of 1 before each of these positions of the result.
    pub(super) fn unsqueezed(&mut self, value: &Value, axes: &[usize]) -> Result<Value> {
        let mut sizes = value.sizes()?.into_iter();
        let rank = value.rank()? + axes.len();
        let new: Vec<Size> = (0..rank)
            .map(|at| if axes.contains(&at) { Size::fixed(1) } else { sizes.next().unwrap_or(Size::fixed(1)) })
            .collect();
        self.with_sizes(value, &new)
    }

    /// The value without these dimensions of 1.
    pub(super) fn squeezed(&mut self, value: &Value, axes: &[usize]) -> Result<Value> {
        let sizes = value.sizes()?;
        if let Some(axis) = axes.iter().find(|&&axis| sizes[axis] != Size::fixed(1)) {
            return Err(Error::shape(format!("dimension {axis} of {} is not 1", format_sizes(&sizes))));
        }
        let kept: Vec<Size> =
            sizes.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, size)| *size).collect();
        self.with_sizes(value, &kept)
    }
}

/// A constant operand as a tensor, which has a size of 1 along the batch.
fn tensor_of(value: &Value) -> Result<Arc<Tensor>> {
    match value {
        Value::Repeated { tensor, .. } => Ok(Arc::clone(tensor)),
        known => known.known()?.ok_or_else(computes_with_the_batch),
    }
}

/// Broadcasts `dims` with operands of these sizes.
fn broadcast(dims: &mut [LogicalDim], sizes: &[Size]) -> Result<()> {
    let first = dims.len() - sizes.len();
    let text = format_sizes(sizes);
    for (dim, size) in dims[first..].iter_mut().zip(sizes) {
        match (*dim, size.known()) {
            (LogicalDim::Fixed(1), Some(size)) => *dim = LogicalDim::Fixed(size as usize),
            (_, Some(1)) => {}
            (dim, _) if dim.size() == *size => {}
            (other, _) => {
                return Err(Error::shape(format!("{text} does not broadcast: {size} and {} differ", other.size())));
            }
        }
    }
    Ok(())
}

/// What a value is reshaped to.
struct Reshaped {
    dims: Vec<LogicalDim>,
    /// The sample in memory.
    sample: Vec<usize>,
    /// If rows of the batch become a dimension behind others, or the reverse: the sample as rows, and three parts of
    /// which the last two but one change places first.
    moves: Option<[usize; 4]>,
}

impl Reshaped {
    fn new(value: &Value, dims: &[LogicalDim], sizes: &[Size]) -> Result<Reshaped> {
        let error = || other_count(value, sizes);
        let Some(axis) = dims.iter().position(|dim| dim.rows().is_some()) else {
            // No batch among the dimensions: the sample is the whole value.
            let shape = sizes.iter().map(|size| size.known().and_then(|size| usize::try_from(size).ok()));
            let sample = shape.collect::<Option<Vec<usize>>>().ok_or_else(error)?;
            if product_of(&sample) != product_of_dims(dims) {
                return Err(error());
            }
            let dims = sample.iter().map(|&size| LogicalDim::Fixed(size)).collect();
            return Ok(Reshaped { dims, sample, moves: None });
        };
        let rows = dims[axis].rows().ok_or_else(error)?;
        let is_interleaved = matches!(dims[axis], LogicalDim::Interleaved(_));
        let at = sizes.iter().position(|size| size.times != 0).ok_or_else(error)?;
        let new_rows = usize::try_from(sizes[at].times).ok().filter(|_| sizes[at].plus == 0).ok_or_else(error)?;
        let known = |sizes: &[Size]| {
            sizes.iter().map(|size| usize::try_from(size.known()?).ok()).collect::<Option<Vec<usize>>>()
        };
        let of_known = |sizes: &[Size]| known(sizes).and_then(|sizes| product_of(&sizes)).ok_or_else(error);
        let (before, after) = (product_of_dims(&dims[..axis]), product_of_dims(&dims[axis + 1..]));
        let (before, after) = (before.ok_or_else(error)?, after.ok_or_else(error)?);
        let (new_before, new_after) = (of_known(&sizes[..at])?, of_known(&sizes[at + 1..])?);
        let finish = |batch: LogicalDim, moves: Option<[usize; 4]>| {
            let dim = |size: &Size| size.known().map_or(batch, |size| LogicalDim::Fixed(size as usize));
            let of_rows = batch.rows().filter(|rows| *rows > 1);
            let rest = sizes.iter().filter_map(|size| size.known()).map(|size| size as usize);
            let sample = of_rows.into_iter().chain(rest).collect();
            Ok(Reshaped { dims: sizes.iter().map(dim).collect(), sample, moves })
        };
        // What stands before the batch lies behind it in memory, and so do interleaved rows.
        if (before, rows) == (new_rows, 1) && (new_before, new_after) == (1, after) && before > 1 {
            return finish(LogicalDim::Interleaved(before), None);
        }
        if is_interleaved && before == 1 && (new_before, new_rows) == (rows, 1) && new_after == after {
            return finish(LogicalDim::Batch(1), None);
        }
        if is_interleaved && (before, rows, after) == (new_before, new_rows, new_after) {
            return finish(dims[axis], None);
        }
        if is_interleaved || before != new_before || product_of(&[rows, after]) != product_of(&[new_rows, new_after]) {
            return Err(if product_of(&[rows, before, after]) == product_of(&[new_rows, new_before, new_after]) {
                Error::unsupported("merges dimensions before the batch with it")
                    .cause(format!("{} becomes {}", format_sizes(&value.sizes()?), format_sizes(sizes)))
                    .hint("export the model with the batch first")
            } else {
                error()
            });
        }
        let moves = match (before, rows) {
            (1, _) => None,
            (_, rows) if rows == new_rows => None,
            (_, rows) if new_rows % rows == 0 => Some([rows, before, new_rows / rows, new_after]),
            (_, rows) if rows % new_rows == 0 => Some([new_rows, rows / new_rows, before, after]),
            _ => return Err(error()),
        };
        finish(LogicalDim::Batch(new_rows), moves)
    }
}

fn product_of(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size))
}

/// The product of dimensions that are not the batch.
fn product_of_dims(dims: &[LogicalDim]) -> Option<usize> {
    dims.iter().try_fold(1usize, |product, dim| match dim {
        LogicalDim::Fixed(size) => product.checked_mul(*size),
        LogicalDim::Batch(_) | LogicalDim::Interleaved(_) => None,
    })
}

fn other_count(value: &Value, sizes: &[Size]) -> Error {
    let from = value.sizes().map_or_else(|_| "a list".into(), |sizes| format_sizes(&sizes));
    Error::shape(format!("cannot reshape {from} to {}", format_sizes(sizes)))
}
