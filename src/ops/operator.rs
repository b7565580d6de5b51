//! The questions every operator answers.

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
    /// A type at one batch size.
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

/// What an operator needs to know to choose its kernels.
#[derive(Debug, Clone, Copy)]
pub struct KernelRequest<'a> {
    /// The types of the inputs.
    pub inputs: &'a [ConcreteType],
    /// The types of the outputs.
    pub outputs: &'a [ConcreteType],
    /// Where each output begins behind the first, in 32-bit words: a kernel has all of them in one binding.
    pub output_words: &'a [usize],
    /// Where each input stands, for kernels that bind all of a buffer.
    pub regions: &'a [Region],
    /// The device.
    pub device: &'a DeviceFacts,
}

impl KernelRequest<'_> {
    /// The type of the first output, which most operators have alone.
    pub fn output(&self) -> &ConcreteType {
        &self.outputs[0]
    }
}

/// The least work an operator can do at one batch size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes read and written, each once.
    pub bytes: u64,
}

/// What is looked up by an input of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ids {
    /// The position of the input.
    pub input: usize,
    /// How many there are: ids are from 0 up to it.
    pub count: usize,
    /// Whether ids below 0 count from the end.
    pub from_end: bool,
    /// Whether they are row numbers of a lookup table. Otherwise they are positions in a computed value.
    pub of_table: bool,
}

impl Ids {
    /// Rows of a table, named by the first input.
    pub(super) fn of_table(count: usize) -> Self {
        Ids { input: 0, count, from_end: false, of_table: true }
    }

    /// Positions along an axis of the first input, named by the second.
    pub(super) fn of_axis(data: &TensorType, axis: usize, from_end: bool) -> Option<Self> {
        match data.shape.dims().get(axis) {
            Some(&Dim::Fixed(count)) => Some(Ids { input: 1, count, from_end, of_table: false }),
            _ => None,
        }
    }
}

/// Keeps [`Operator`] to the operators of the catalogue.
pub trait Sealed {}

/// One operator: its meaning and everything that follows from it. It cannot be implemented outside this crate.
pub trait Operator: fmt::Debug + Sealed {
    /// The stem of the page, of its shader and of its test, and the label in profiles.
    fn name(&self) -> &'static str;

    /// All attributes as text, empty if there are none; equal only for equal operators.
    fn attributes(&self) -> String {
        format!("{self:?}").split_once(' ').map_or_else(String::new, |(_, attributes)| attributes.into())
    }

    /// The types of the outputs, at least one, or why the inputs do not fit.
    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>>;

    /// The plain answer, a tensor for each output: obvious loops, accumulating in f64, never optimised. `inputs` fit
    /// [`Operator::infer`].
    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>>;

    /// The plain answer of an operator with one output.
    fn answer(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let mut answers = self.eval(inputs)?;
        Ok(answers.swap_remove(0))
    }

    /// Whether the output, its only one, is the first input's words as they are, so that nothing needs to run.
    fn is_view(&self, _inputs: &[&TensorType]) -> bool {
        false
    }

    /// The dispatches that compute the outputs on a GPU; not asked of a view.
    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>>;

    /// Floats of memory before each row of the first output that the kernels work in
    /// ([`crate::kernel::Operand::ScratchAndOutput`]): where they hand on what is no output, because no dispatch reads one
    /// buffer and writes it through another binding. As many as begin the output where the device lets bindings begin.
    fn scratch(&self, _inputs: &[&TensorType], _device: &DeviceFacts) -> usize {
        0
    }

    /// The tolerance class for inputs of these types.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance;

    /// The operations on floats; zero for operators that move data.
    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64;

