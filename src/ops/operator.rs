//! The trait of all operators, and the checks that their pages share.

mod bits;

pub(in crate::ops) use bits::{Bits, equal_by_bits};

use super::row_form::RowForm;
use crate::error::{Error, Result};
use crate::kernel::{DeviceFacts, Kernel, Region};
use crate::tensor::{DType, Data, Dim, Shape, Tensor, TensorType, Tolerance};
use std::fmt;

/// The type of a value at one batch size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConcreteType {
    /// The dimensions.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: DType,
}

impl ConcreteType {
    /// The type of `ty` at one batch size.
    pub fn of(ty: &TensorType, batch: usize) -> Self {
        ConcreteType { shape: ty.shape.resolve(batch), dtype: ty.dtype }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The information from which an operator chooses its kernels.
#[derive(Debug, Clone, Copy)]
pub struct KernelRequest<'a> {
    /// The types of the inputs.
    pub inputs: &'a [ConcreteType],
    /// The types of the outputs.
    pub outputs: &'a [ConcreteType],
    /// The offset of each output from the first, in 32-bit words. All outputs of a kernel are in one binding.
    pub output_words: &'a [usize],
    /// The region of each input in its buffer, for kernels that bind the whole buffer.
    pub regions: &'a [Region],
    /// The device.
    pub device: &'a DeviceFacts,
}

impl KernelRequest<'_> {
    /// The type of the first output; most operators have no other.
    pub fn output(&self) -> &ConcreteType {
        &self.outputs[0]
    }
}

/// A lower bound on the work of an operator at one batch size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes read and written, counting each value once.
    pub bytes: u64,
}

/// An input of ids or indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ids {
    /// The position of the input.
    pub input: usize,
    /// The number of rows or positions; valid ids are `0..count`.
    pub count: usize,
    /// Whether negative ids count from the end.
    pub from_end: bool,
    /// Whether the ids select rows of a table; otherwise they are positions along an axis.
    pub of_table: bool,
}

impl Ids {
    /// Ids of rows of a table. The ids are the first input.
    pub(super) fn of_table(count: usize) -> Self {
        Ids { input: 0, count, from_end: false, of_table: true }
    }

    /// Positions along an axis of the first input. The positions are the second input.
    pub(super) fn of_axis(data: &TensorType, axis: usize, from_end: bool) -> Option<Self> {
        match data.shape.dims().get(axis) {
            Some(&Dim::Fixed(count)) => Some(Ids { input: 1, count, from_end, of_table: false }),
            _ => None,
        }
    }
}

/// Implemented only by the operators of the catalogue.
pub trait Sealed {}

/// One operator: its reference implementation, its kernels, its cost and its tolerance. Only the operators of the
/// catalogue implement it.
pub trait Operator: fmt::Debug + Sealed {
    /// The file stem of the page, its shader and its test, and the label in profiles.
    fn name(&self) -> &'static str;

    /// All attributes as text; empty if there are none.
    fn attributes(&self) -> String {
        format!("{self:?}").split_once(' ').map_or_else(String::new, |(_, attributes)| attributes.into())
    }

    /// The types of the outputs (at least one). Returns an error if the inputs do not fit.
    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>>;

    /// The reference implementation: simple loops that accumulate in f64, without optimisation. It returns one tensor
    /// per output. `inputs` must have passed [`Operator::infer`].
    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>>;

    /// The reference implementation of an operator with one output.
    fn answer(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let mut answers = self.eval(inputs)?;
        Ok(answers.swap_remove(0))
    }

    /// Whether the only output shares the memory of the first input, so that no kernel runs.
    fn is_view(&self, _inputs: &[&TensorType]) -> bool {
        false
    }

    /// The dispatches that compute the outputs on a GPU. Not called for a view.
    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>>;

    /// Floats of scratch space before each row of the first output ([`crate::kernel::Operand::ScratchAndOutput`]).
    ///
    /// Kernels pass intermediate results through it. It is in the binding of the output, because a dispatch cannot read
    /// a buffer and write it through another binding. Its size must be a multiple of the device's binding alignment.
    fn scratch(&self, _inputs: &[&TensorType], _device: &DeviceFacts) -> usize {
        0
    }

    /// The steps that compute one row of the only output from the same row of the inputs, so that a
    /// [`RowProgram`](super::RowProgram) can run the operator beside others. `None` if a row of the output depends on
    /// more, or if no step computes it.
    fn row_form(&self, _form: &mut RowForm<'_>) -> Option<()> {
        None
    }

    /// The tolerance class for inputs of these types.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance;

    /// Floating-point operations; 0 for operators that only move data.
    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64;

