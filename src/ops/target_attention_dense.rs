//! Fused Dense over the pairs of a query with each of its keys: the first layer of target attention (DIN), without
//! storing the pairs in memory.
//!
//! Keras models concatenate `[key, query, key − query, key ∘ query, …]` for every step and multiply by a kernel. That
//! equals
//!
//! `output[n, t, u] = f(b[u] + Σ_d k·Wk + q·Wq + k·q·Wp + (k − q)·Wd)` with `k = k[n, t, d]`, `q = q[n, d]`
//!
//! where the weights of each factor (key, query, product or difference) are the sum of its rows in the kernel. The
//! difference has separate rows for accuracy: if key and query are large and close, their difference is exact, but the
//! difference of their products is not. `k: [N, T, D]`, `q: [N, D]`, each of which may be one shared row; output
//! `[N, T, U]`; all float32. `weights: [4 · D + 1, U]` holds the rows of `Wk`, `Wq`, `Wp`, `Wd` and the bias, because
//! phones support only four storage buffers per shader.

use super::activation::Function;
use super::binary::BinaryFunction;
use super::operator::{
    ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, overflowing, word,
};
use super::row_form::{Pair, RowForm, RowValue, Work};
use crate::error::{Error, Result};
use crate::kernel::{ACTIVATE, GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// Multiplies the pairs of a query and its keys by a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetAttentionDense {
    /// Applied to the sum; `None` for linear.
    pub activation: Option<Function>,
}

/// The number of steps per invocation; they share each loaded weight.
const BLOCK_STEPS: usize = 4;

params! {
    /// `Params` of `shaders/target_attention_dense.wgsl`.
    TargetAttentionDenseParams {
        count: u32,
        steps: u32,
        dim: u32,
        units: u32,
        key_stride: u32,
        query_stride: u32,
        blocks: u32,
        padding: u32,
        parameters: [f32; 4],
    }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("target_attention_dense", TargetAttentionDenseParams, fragments: [GRID, SPECIAL, ACTIVATE])];

/// The operands at one batch size.
struct Operands<'t> {
    keys: &'t [f32],
    query: &'t [f32],
    weights: &'t [f32],
    rows: usize,
    steps: usize,
    dim: usize,
    units: usize,
}