    /// The sums of the magnitudes of the terms, for operators of the class [`Tolerance::Sum`]. By default the answer
    /// for the inputs' absolute values.
    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let absolute: Vec<Tensor> = inputs.iter().map(|tensor| absolute(tensor)).collect::<Result<_>>()?;
        self.eval(&absolute.iter().collect::<Vec<_>>())
    }

    /// For an operator of which an input is ids: which, and how many there are, so that ids outside can be found.
    fn ids(&self, _inputs: &[&TensorType]) -> Option<Ids> {
        None
    }

    /// Whether the kernels read the input with this position as one of many tables ([`crate::kernel::Operand::Tables`]).
    fn is_table(&self, _position: usize) -> bool {
        false
    }

    /// Whether the kernels decode the input with this position where it stands packed ([`KernelRequest::regions`] says
    /// how). A constant stays packed only if every operator that reads it can decode it.
    fn takes_packed(&self, _position: usize) -> bool {
        false
    }

    /// Whether every output holds values of the inputs and no others, moved or cast: so that ids are known to be a
    /// model input's on their way to a table.
    fn passes_values(&self) -> bool {
        false
    }

    /// Whether a row of an output depends on other rows of its inputs, so that the answer for a batch is not those for its
    /// parts.
    fn mixes_rows(&self) -> bool {
        false
    }

    /// Work and traffic at one batch size.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> Cost {
        let words: usize = inputs.iter().chain(outputs).map(ConcreteType::len).sum();
        Cost { flops: self.flops(inputs, outputs), bytes: 4 * words as u64 }
    }

    /// How far each element of each computed output may be from `expected`, the plain answer for `inputs`.
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

/// A sum with the range of float32: infinite where float32 overflows, though f64 holds it. Keras and every kernel have their
/// sums in float32, and what is computed from an infinite one is far from what a wider sum gives: a mean, a variance, a
/// length. Plain answers pass every sum through this that they compute with further.
pub(crate) fn overflowing(sum: f64) -> f64 {
    let rounded = sum as f32;
    if rounded.is_infinite() { f64::from(rounded) } else { sum }
}

/// The same tensor without signs.
pub(super) fn absolute(tensor: &Tensor) -> Result<Tensor> {
    match tensor.data() {
        Data::F32(values) => Tensor::f32(tensor.shape(), values.iter().map(|value| value.abs()).collect()),
        _ => Ok(tensor.clone()),
    }
}

/// A count as a 32-bit word of a parameter struct.
pub(super) fn word(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| {
        Error::device_limit(format!("{count} elements are more than a GPU kernel can index"))
            .hint("run on the CPU (Device::Cpu)")
    })
}

/// An error if a kernel with loops of `steps` steps in an invocation is more than the device runs to its end.
pub(super) fn expect_loops(request: &KernelRequest<'_>, steps: usize) -> Result<()> {
    let most = request.device.max_loop_steps;
    if steps <= most {
        return Ok(());
    }
    Err(Error::device_limit(format!("loops of {steps} steps are too long for the device, which stops after {most}"))
        .hint("run on the CPU (Device::Cpu)"))
}

/// The inputs as an array, or how many were expected.
pub(super) fn expect_inputs<'t, const COUNT: usize>(inputs: &[&'t TensorType]) -> Result<[&'t TensorType; COUNT]> {
    inputs.try_into().map_err(|_| Error::shape(format!("takes {COUNT} inputs, not {}", inputs.len())))
}

/// An error unless `ty` has one of the `allowed` dtypes.
pub(super) fn expect_dtype(ty: &TensorType, allowed: &[DType]) -> Result<()> {
    if allowed.contains(&ty.dtype) {
        return Ok(());
    }
    let names: Vec<String> = allowed.iter().map(DType::to_string).collect();
    Err(Error::shape(format!("takes {} and not {ty}", names.join(" or "))))
}

/// An error unless `axis` is a dimension of `shape` other than N.
pub(super) fn expect_sample_axis(shape: &Shape, axis: usize) -> Result<()> {
    if axis < shape.rank() && !(axis == 0 && shape.is_batched()) {
        return Ok(());
    }
    Err(Error::shape(format!("axis {axis} is not a dimension of a sample in {shape}")))
}
