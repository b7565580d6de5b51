//! Recurrent layers over the steps of a sequence: Keras SimpleRNN, GRU and LSTM, in one dispatch if the states fit.
//!
//! The inputs are float32:
//!
//! - `x: [N, T, G · U]`, the projection of all gates by a Dense, with its bias;
//! - the recurrent weights in the layout of [`Recurrent::pack`];
//! - optionally `[N, W]`: the mask of the steps (T floats, 1 for a step that is not masked), then the initial states (U
//!   floats each). Without it no step is masked and the states start as zeros.
//!
//! At each step, with `s_g = h · R_g + b_g` the recurrent sums of gate g, f the activation and σ the recurrent
//! activation:
//!
//! | cell | gates | next state |
//! |---|---|---|
//! | `Simple` | one | `h′ = f(x + s)` |
//! | `Gru { reset_after: false }` | z, r, h | `h′ = z·h + (1 − z) · f(x_h + (r·h) · R_h + b_h)` |
//! | `Gru { reset_after: true }` | z, r, h | `h′ = z·h + (1 − z) · f(x_h + r · s_h)` |
//! | | | `z = σ(x_z + s_z)`, `r = σ(x_r + s_r)` in both |
//! | `Lstm` | i, f, c, o | `c′ = σ(x_f + s_f)·c + σ(x_i + s_i)·f(x_c + s_c)`, `h′ = σ(x_o + s_o) · f(c′)` |
//!
//! A masked step leaves the states unchanged; [`MaskedOutput`] gives its output. The first output is `[N, U]` or `[N,
//! T, U]`. With [`Recurrent::states`], the states after the last step are further outputs: h, and c of an LSTM, each
//! `[N, U]`.
//!
//! On the GPU the states of a row stay in workgroup memory. In [`RecurrentKernel::Together`] a workgroup computes one
//! row, or a few rows of few units, with an invocation per unit and a barrier per step. In [`RecurrentKernel::Alone`],
//! for software GPUs and enough rows to fill a vector, an invocation computes a row. The weights of a unit are grouped
//! by four states and padded with zeros, so that one load has four.
//!
//! If the states of a row exceed workgroup memory, or the loops over all steps exceed what the device completes, the
//! states are in scratch memory before the output, and each step is a dispatch, or two if a GRU resets before the
//! product ([`RecurrentKernel::StepByStep`]). An invocation then computes a unit of a row.
//!
//! Milliseconds of a prediction of an LSTM of 64 units over 50 steps, minimum of 8, llvmpipe (Mesa 22.3.6) on two
//! shared cores of an x86-64 server: together 1.1, 8.3 and 67 for 1, 8 and 64 rows, alone 1.7, 4.3 and 30. Not measured
//! on hardware.

mod kernels;
mod plain;

pub use kernels::RecurrentKernel;
pub(super) use kernels::SHADERS;

use super::activation::Function;
use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype};
use crate::error::{Error, Result};
use crate::kernel::{DeviceFacts, Kernel};
use crate::tensor::{DType, Dim, Tensor, TensorType, Tolerance};

/// A recurrent layer, after the projection of its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recurrent {
    /// The cell.
    pub cell: Cell,
    /// The activation of the candidate, and of the cell state of an LSTM; `None` for linear.
    pub activation: Option<Function>,
    /// The activation of the gates.
    pub recurrent_activation: Option<Function>,
    /// The order of the steps.
    pub order: Order,
    /// The first output.
    pub output: RecurrentOutput,
    /// Whether the states after the last step are outputs too.
    pub states: bool,
    /// The output of masked steps; `None` if there is no mask.
    pub masked: Option<MaskedOutput>,
    /// Whether the initial states are an input.
    pub initial: bool,
    /// The kernel, for benchmarks and tests; `None` chooses it for the device.
    pub kernel: Option<RecurrentKernel>,
}

/// The cell of a [`Recurrent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// SimpleRNN.
    Simple,
    /// Gated recurrent unit.
    Gru {
        /// Whether the reset gate is applied after the recurrent product, the default of Keras 2.
        reset_after: bool,
    },
    /// Long short-term memory, with a cell state.
    Lstm,
}

/// The order of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// From the first to the last.
    Forwards,
    /// From the last to the first; outputs are in the order of computation.
    Backwards,
    /// From the last to the first; outputs are in the order of the inputs.
    BackwardsInPlace,
}