    /// The sums of the absolute values of the terms, for the class [`Tolerance::Sum`]. The default evaluates the
    /// operator on the absolute values of the inputs.
    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let absolute: Vec<Tensor> = inputs.iter().map(|tensor| absolute(tensor)).collect::<Result<_>>()?;
        self.eval(&absolute.iter().collect::<Vec<_>>())
    }

    /// The input that holds ids and their valid range, if the operator has one. Sessions use it to find ids that are
    /// out of range.
    fn ids(&self, _inputs: &[&TensorType]) -> Option<Ids> {
        None
    }

    /// Whether the kernels read the input at `position` from the buffer of tables ([`crate::kernel::Operand::Tables`]).
    fn is_table(&self, _position: usize) -> bool {
        false
    }

    /// Whether the kernels can decode the input at `position` if it is packed; [`KernelRequest::regions`] has the
    /// encoding. A constant stays packed only if every operator that reads it can decode it.
    fn takes_packed(&self, _position: usize) -> bool {
        false
    }

    /// Whether the outputs only contain moved or cast elements of the inputs. Ids of a table are traced back to a model
    /// input through such operators.
    fn passes_values(&self) -> bool {
        false
    }

    /// Whether a row of an output depends on other rows of the inputs. Such an operator must see the whole batch.
    fn mixes_rows(&self) -> bool {
        false
    }

    /// The computation and the memory traffic at one batch size.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> Cost {
        let words: usize = inputs.iter().chain(outputs).map(ConcreteType::len).sum();
        Cost { flops: self.flops(inputs, outputs), bytes: 4 * words as u64 }
    }

    /// The allowed difference of each element of each output from `expected`, the reference results for `inputs`.
    fn allowance(&self, inputs: &[&Tensor], expected: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let class = self.tolerance(inputs);
        let magnitudes = match class {
            Tolerance::Sum { .. } => self.magnitude(inputs)?.iter().map(Tensor::to_f64).collect(),
            _ => vec![Vec::new(); expected.len()],
        };
        let outputs = expected.iter().zip(&magnitudes);
        Ok(outputs.map(|(expected, magnitude)| class.allowance(&expected.to_f64(), magnitude)).collect())
    }
}

/// A sum with the range of float32: infinite if it overflows float32, even where f64 does not.
///
/// Keras and all kernels sum in float32. A mean, variance or norm computed from an infinite sum differs from one
/// computed from a wider sum. Reference implementations therefore apply this to every sum before they use it.
pub(crate) fn overflowing(sum: f64) -> f64 {
    let rounded = sum as f32;
    if rounded.is_infinite() { f64::from(rounded) } else { sum }
}

/// The absolute values of a tensor.
pub(super) fn absolute(tensor: &Tensor) -> Result<Tensor> {
    match tensor.data() {
        Data::F32(values) => Tensor::f32(tensor.shape(), values.iter().map(|value| value.abs()).collect()),
        _ => Ok(tensor.clone()),
    }
}

/// A count as a 32-bit word of a parameter struct.
pub(super) fn word(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| {
        Error::device_limit(format!("{count} elements exceed the range of a 32-bit index in a GPU kernel"))
            .hint("run on the CPU (Device::Cpu)")
    })
}

/// Returns an error if the loops of an invocation, `steps` in total, exceed what the device completes.
pub(super) fn expect_loops(request: &KernelRequest<'_>, steps: usize) -> Result<()> {
    let most = request.device.max_loop_steps;
    if steps <= most {
        return Ok(());
    }
    Err(Error::device_limit(format!("loops of {steps} steps exceed the device's limit of {most}"))
        .hint("run on the CPU (Device::Cpu)"))
}

/// The inputs as an array. Returns an error with the expected number if there are more or fewer.
pub(super) fn expect_inputs<'t, const COUNT: usize>(inputs: &[&'t TensorType]) -> Result<[&'t TensorType; COUNT]> {
    inputs.try_into().map_err(|_| Error::shape(format!("takes {COUNT} inputs, not {}", inputs.len())))
}

/// Returns an error unless `ty` has one of the `allowed` dtypes.
pub(super) fn expect_dtype(ty: &TensorType, allowed: &[DType]) -> Result<()> {
    if allowed.contains(&ty.dtype) {
        return Ok(());
    }
    let names: Vec<String> = allowed.iter().map(DType::to_string).collect();
    Err(Error::shape(format!("takes {} and not {ty}", names.join(" or "))))
}

/// Returns an error unless `axis` is a dimension of `shape` other than N.
pub(super) fn expect_sample_axis(shape: &Shape, axis: usize) -> Result<()> {
    if axis < shape.rank() && !(axis == 0 && shape.is_batched()) {
        return Ok(());
    }
    Err(Error::shape(format!("axis {axis} is not a dimension of a sample in {shape}")))
}
