//! Embedding lookup: Keras Embedding, `tf.nn.embedding_lookup`.
//!
//! `output[…, :] = table[ids[…], :]`; `ids: [N, …]` int32, `table: [V, D]` float32, output `[N, …, D]`. An id outside
//! `0..V` gives a row of zeros (as in TF.js, and in Keras on the GPU) or the nearest row ([`BadId::Clamp`]). The
//! session can reject such ids before it runs the graph. A table that exceeds the largest binding of the device is read
//! through several windows. Each window has a dispatch, which writes the rows whose ids lie in it.

use super::embedding_bag::Pooling;
use super::operator::{ConcreteType, Ids, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use super::row_form::{RowForm, Work};
use crate::error::{DeviceError, Error, Result};
use crate::kernel::{Binding, GRID, Kernel, Operand, Packing, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// Looks up rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Embedding {
    /// The result of an id outside the table.
    pub bad_id: BadId,
}

/// The result of an id outside its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BadId {
    /// A row of zeros.
    #[default]
    Zero,
    /// The nearest row.
    Clamp,
}

impl BadId {
    /// The position of an id among `size` positions. With `from_end`, negative ids count from the end.
    pub(crate) fn position(self, id: i32, size: usize, from_end: bool) -> Option<usize> {
        let size = size as i64;
        let position = i64::from(id) + if from_end && id < 0 { size } else { 0 };
        let position = if self == BadId::Clamp { position.clamp(0, size - 1) } else { position };
        (0..size).contains(&position).then_some(position as usize)
    }
}

params! {
    /// `Params` of `shaders/embedding.wgsl`.
    EmbeddingParams {
        count: u32,
        dim: u32,
        first_row: u32,
        window_rows: u32,
        table_rows: u32,
        clamp_ids: u32,
        padding0: u32,
        padding1: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("embedding", EmbeddingParams, fragments: [GRID])];

impl Operator for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [ids, table] = expect_inputs(inputs)?;
        expect_dtype(ids, &[DType::I32])?;
        expect_dtype(table, &[DType::F32])?;
        let &[Dim::Fixed(rows), dim] = table.shape.dims() else {
            return Err(Error::shape(format!("table {table} is not a matrix")));
        };
        if rows == 0 || rows > i32::MAX as usize {
            return Err(Error::shape(format!("table {table} cannot be looked up by int32 ids")));
        }
        Ok(vec![TensorType::f32(Shape::new([ids.shape.dims(), &[dim]].concat())?)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (ids, table) = (inputs[0].as_i32()?, inputs[1].as_f32()?);
        let (rows, dim) = (inputs[1].shape()[0], inputs[1].shape()[1]);
        let mut output = Vec::with_capacity(ids.len() * dim);
        for &id in ids {
            match self.bad_id.position(id, rows, false) {
                Some(row) => output.extend_from_slice(&table[row * dim..(row + 1) * dim]),
                None => output.extend(std::iter::repeat_n(0.0, dim)),
            }
        }
        Ok(vec![Tensor::f32(&[inputs[0].shape(), &[dim]].concat(), output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        if request.regions.get(1).is_some_and(|table| table.packing != Packing::Words) {
            return Err(Error::unsupported("looks rows up in a packed table, which only an embedding bag does")
                .by_device(DeviceError::Rejected)
                .hint("load the weights as float32 (WeightFormat::F32)"));
        }
        let count = request.output().len();
        let (rows, dim) = (request.inputs[1].shape[0], request.inputs[1].shape[1]);
        let row_bytes = 4 * dim as u64;
        // A window starts at a multiple of the binding alignment, whatever the width of a row.
        let alignment_rows = request.device.binding_alignment_bytes.max(4) / 4;
        let max_rows = request.device.max_binding_bytes / row_bytes.max(1);
        let fits = rows as u64 <= max_rows;
        let window_rows = if fits { max_rows } else { max_rows / alignment_rows * alignment_rows };
        if window_rows == 0 {
            return Err(Error::device_limit(format!("a row of {row_bytes} bytes is too wide for the device")));
        }
        let window_rows = rows.min(usize::try_from(window_rows).unwrap_or(usize::MAX));
        let mut kernels = Vec::new();
        for first_row in (0..rows).step_by(window_rows) {
            let end_row = (first_row + window_rows).min(rows);
            let params = EmbeddingParams {
                count: word(count)?,
                dim: word(dim)?,
                first_row: word(first_row)?,
                window_rows: word(end_row - first_row)?,
                table_rows: word(rows)?,
                clamp_ids: u32::from(self.bad_id == BadId::Clamp),
                padding0: 0,
                padding1: 0,
            };
            let mut kernel = Kernel::new("embedding", &params, 2, invocations(count));
            let window = first_row as u64 * row_bytes..end_row as u64 * row_bytes;
            kernel.bindings[1] = Binding { operand: Operand::Input(1), window_bytes: Some(window) };
            kernels.push(kernel);
        }
        Ok(kernels)
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let ids = form.numbers(0)?.iter().product();
        let &dim = form.output.last()?;
        if form.inputs[0].is_computed || form.inputs[0].dtype != DType::I32 {
            return None;
        }
        form.lookup(Work::Lookup { table: 1, pooling: Pooling::Flatten, bad_id: self.bad_id, adds: false }, [ids, dim]);
        Some(())
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }

    fn ids(&self, inputs: &[&TensorType]) -> Option<Ids> {
        inputs[1].shape.sample().first().copied().map(Ids::of_table)
    }

    /// Only the rows that are looked up are read.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> super::Cost {
        super::Cost { flops: 0, bytes: 4 * (inputs[0].len() + 2 * outputs[0].len()) as u64 }
    }
}
