//! Fused chain of unary and binary elementwise functions in one kernel.
//!
//! The value starts as `inputs[0]`. Each [`Step`] applies a unary function to it, or a binary function to it and
//! another input. All inputs are float32 and broadcast to the shape of the output as in NumPy. Each step rounds to
//! float32, as the operators [`Activation`](super::Activation) and [`Binary`](super::Binary) would.

use super::activation::Function;
use super::binary::BinaryFunction;
use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_loops, word};
use super::strided::{STRIDED, Strided, StridedParams};
use crate::error::{Error, Result};
use crate::kernel::{
    ACTIVATE, ARITHMETIC, COMBINE, ELEMENTARY, GRID, Kernel, SPECIAL, Shader, TRIGONOMETRY, params, shader,
};
use crate::tensor::{DType, Shape, Tensor, TensorType, Tolerance, broadcast, broadcast_strides};

/// Applies a chain of functions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Elementwise {
    /// The functions, in order.
    pub steps: Vec<Step>,
}

/// One function of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `f(value)`
    Apply(Function),
    /// `f(value, other)`, or `f(other, value)`.
    Combine {
        /// The function.
        function: BinaryFunction,
        /// The other operand, as a position among the inputs.
        input: usize,
        /// Whether the value is the right operand.
        is_right: bool,
    },
}

/// Maximum number of inputs of a chain. Together with the output they use the four storage buffers that every phone
/// supports.
pub const MOST_INPUTS: usize = 3;

/// Maximum number of steps in a chain.
pub const MOST_STEPS: usize = 16;

params! {
    /// `Params` of `shaders/elementwise.wgsl`.
    ElementwiseParams {
        strided: StridedParams,
/// Function, input (or `APPLY`), whether the value is the right operand, and padding.
        steps: [[u32; 4]; MOST_STEPS],
/// Parameters of unary functions.
        parameters: [[f32; 4]; MOST_STEPS],
        step_count: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!(
    "elementwise",
    ElementwiseParams,
    fragments: [GRID, STRIDED, SPECIAL, TRIGONOMETRY, ACTIVATE, ELEMENTARY, COMBINE, ARITHMETIC]
)];

/// The shape of the output, and the value and the state of each element.
type Followed<S> = (Vec<usize>, Vec<(f64, S)>);

impl Elementwise {
    /// Follows the value of each output element, `(value, state)`, through the chain.
    fn follow<S: Copy>(
        &self,
        inputs: &[&Tensor],
        start: S,
        mut step: impl FnMut(&Step, (f64, S), f64) -> (f64, S),
    ) -> Result<Followed<S>> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| Shape::fixed(input.shape())).collect();
        let mut shape = shapes[0].clone();
        for other in &shapes[1..] {
            shape = broadcast(&shape, other)?;
        }
        let shape = shape.sample();
        let values: Vec<&[f32]> = inputs.iter().map(|input| input.as_f32()).collect::<Result<_>>()?;
        let strides: Vec<Vec<usize>> = inputs.iter().map(|input| broadcast_strides(input.shape(), &shape)).collect();
        let at = |input: usize, index: usize| {
            let (mut rest, mut offset) = (index, 0);
            for (size, stride) in shape.iter().zip(&strides[input]).rev() {
                offset += rest % size * stride;
                rest /= size;
            }
            f64::from(values[input][offset])
        };
        let count = shape.iter().product();
        let element = |index: usize| {
            self.steps.iter().fold((at(0, index), start), |state, next| match next {
                Step::Apply(_) => step(next, state, 0.0),
                Step::Combine { input, .. } => step(next, state, at(*input, index)),
            })
        };
        Ok((shape.clone(), (0..count).map(element).collect()))
    }
}

impl Step {
    fn at(&self, value: f64, other: f64) -> f64 {
        match *self {
            Step::Apply(function) => function.at(value),
            Step::Combine { function, is_right: false, .. } => function.at(value, other),
            Step::Combine { function, is_right: true, .. } => function.at(other, value),
        }
    }