impl<'t> Operands<'t> {
    fn of(inputs: &[&'t Tensor]) -> Result<Self> {
        let [keys, query, weights] = [inputs[0], inputs[1], inputs[2]];
        let rows = if keys.shape()[0] == 1 { query.shape()[0] } else { keys.shape()[0] };
        Ok(Operands {
            keys: keys.as_f32()?,
            query: query.as_f32()?,
            weights: weights.as_f32()?,
            rows,
            steps: keys.shape()[1],
            dim: keys.shape()[2],
            units: weights.shape()[1],
        })
    }

    /// Each sum, with its terms mapped by `see`.
    fn sums(&self, see: impl Fn(f64) -> f64) -> Vec<f64> {
        let (dim, units) = (self.dim, self.units);
        let weight = |row: usize, unit: usize| f64::from(self.weights[row * units + unit]);
        let (keys_rows, query_rows) = (self.keys.len() / (self.steps * dim).max(1), self.query.len() / dim.max(1));
        let mut sums = Vec::with_capacity(self.rows * self.steps * units);
        for row in 0..self.rows {
            let query = |d: usize| f64::from(self.query[if query_rows == 1 { 0 } else { row * dim } + d]);
            for step in 0..self.steps {
                let start = (if keys_rows == 1 { 0 } else { row * self.steps } + step) * dim;
                for unit in 0..units {
                    let mut sum = see(weight(4 * dim, unit));
                    for d in 0..dim {
                        let key = f64::from(self.keys[start + d]);
                        sum += see(key * weight(d, unit)) + see(query(d) * weight(dim + d, unit));
                        sum += see(key * query(d) * weight(2 * dim + d, unit));
                        sum += see(f64::from((key - query(d)) as f32) * weight(3 * dim + d, unit));
                    }
                    sums.push(sum);
                }
            }
        }
        sums
    }

    fn tensor(&self, values: Vec<f32>) -> Result<Tensor> {
        Tensor::f32(&[self.rows, self.steps, self.units], values)
    }
}

impl Operator for TargetAttentionDense {
    fn name(&self) -> &'static str {
        "target_attention_dense"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [keys, query, weights] = expect_inputs(inputs)?;
        for input in [keys, query, weights] {
            expect_dtype(input, &[DType::F32])?;
        }
        Function::expect_of_layers(self.activation)?;
        let (key_sample, query_sample) = (keys.shape.sample(), query.shape.sample());
        let fits = match (key_sample.as_slice(), query_sample.as_slice(), weights.shape.dims()) {
            (&[steps, dim], &[query_dim], &[Dim::Fixed(rows), Dim::Fixed(units)]) => {
                let fits = dim == query_dim && Some(rows) == dim.checked_mul(4).map(|rows| rows + 1);
                (fits && keys.shape.is_batched() && query.shape.is_batched()).then_some((steps, units))
            }
            _ => None,
        };
        let Some((steps, units)) = fits else {
            return Err(Error::shape(format!("keys {keys}, query {query} and weights {weights} do not fit")));
        };
        let shared = keys.shape.is_shared() && query.shape.is_shared();
        let shape = if shared { Shape::shared(&[steps, units]) } else { Shape::batched(&[steps, units]) };
        Ok(vec![TensorType::f32(shape)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let operands = Operands::of(inputs)?;
        let finish = |sum: f64| self.activation.map_or(sum, |function| function.at(overflowing(sum))) as f32;
        Ok(vec![operands.tensor(operands.sums(|term| term).into_iter().map(finish).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let (keys, query) = (&request.inputs[0].shape, &request.inputs[1].shape);
        let &[rows, steps, units] = request.output().shape.as_slice() else {
            return Err(Error::shape("the output is not a batch of steps"));
        };
        expect_loops(request, keys[2] + BLOCK_STEPS * (1 + BLOCK_STEPS))?;
        word(request.inputs[0].len().max(request.output().len()))?;
        let stride = |shape: &[usize]| word(if shape[0] == 1 { 0 } else { shape[1..].iter().product() });
        let blocks = steps.div_ceil(BLOCK_STEPS);
        let (entry_point, across) = if units % 4 == 0 { ("quads", units / 4) } else { ("main", units) };
        let count = rows * blocks * across;
        let (function, [a, b, c]) = Function::encode(self.activation);
        let params = TargetAttentionDenseParams {
            count: word(count)?,
            steps: word(steps)?,
            dim: word(keys[2])?,
            units: word(units)?,
            key_stride: stride(keys)?,
            query_stride: stride(query)?,
            blocks: word(blocks)?,
            padding: 0,
            parameters: [a, b, c, 0.0],
        };
        let kernel = Kernel::new("target_attention_dense", &params, 3, invocations(count)).entry_point(entry_point);
        Ok(vec![kernel.constant("function", f64::from(function))])
    }

    /// A dense layer over `[key, query, key · query, key − query]` of each step, in the order of the weights.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let keys = form.row(0)?;
        let &[dim] = form.row(1).or_else(|| form.sample(1))? else { return None };
        let &[_, units] = form.constant(2)? else { return None };
        let (&width, leading) = keys.split_last()?;
        if width != dim {
            return None;
        }
        let steps: usize = leading.iter().product();
        let pairs = form.scratch(4 * steps * dim);
        let size = [steps, dim];
        let key = (RowValue::Input(0), 0, vec![dim as isize, 1]);
        let query = (RowValue::Input(1), 0, vec![0, 1]);
        let part = |index: usize| (pairs, index * dim, vec![4 * dim as isize, 1]);
        form.copy(&size, key.clone(), part(0))?;
        form.copy(&size, query.clone(), part(1))?;
        for (index, function) in [(2, BinaryFunction::Multiply), (3, BinaryFunction::Subtract)] {
            let work = Work::Elementwise { pair: Pair::Of(function), function: None };
            form.elementwise(work, &size, &[key.clone(), query.clone(), part(index)])?;
        }
        let relu = self.activation == Some(Function::RELU);
        form.dense([steps, 4 * dim, units], pairs, (2, 0), Some((2, 4 * dim * units)), relu);
        match self.activation.filter(|_| !relu) {
            Some(function) => form.apply(function, RowValue::Output, steps * units),
            None => Some(()),
        }
    }

    /// The tolerance of the sum. [`Operator::allowance`] includes that of the activation.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[2].shape()[0] }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let operands = Operands::of(inputs)?;
        Ok(vec![operands.tensor(operands.sums(f64::abs).into_iter().map(|sum| sum as f32).collect())?])
    }

    fn allowance(&self, inputs: &[&Tensor], expected: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let sums = Operands::of(inputs)?.sums(|term| term);
        let allowed = self.tolerance(inputs).allowance(&sums, &self.magnitude(inputs)?[0].to_f64());
        Ok(vec![match self.activation {
            Some(function) => function.carry(&sums, &allowed, &expected[0]),
            None => allowed,
        }])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        // The weights of the key and of the difference are combined once per query.
        let dim = inputs[0].shape[2];
        let of_steps = (5 * outputs[0].len()).saturating_mul(dim);
        of_steps.saturating_add((4 * outputs[0].shape[0] * outputs[0].shape[2]).saturating_mul(dim)) as u64
    }
}
