//! The recurrence of Keras' SimpleRNN, GRU and LSTM over the steps of a sequence, in one dispatch where states fit.
//!
//! The inputs are `x: [N, T, G · U]`, what a Dense of all gates makes of the steps, its bias included; the recurrent
//! weights as [`Recurrent::pack`] lays them out; and, if any is asked for, `[N, W]` floats: the mask of the steps
//! (T, 1 where a step counts), then the initial states (each U). Without, all steps count and states begin as zeros.
//! At each step, with `s_g = h · R_g + b_g` the recurrent sums of gate g, f the activation and σ the recurrent one:
//!
//! | cell | gates | next state |
//! |---|---|---|
//! | `Simple` | one | `h′ = f(x + s)` |
//! | `Gru { reset_after: false }` | z, r, h | `h′ = z·h + (1 − z) · f(x_h + (r·h) · R_h + b_h)` |
//! | `Gru { reset_after: true }` | z, r, h | `h′ = z·h + (1 − z) · f(x_h + r · s_h)` |
//! | | | `z = σ(x_z + s_z)`, `r = σ(x_r + s_r)` in both |
//! | `Lstm` | i, f, c, o | `c′ = σ(x_f + s_f)·c + σ(x_i + s_i)·f(x_c + s_c)`, `h′ = σ(x_o + s_o) · f(c′)` |
//!
//! A step that does not count leaves the states as they are; what it puts out is [`MaskedOutput`]. The first output is
//! `[N, U]` or `[N, T, U]`; with [`Recurrent::states`], the states behind the last step follow: h, and c of an LSTM, each
//! `[N, U]`.
//!
//! On the GPU the states of a row stay in workgroup memory. A workgroup takes a row through the steps, or a few rows of few
//! units, an invocation a unit, with a barrier for each step ([`RecurrentKernel::Together`]); or, where a CPU plays the GPU
//! and there are rows enough to keep a vector busy, an invocation takes a row alone ([`RecurrentKernel::Alone`]). The
//! weights of a unit stand by quads of the states they are multiplied with, padded by zeros, so that one load has four.
//!
//! Where the states of a row are more than workgroup memory holds, or the loops over all steps more than the device runs
//! to their end, the states stand in memory before the output, and each step is a dispatch, or two if a GRU resets before
//! ([`RecurrentKernel::StepByStep`]): an invocation a unit of a row, by the same functions.
//!
//! Milliseconds of a prediction of an LSTM of 64 units over 50 steps, least of 8, llvmpipe (Mesa 22.3.6) on two shared
//! cores of an x86-64 server: together 1.1, 8.3 and 67 for 1, 8 and 64 rows, alone 1.7, 4.3 and 30. Not measured on
//! hardware.

mod kernels;
mod plain;

pub use kernels::RecurrentKernel;
pub(super) use kernels::SHADERS;

use super::activation::Function;
use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype};
use crate::error::{Error, Result};
use crate::kernel::{DeviceFacts, Kernel};
use crate::tensor::{DType, Dim, Tensor, TensorType, Tolerance};

/// A recurrent layer behind the projection of its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recurrent {
    /// What happens at a step.
    pub cell: Cell,
    /// Of the candidate, and of the carried state of an LSTM; `None` for linear.
    pub activation: Option<Function>,
    /// Of the gates.
    pub recurrent_activation: Option<Function>,
    /// In which order the steps are taken.
    pub order: Order,
    /// What the first output is.
    pub output: RecurrentOutput,
    /// Whether the states behind the last step are outputs too.
    pub states: bool,
    /// Whether there is a mask, and what a step puts out that it hides.
    pub masked: Option<MaskedOutput>,
    /// Whether initial states are given.
    pub initial: bool,
    /// The kernel to use whatever the device is, for studies and tests; `None` to choose by the device.
    pub kernel: Option<RecurrentKernel>,
}

/// What happens at a step of [`Recurrent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// One layer of the input and the state.
    Simple,
    /// Gated recurrent unit.
    Gru {
        /// Whether the reset gate is applied behind the recurrent product, as Keras 2 has it by default.
        reset_after: bool,
    },
    /// Long short-term memory, with a second state that is carried on.
    Lstm,
}

/// In which order steps are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// From the first to the last.
    Forwards,
    /// From the last to the first; outputs stand in the order in which they were computed.
    Backwards,
    /// From the last to the first; outputs stand where their inputs do.
    BackwardsInPlace,
}

/// What of the steps is the first output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecurrentOutput {
    /// What the last step put out: `[N, U]`.
    Last,
    /// What all steps put out: `[N, T, U]`.
    Sequence,
}

/// What a step puts out that the mask hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaskedOutput {
    /// The state, as in TF.js.
    State,
    /// What the step before put out, zeros before all, as in Keras; another than the state only where initial states
    /// are not zeros.
    Previous,
    /// Zeros, as Keras has it under Bidirectional.
    Zero,
}

impl Cell {
    /// The gates of a unit.
    pub fn gates(self) -> usize {
        match self {
            Cell::Simple => 1,
            Cell::Gru { .. } => 3,
            Cell::Lstm => 4,
        }
    }

    /// The states of a unit.
    pub fn states(self) -> usize {
        if self == Cell::Lstm { 2 } else { 1 }
    }
}

impl Order {
    /// The step of the input that is taken as the step with this position.
    pub(crate) fn source(self, step: usize, steps: usize) -> usize {
        if self == Order::Forwards { step } else { steps - 1 - step }
    }

    /// Where the output of that step stands.
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

    /// Quads of a state.
    pub(crate) fn quads(&self) -> usize {
        self.units.div_ceil(4)
    }

    /// Where the weights and the bias of a gate's unit stand: of `k`, the state they are multiplied with.
    pub(crate) fn weight(&self, k: usize, gate: usize, unit: usize) -> usize {
        ((k / 4 * self.gates + gate) * self.units + unit) * 4 + k % 4
    }

    pub(crate) fn bias(&self, gate: usize, unit: usize) -> usize {
        self.weight(4 * self.quads(), gate, unit)
    }
}

impl Recurrent {
    /// A layer of this cell that takes all steps forwards and puts the last out, by the kernel for the device.
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

    /// Lays out recurrent weights `[U, G · U]` and their bias `[G · U]`, if there is one, as the operator reads them:
    /// `[U / 4 + 1, G, U, 4]`, element `[q, g, u, i]` being what state `4q + i` adds to gate `g` of unit `u`, zeros behind
    /// the last state, and in the last quads the bias as element 0.
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

    /// Numbers beside each sample of x: of its mask, and of its initial states.
    pub(crate) fn beside(&self, steps: usize, units: usize) -> [usize; 2] {
        let mask = if self.masked.is_some() { steps } else { 0 };
        [mask, if self.initial { self.cell.states() * units } else { 0 }]
    }

    /// What a step puts out whose state is `state`, or would be if it counted; `seen` if any step has counted yet.
    pub(crate) fn shows_state(&self, counts: bool, seen: bool) -> bool {
        match self.masked {
            None | Some(MaskedOutput::State) => true,
            Some(MaskedOutput::Previous) => counts || seen,
            Some(MaskedOutput::Zero) => counts,
        }
    }

    /// The samples of the outputs.
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
        // Of one row; infer has seen that steps and units are numbers.
        kernels::scratch(self, &Sizes::of(&inputs[0].shape.resolve(1), &inputs[1].shape.resolve(1)), device)
    }

    /// Of the sums of one step; [`Recurrent::allowance`] carries them through all.
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