    /// The allowed difference after the step if it was `distance` before the step.
    fn carry(&self, value: f64, other: f64, distance: f64) -> f64 {
        let answer = self.at(value, other);
        let own = match self {
            Step::Apply(function) => function.tolerance(),
            Step::Combine { function, .. } => function.tolerance(),
        };
        let carried = match self {
            Step::Apply(function) => function.change(value, distance),
            Step::Combine { function, is_right: false, .. } => function.change(value, other, false, distance),
            Step::Combine { function, is_right: true, .. } => function.change(other, value, true, distance),
        };
        carried + own.allowance(&[answer], &[])[0]
    }
}

impl Operator for Elementwise {
    fn name(&self) -> &'static str {
        "elementwise"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let Some(first) = inputs.first() else { return Err(Error::shape("takes at least one input")) };
        if inputs.len() > MOST_INPUTS || self.steps.len() > MOST_STEPS {
            return Err(Error::shape(format!("takes {MOST_INPUTS} inputs and {MOST_STEPS} steps at most")));
        }
        let mut shape = first.shape.clone();
        for input in inputs {
            expect_dtype(input, &[DType::F32])?;
            shape = broadcast(&shape, &input.shape)?;
        }
        let known = |step: &Step| !matches!(step, Step::Combine { input, .. } if *input >= inputs.len());
        if !self.steps.iter().all(known) {
            return Err(Error::shape("a step combines an input that there is not"));
        }
        Ok(vec![TensorType::f32(shape)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let round = |step: &Step, (value, ()), other| (f64::from(step.at(value, other) as f32), ());
        let (shape, values) = self.follow(inputs, (), round)?;
        Ok(vec![Tensor::f32(&shape, values.into_iter().map(|(value, ())| value as f32).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let operands: Vec<&[usize]> = request.inputs.iter().map(|input| input.shape.as_slice()).collect();
        let strided = Strided::broadcast(&request.output().shape, &operands, request.device)?;
        expect_loops(request, strided.loop_steps().saturating_mul(1 + self.steps.len()))?;
        let mut params = ElementwiseParams {
            strided: strided.params()?,
            step_count: word(self.steps.len())?,
            ..bytemuck::Zeroable::zeroed()
        };
        for (index, step) in self.steps.iter().enumerate() {
            (params.steps[index], params.parameters[index]) = match *step {
                Step::Apply(function) => {
                    let (code, [a, b, c]) = Function::encode(Some(function));
                    ([code, MOST_INPUTS as u32, 0, 0], [a, b, c, 0.0])
                }
                Step::Combine { function, input, is_right } => {
                    ([function.code(), word(input)?, u32::from(is_right), 0], [0.0; 4])
                }
            };
        }
        let is_rare = |step: &Step| match step {
            Step::Apply(function) => function.is_rare(),
            Step::Combine { function, .. } => function.is_rare(),
        };
        let kernel = Kernel::new("elementwise", &params, MOST_INPUTS, strided.grid());
        let entry_point = if self.steps.iter().any(is_rare) { "all_functions" } else { "main" };
        let bit = |code: u32| 1u32.checked_shl(code).unwrap_or(0);
        let mut used = [0u32; 2];
        for step in &self.steps {
            match step {
                Step::Apply(function) => used[0] |= bit(Function::encode(Some(*function)).0),
                Step::Combine { function, .. } => used[1] |= bit(function.code()),
            }
        }
        let mut kernel = kernel.entry_point(entry_point).constant("used_functions", f64::from(used[0]));
        kernel = kernel.constant("used_pair_functions", f64::from(used[1]));
        for (position, binding) in kernel.bindings[..MOST_INPUTS].iter_mut().enumerate() {
            // Unused bindings are not read, but they must be bound.
            if position >= request.inputs.len() {
                *binding = crate::kernel::Binding::input(0);
            }
        }
        Ok(vec![kernel])
    }

    /// The tolerance of the last step. [`Operator::allowance`] includes those of the others.
    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        match self.steps.last() {
            None => Tolerance::Exact,
            Some(Step::Apply(function)) => function.tolerance(),
            Some(Step::Combine { function, .. }) => function.tolerance(),
        }
    }

    fn allowance(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let carry = |step: &Step, (value, distance), other| {
            (f64::from(step.at(value, other) as f32), step.carry(value, other, distance))
        };
        Ok(vec![self.follow(inputs, 0.0, carry)?.1.into_iter().map(|(_, distance)| distance).collect()])
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len().saturating_mul(self.steps.len()) as u64
    }
}
