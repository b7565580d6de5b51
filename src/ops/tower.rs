//! Several Dense layers, one after the other, in one dispatch.
//!
//! `x₀ = x`, `xₗ₊₁ = fₗ(biasₗ + xₗ · kernelₗ)`, each rounded to float32, the last is the output; `x: [N, …, K]`,
//! `kernelₗ: [Kₗ, Uₗ]` with `Kₗ₊₁ = Uₗ`, `biasₗ: [Uₗ]`, the first also `[S, U₀]`. The inputs are x, then kernel and bias
//! of each layer; all but x and the first bias are constants. No layer of Keras or TF.js: what a chain of
//! [`Dense`](super::dense) becomes where [`Tower::fits`].
//!
//! A workgroup takes 4 rows (8 on software), or 1 if there are fewer than 4, through all layers and keeps them in
//! workgroup memory between. Within a layer it works as Dense does by blocks.
//!
//! What it saves is a dispatch for each layer but one; what it costs depends on the device. Measured for
//! 240 → 256 → 128 → 64 → 1 against four Dense dispatches (time ratios, minima of interleaved rounds, two cores):
//! with llvmpipe (Mesa 22.3.6) 0.8 at 1 row, 1.5 at 32 and 2.4 at 256; with SwiftShader 1.0, 1.2 and 1.7.
//! Both keep what lives across a barrier in memory, sums too, so a tower pays there only if it is small.

use super::activation::Function;
use super::dense::Dense;
use super::operator::{ConcreteType, KernelRequest, Operator, expect_loops, word};
use crate::error::{Error, Result};
use crate::kernel::{
    ACTIVATE, Binding, BufferId, DeviceFacts, GRID, Kernel, SPECIAL, Shader, params, shader, workgroups,
};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// A chain of Dense layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tower {
    /// Of each layer, in order; `None` for linear.
    pub activations: Vec<Option<Function>>,
}

/// Layers that the parameters have room for.
const MAX_LAYERS: usize = 8;

/// Quads of values that a workgroup keeps: what fits the 16 352 bytes that every phone has.
const QUADS: usize = 1022;

/// Products for each row, and for each dispatch saved, up to which a software GPU is not slower than by Dense: at some
/// 30 rows the two are even there.
const SOFTWARE_PRODUCTS: usize = 10_000;

/// Products for each row up to which the kernels, which every group of rows reads again, stay in a phone's cache. Not
/// measured.
const HARDWARE_PRODUCTS: usize = 1 << 18;

params! {
    /// `Params` of `shaders/tower.wgsl`.
    TowerParams {
        rows: u32,
        layers: u32,
        group_rows: u32,
        odd: u32,
        seconds: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
        shapes: [[u32; 4]; MAX_LAYERS],
        functions: [[f32; 4]; MAX_LAYERS],
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("tower", TowerParams, fragments: [GRID, SPECIAL, ACTIVATE])];

impl Tower {
    /// Whether a tower of this depth and these units can be computed in one dispatch on a device, and is no slower
    /// than its layers one by one.
    ///
    /// It can if it has 2 to 8 layers, the units of all but the last are multiples of 4, no more than two functions
    /// occur (several rectifiers count as one unless some are clipped), and 4 rows of what two neighbouring layers
    /// make fit the workgroup's memory.
    pub fn fits(&self, depth: usize, units: &[usize], facts: &DeviceFacts) -> bool {
        let products: usize = depths(depth, units).zip(units).map(|(depth, units)| depth * units).sum();
        let most = match facts.software {
            true => SOFTWARE_PRODUCTS * self.activations.len().saturating_sub(1),
            false => HARDWARE_PRODUCTS,
        };
        units.len() > 1 && self.is_computable(depth, units) && products <= most
    }

    fn is_computable(&self, depth: usize, units: &[usize]) -> bool {
        let layers = units.len();
        (1..=MAX_LAYERS).contains(&layers)
            && self.activations.len() == layers
            && units[..layers - 1].iter().all(|units| units.is_multiple_of(4))
            && self.functions().len() <= 2
            && group_rows(4, depth, units, true).is_some()
    }

    /// The numbers of the functions that occur, in order.
    fn functions(&self) -> Vec<u32> {
        let mut functions = Vec::new();
        for activation in &self.activations {
            let (function, _) = Function::encode(*activation);
            if !functions.contains(&function) {
                functions.push(function);
            }
        }
        functions
    }

    /// Each layer with its operands besides x.
    fn layers<'t>(&self, inputs: &[&'t Tensor]) -> impl Iterator<Item = (Option<Function>, &'t Tensor, &'t Tensor)> {
        let operands = inputs[1..].chunks_exact(2).map(|operands| (operands[0], operands[1]));
        self.activations.iter().zip(operands).map(|(activation, (kernel, bias))| (*activation, kernel, bias))
    }

    /// The loop steps of the busiest invocation, all its loops together.
    fn loop_steps(depth: usize, units: &[usize], group: usize) -> usize {
        let steps = depths(depth, units).zip(units).map(|(depth, &units)| {
            let height = if group.is_multiple_of(4) { 4 } else { 1 };
            let (rows, width) = if units.is_multiple_of(4) { (height, 4) } else { (1, 1) };
            let pieces = (group / rows * (units / width)).div_ceil(64);
            1 + pieces * (1 + depth / 4 + depth % 4 + rows * (1 + width))
        });
        (group * depth.div_ceil(4)).div_ceil(64) + steps.sum::<usize>()
    }
}