/// The first output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecurrentOutput {
    /// The output of the last step: `[N, U]`.
    Last,
    /// The outputs of all steps: `[N, T, U]`.
    Sequence,
}

/// The output of a masked step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaskedOutput {
    /// The state, as in TF.js.
    State,
    /// The output of the previous step, or zeros before the first step, as in Keras. It differs from the state only if
    /// the initial states are not zeros.
    Previous,
    /// Zeros, as in Keras under Bidirectional.
    Zero,
}

impl Cell {
    /// The number of gates of a unit.
    pub fn gates(self) -> usize {
        match self {
            Cell::Simple => 1,
            Cell::Gru { .. } => 3,
            Cell::Lstm => 4,
        }
    }

    /// The number of states of a unit.
    pub fn states(self) -> usize {
        if self == Cell::Lstm { 2 } else { 1 }
    }
}

impl Order {
    /// The input step that is processed at this position of the order.
    pub(crate) fn source(self, step: usize, steps: usize) -> usize {
        if self == Order::Forwards { step } else { steps - 1 - step }
    }

    /// The position of that step's output.
    pub(crate) fn target(self, step: usize, steps: usize) -> usize {
        if self == Order::BackwardsInPlace { steps - 1 - step } else { step }
    }
}

/// The sizes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) steps: usize,
    pub(crate) units: usize,
    pub(crate) gates: usize,
}

impl Sizes {
    pub(crate) fn of(x: &[usize], weights: &[usize]) -> Sizes {
        Sizes { rows: x[0], steps: x[1], units: weights[2], gates: weights[1] }
    }

    /// The number of four-element vectors in a state.
    pub(crate) fn quads(&self) -> usize {
        self.units.div_ceil(4)
    }

    /// The offset of the weight of state `k` for a gate of a unit, and of the bias.
    pub(crate) fn weight(&self, k: usize, gate: usize, unit: usize) -> usize {
        ((k / 4 * self.gates + gate) * self.units + unit) * 4 + k % 4
    }

    pub(crate) fn bias(&self, gate: usize, unit: usize) -> usize {
        self.weight(4 * self.quads(), gate, unit)
    }
}

impl Recurrent {
    /// A layer with this cell that runs forwards and outputs its last step, with the kernel chosen for the device.
    pub fn new(cell: Cell, activation: Option<Function>, recurrent_activation: Option<Function>) -> Self {
        Recurrent {
            cell,
            activation,
            recurrent_activation,
            order: Order::Forwards,
            output: RecurrentOutput::Last,
            states: false,
            masked: None,
            initial: false,
            kernel: None,
        }
    }

    /// Packs recurrent weights `[U, G · U]` and the optional bias `[G · U]` into the layout of the operator:
    /// `[U / 4 + 1, G, U, 4]`. Element `[q, g, u, i]` is the weight of state `4q + i` for gate `g` of unit `u`. It is 0
    /// beyond the last state. Element 0 of the last vectors is the bias.
    pub fn pack(gates: usize, weights: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let &[units, columns] = weights.shape() else {
            return Err(Error::shape(format!("recurrent weights of rank {} are not a matrix", weights.shape().len())));
        };
        if units.checked_mul(gates) != Some(columns) || bias.is_some_and(|bias| bias.shape() != [columns]) {
            return Err(Error::shape(format!("recurrent weights of {units} states do not have {gates} gates")));
        }
        let sizes = Sizes { rows: 0, steps: 0, units, gates };
        let shape = [sizes.quads() + 1, gates, units, 4];
        let mut packed = vec![0.0; crate::tensor::element_count(&shape)?];
        let (weights, bias) = (weights.as_f32()?, bias.map(Tensor::as_f32).transpose()?);
        for gate in 0..gates {
            for unit in 0..units {
                for k in 0..units {
                    packed[sizes.weight(k, gate, unit)] = weights[k * columns + gate * units + unit];
                }
                packed[sizes.bias(gate, unit)] = bias.map_or(0.0, |bias| bias[gate * units + unit]);
            }
        }
        Tensor::f32(&shape, packed)
    }

    /// The number of floats per sample in the third input: for the mask, and for the initial states.
    pub(crate) fn beside(&self, steps: usize, units: usize) -> [usize; 2] {
        let mask = if self.masked.is_some() { steps } else { 0 };
        [mask, if self.initial { self.cell.states() * units } else { 0 }]
    }