/// The depth of each layer.
fn depths(depth: usize, units: &[usize]) -> impl Iterator<Item = usize> {
    [depth].into_iter().chain(units.iter().copied())
}

/// Quads of one row of what the even and the odd layers read.
fn widths(depth: usize, units: &[usize]) -> [usize; 2] {
    let mut widths = [0; 2];
    for (layer, depth) in depths(depth, units).take(units.len()).enumerate() {
        widths[layer % 2] = depth.div_ceil(4).max(widths[layer % 2]);
    }
    widths
}

/// The rows of a workgroup, if they fit its memory. Software GPUs lose by barriers, so they take as many as they can;
/// hardware needs workgroups to be busy.
fn group_rows(rows: usize, depth: usize, units: &[usize], software: bool) -> Option<usize> {
    let choices: &[usize] = match software {
        _ if rows < 4 => &[1],
        true => &[8, 4],
        false => &[4],
    };
    let [even, odd] = widths(depth, units);
    choices.iter().copied().find(|group| group * (even + odd) <= QUADS)
}

impl Operator for Tower {
    fn name(&self) -> &'static str {
        "tower"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<TensorType> {
        let expected = 1 + 2 * self.activations.len();
        if inputs.len() != expected || self.activations.is_empty() {
            return Err(Error::shape(format!("takes {expected} inputs, not {}, and at least 1 layer", inputs.len())));
        }
        let mut x = inputs[0].clone();
        for (layer, operands) in inputs[1..].chunks_exact(2).enumerate() {
            if layer > 0 && operands[1].shape.is_batched() {
                return Err(Error::shape(format!("bias {} of layer {layer} is not constant", operands[1])));
            }
            x = Dense::with(self.activations[layer]).infer(&[&x, operands[0], operands[1]])?;
        }
        Ok(x)
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let mut x = inputs[0].clone();
        for (activation, kernel, bias) in self.layers(inputs) {
            x = Dense::with(activation).eval(&[&x, kernel, bias])?;
        }
        Ok(x)
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let units: Vec<usize> = request.inputs[1..].iter().step_by(2).map(|kernel| kernel.shape[1]).collect();
        let depth = request.inputs[1].shape[0];
        let leading = request.output.shape.len() - 1;
        let rows: usize = request.output.shape[..leading].iter().product();
        let group = group_rows(rows, depth, &units, request.device.software).filter(|_| self.is_computable(depth, &units));
        let Some(group) = group else {
            return Err(Error::limit(format!("layers of {units:?} units on {depth} inputs are too much for one kernel")));
        };
        expect_loops(request, Tower::loop_steps(depth, &units, group))?;
        for operand in request.inputs.iter().chain([request.output]) {
            word(operand.len())?;
        }
        let functions = self.functions();
        let mut params = TowerParams {
            rows: word(rows)?,
            layers: word(units.len())?,
            group_rows: word(group)?,
            odd: word(group * widths(depth, &units)[0])?,
            seconds: 0,
            padding0: 0,
            padding1: 0,
            padding2: 0,
            shapes: [[0; 4]; MAX_LAYERS],
            functions: [[0.0; 4]; MAX_LAYERS],
        };
        for (layer, activation) in self.activations.iter().enumerate() {
            let (function, [a, b, c]) = Function::encode(*activation);
            params.functions[layer] = [a, b, c, 0.0];
            params.seconds |= u32::from(function != functions[0]) << layer;
            let kernel = quads_before(request, 1 + 2 * layer)?;
            let bias = if layer == 0 { 0 } else { quads_before(request, 2 + 2 * layer)? };
            params.shapes[layer] = [word(request.inputs[1 + 2 * layer].shape[0])?, word(units[layer])?, kernel, bias];
        }
        let grid = workgroups(if request.output.is_empty() { 0 } else { rows.div_ceil(group) });
        let mut kernel = Kernel::new("tower", &params, 0, grid)
            .entry_point(if group.is_multiple_of(4) { "blocks" } else { "quads" })
            .constant("first_function", f64::from(functions[0]))
            .constant("second_function", f64::from(*functions.last().unwrap_or(&0)));
        kernel.bindings = vec![Binding::input(0), Binding::input(2), Binding::weights(), Binding::output()];
        Ok(vec![kernel])
    }

    /// Of the sums of the deepest layer; [`Tower::allowance`] carries those of all.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: self.layers(inputs).map(|(_, kernel, _)| kernel.shape()[0]).max().unwrap_or(0) }
    }

    /// Carried through the layers. The errors of sums are roundings and independent, so a layer adds them by their
    /// squares; what a function computes may be wrong by the same everywhere, so a layer adds it up.
    fn allowance(&self, inputs: &[&Tensor], _: &Tensor) -> Result<Vec<f64>> {
        let mut x = inputs[0].clone();
        let (mut rounded, mut biased) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for (activation, kernel, bias) in self.layers(inputs) {
            let operands = [&x, kernel, bias];
            let sums = Dense::sums(&operands)?;
            let dense = Dense::default();
            let own = dense.allowance(&operands, &dense.eval(&operands)?)?;
            let y = Dense::with(activation).eval(&operands)?;
            let rows = sums.len().checked_div(kernel.shape()[1]).unwrap_or(0);
            rounded = carry(kernel, rows, &rounded, |error| error * error);
            biased = carry(kernel, rows, &biased, f64::abs);
            for (rounded, own) in rounded.iter_mut().zip(own) {
                *rounded = rounded.sqrt() + own;
            }
            if let Some(function) = activation {
                let own = function.tolerance().allowance(&y.to_f64(), &[]);
                for (index, sum) in sums.into_iter().enumerate() {
                    rounded[index] = function.change(sum, rounded[index]);
                    biased[index] = function.change(sum, biased[index]) + own[index];
                }
            }
            x = y;
        }
        Ok(rounded.into_iter().zip(biased).map(|(rounded, biased)| rounded + biased).collect())
    }

    fn flops(&self, inputs: &[ConcreteType], output: &ConcreteType) -> u64 {
        let leading = output.shape.len() - 1;
        let rows: usize = output.shape[..leading].iter().product();
        let layers = self.activations.iter().zip(inputs[1..].iter().step_by(2)).map(|(activation, kernel)| {
            let output = ConcreteType { shape: vec![rows, kernel.shape[1]], dtype: DType::F32 };
            Dense::with(*activation).flops(&[inputs[0].clone(), kernel.clone()], &output)
        });
        layers.sum()
    }
}

/// For each sum of a layer what `size` makes of weight times error, over all its terms.
fn carry(kernel: &Tensor, rows: usize, errors: &[f64], size: impl Fn(f64) -> f64) -> Vec<f64> {
    let (weights, depth, units) = (kernel.to_f64(), kernel.shape()[0], kernel.shape()[1]);
    let sum = |row: usize, unit: usize| {
        (0..depth).map(|k| size(weights[k * units + unit] * errors[row * depth + k])).sum::<f64>()
    };
    (0..rows).flat_map(|row| (0..units).map(move |unit| (row, unit))).map(|(row, unit)| sum(row, unit)).collect()
}

/// Where an input stands in the buffer of all weights, in quads.
fn quads_before(request: &KernelRequest<'_>, index: usize) -> Result<u32> {
    match request.places.get(index) {
        Some(place) if place.buffer == BufferId::Weights => word((place.offset_bytes / 16) as usize),
        _ => Err(Error::limit(format!("input {index} of a tower is not one of the plan's weights"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shader_has_room_for_as_many_values_and_layers() {
        let source = SHADERS[0].source;
        assert!(source.contains(&format!("var<workgroup> values: array<vec4<f32>, {QUADS}>;")));
        assert!(source.contains(&format!("shapes: array<vec4<u32>, {MAX_LAYERS}>")));
    }

    #[test]
    fn groups_are_as_large_as_memory_and_device_allow() {
        let units = [256, 128, 64, 1];
        assert_eq!(widths(240, &units), [60, 64]);
        assert_eq!(group_rows(256, 240, &units, true), Some(8));
        assert_eq!(group_rows(256, 240, &units, false), Some(4));
        assert_eq!(group_rows(3, 240, &units, true), Some(1));
        assert_eq!(group_rows(4, 700, &[256, 4], true), Some(4));
        assert_eq!(group_rows(4, 700, &[340, 4], true), None);
    }
}