    /// Whether the output of a step is its state. `counts` says whether the step is unmasked, `seen` whether any step
    /// so far was.
    pub(crate) fn shows_state(&self, counts: bool, seen: bool) -> bool {
        match self.masked {
            None | Some(MaskedOutput::State) => true,
            Some(MaskedOutput::Previous) => counts || seen,
            Some(MaskedOutput::Zero) => counts,
        }
    }

    /// The sample dimensions of the outputs.
    fn samples(&self, steps: usize, units: usize) -> Vec<Vec<usize>> {
        let shown = match self.output {
            RecurrentOutput::Last => vec![units],
            RecurrentOutput::Sequence => vec![steps, units],
        };
        let states = if self.states { self.cell.states() } else { 0 };
        std::iter::once(shown).chain((0..states).map(|_| vec![units])).collect()
    }
}

impl Operator for Recurrent {
    fn name(&self) -> &'static str {
        "recurrent"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let expected = if self.masked.is_some() || self.initial { 3 } else { 2 };
        if inputs.len() != expected {
            return Err(Error::shape(format!("takes {expected} inputs, not {}", inputs.len())));
        }
        for input in inputs {
            expect_dtype(input, &[DType::F32])?;
        }
        Function::expect_of_layers(self.activation)?;
        Function::expect_of_layers(self.recurrent_activation)?;
        let (x, weights) = (inputs[0], inputs[1]);
        let misfit = || Error::shape(format!("input {x} and recurrent weights {weights} do not fit"));
        let (&[_, Dim::Fixed(steps), Dim::Fixed(columns)], &[Dim::Fixed(quads), Dim::Fixed(gates), units, four]) =
            (x.shape.dims(), weights.shape.dims())
        else {
            return Err(misfit());
        };
        let Dim::Fixed(units) = units else { return Err(misfit()) };
        let fits = gates == self.cell.gates()
            && four == Dim::Fixed(4)
            && quads == units.div_ceil(4) + 1
            && units.checked_mul(gates) == Some(columns);
        if !x.shape.is_batched() || !fits || steps == 0 || units == 0 {
            return Err(misfit());
        }
        let beside = self.beside(steps, units).iter().sum();
        let batch = x.shape.dims()[0];
        if let Some(given) = inputs.get(2).filter(|given| given.shape.dims() != [batch, Dim::Fixed(beside)]) {
            return Err(Error::shape(format!("{given} is not the {beside} numbers beside each sample of {x}")));
        }
        let states = self.cell.states().checked_add(steps).and_then(|lines| lines.checked_mul(units));
        states.ok_or_else(misfit)?;
        let samples = self.samples(steps, units);
        Ok(samples.iter().map(|sample| TensorType::f32(x.shape.with_sample(sample))).collect())
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (rows, steps, units) = (inputs[0].shape()[0], inputs[0].shape()[1], inputs[1].shape()[2]);
        let outputs = self.samples(steps, units).into_iter().zip(plain::answers(self, inputs)?);
        let tensor = |(sample, answers): (Vec<usize>, Vec<plain::Approximate>)| {
            let values = answers.into_iter().map(|answer| answer.value as f32).collect();
            Tensor::f32(&[&[rows], &sample[..]].concat(), values)
        };
        outputs.map(tensor).collect()
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        kernels::kernels(self, request)
    }

    fn scratch(&self, inputs: &[&TensorType], device: &DeviceFacts) -> usize {
        // For a batch of one row; `infer` has checked that the numbers of steps and units are fixed.
        kernels::scratch(self, &Sizes::of(&inputs[0].shape.resolve(1), &inputs[1].shape.resolve(1)), device)
    }

    /// The tolerance of the sums of one step. [`Recurrent::allowance`] propagates it through all steps.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[1].shape()[2] }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.eval(inputs)
    }

    fn allowance(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let outputs = plain::answers(self, inputs)?.into_iter();
        Ok(outputs.map(|answers| answers.into_iter().map(|answer| answer.error).collect()).collect())
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        let Sizes { rows, steps, units, gates } = Sizes::of(&inputs[0].shape, &inputs[1].shape);
        (rows * steps * units * gates).saturating_mul(2 * units + 3) as u64
    }
}
