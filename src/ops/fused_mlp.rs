//! Fused MLP: a chain of Dense layers in one dispatch.
//!
//! `x₀ = x`, `xₗ₊₁ = fₗ(biasₗ + xₗ · kernelₗ)`, each rounded to float32; the last is the output. `x: [N, …, K]`,
//! `kernelₗ: [Kₗ, Uₗ]` with `Kₗ₊₁ = Uₗ`, `biasₗ: [Uₗ]`; the first bias may also be `[S, U₀]`. The inputs are x,
//! followed by the kernel and the bias of each layer. All inputs except x and the first bias are constants. Keras and
//! TF.js have no such layer: a pass creates it from a chain of [`Dense`](super::dense) layers if [`FusedMlp::fits`].
//!
//! The weights of a fused MLP are unpacked, although Dense could decode them. Only layers of less than a megabyte in
//! total are fused, and every group of rows would decode them again.
//!
//! Activations stay in workgroup memory between the layers. Within a layer an invocation computes blocks of 4 × 4 as in
//! Dense, or of 1 × 4 if there are fewer than 4 rows. On hardware the invocations of a workgroup share its rows and
//! synchronise after each layer ([`FusedMlpKernel::Together`]). On software GPUs each invocation has its own rows
//! ([`FusedMlpKernel::Alone`]), if there is enough memory for several invocations: a barrier there costs more than a
//! small layer, and values that live across a barrier, including sums, are spilled to memory.
//!
//! A fused MLP saves all dispatches but one. On software GPUs it costs idle lanes or barriers, so only small MLPs are
//! fused there. Time of a prediction, fused ÷ layer by layer, minimum of 40 interleaved rounds, two cores of an x86-64
//! server, llvmpipe (Mesa 22.3.6) / SwiftShader (Chromium 156); the spread of the minimum is about 10 % (`cargo bench
//! --bench dense`, `--units` and `--depth` set the layers):
//!
//! | layers | 1 row | 32 rows | 256 rows |
//! |---|---|---|---|
//! | 64 → 32 → 16 → 1, alone | 0.7 / 1.4 | 0.9 / 1.4 | 0.9 / 1.5 |
//! | 128 → 64 → 1, alone | 1.2 / 1.7 | 1.2 / 1.1 | 1.3 / 1.2 |
//! | 128 → 64 → 1, together | 1.1 / 1.5 | 1.4 / 2.3 | 2.0 / 2.7 |
//! | 240 → 256 → 128 → 64 → 1, together | 0.8 / 1.1 | 1.3 / 1.1 | 1.6 / 1.2 |
//!
//! On software GPUs, fusing is therefore faster only for very small layers, if at all. The MLPs that [`FusedMlp::fits`]
//! allows there lose less than 0.3 ms at 256 rows and less than 0.06 ms at 1 row. Not measured on hardware.

use super::activation::Function;
use super::dense::Dense;
use super::operator::{ConcreteType, KernelRequest, Operator, expect_loops, word};
use crate::error::{Error, Result};
use crate::kernel::{
    ACTIVATE, Binding, BufferId, DeviceFacts, GRID, Kernel, SPECIAL, Shader, WORKGROUP_SIZE, params, shader, workgroups,
};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// A chain of Dense layers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FusedMlp {
    /// The activation of each layer, in order; `None` for linear.
    pub activations: Vec<Option<Function>>,
    /// The kernel, for benchmarks and tests; `None` chooses it for the device.
    pub kernel: Option<FusedMlpKernel>,
}

/// One of the kernels of [`FusedMlp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FusedMlpKernel {
    /// A few rows per workgroup, with a barrier per layer.
    Together,
    /// A few rows per invocation, without barriers.
    Alone,
}

/// Maximum number of layers, for which the parameters have room.
pub const MAX_LAYERS: usize = 8;

/// The number of four-element vectors in workgroup memory. They fit the 16 352 bytes that every phone has.
const QUADS: usize = 1022;

/// Maximum number of multiplications per row and saved dispatch for which a fused MLP loses little on a software GPU.
const SOFTWARE_PRODUCTS: usize = 4_500;

/// Maximum number of multiplications per row for which the weights, which every group of rows reads again, stay in a
/// phone's cache. Not measured.
const HARDWARE_PRODUCTS: usize = 1 << 18;

params! {
    /// `Params` of `shaders/fused_mlp.wgsl`.
    FusedMlpParams {
        rows: u32,
        layers: u32,
        own_rows: u32,
        odd: u32,
        seconds: u32,
        lanes: u32,
        lane_quads: u32,
        padding: u32,
        shapes: [[u32; 4]; MAX_LAYERS],
        functions: [[f32; 4]; MAX_LAYERS],
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("fused_mlp", FusedMlpParams, fragments: [GRID, SPECIAL, ACTIVATE])];

impl FusedMlp {
    /// Layers with these activations, with the kernel chosen for the device.
    pub fn new(activations: Vec<Option<Function>>) -> Self {
        FusedMlp { activations, kernel: None }
    }

    /// Whether an MLP of this depth and these units should run in one dispatch on a device.
    ///
    /// It must have 2 to 8 layers. The units of all layers except the last must be multiples of 4. There must be at
    /// most two different functions (ReLUs count as one function, clipped ReLUs as another). Workgroup memory must hold
    /// 4 rows of the activations of two consecutive layers. Fusing must also be faster than separate layers, or only
    /// slightly slower.
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
            && 4 * widths(depth, units).iter().sum::<usize>() <= QUADS
    }

    /// The distinct function numbers, in order.
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

    /// The activation, kernel and bias of each layer.
    fn layers<'t>(&self, inputs: &[&'t Tensor]) -> impl Iterator<Item = (Option<Function>, &'t Tensor, &'t Tensor)> {
        let operands = inputs[1..].chunks_exact(2).map(|operands| (operands[0], operands[1]));
        self.activations.iter().zip(operands).map(|(activation, (kernel, bias))| (*activation, kernel, bias))
    }

    /// The number of loop steps of the busiest invocation.
    fn loop_steps(depth: usize, units: &[usize], share: &Share) -> usize {
        let step = if share.lanes == 0 { WORKGROUP_SIZE as usize } else { 1 };
        let steps = depths(depth, units).zip(units).map(|(depth, &units)| {
            let (rows, width) = if units.is_multiple_of(4) { (share.height(), 4) } else { (1, 1) };
            let pieces = (share.rows / rows * (units / width)).div_ceil(step);
            1 + pieces * (1 + depth / 4 + depth % 4 + rows * (1 + width))
        });
        (share.rows * depth.div_ceil(4)).div_ceil(step) + steps.sum::<usize>()
    }
}

impl FusedMlpKernel {
    /// The kernel for rows of `row_quads` vectors of activations. [`FusedMlpKernel::Alone`] needs memory for at least 4
    /// invocations: fewer would leave most of a SIMD vector idle, which costs more than the barriers.
    fn choose(row_quads: usize, facts: &DeviceFacts) -> FusedMlpKernel {
        let four_have_room = 4 * 4 * row_quads <= QUADS;
        if facts.software && four_have_room { FusedMlpKernel::Alone } else { FusedMlpKernel::Together }
    }
}

/// The division of rows among the invocations of a workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Share {
    /// The number of rows of the workgroup, or of each invocation that works alone.
    rows: usize,
    /// The number of invocations that work alone; 0 if all work together.
    lanes: usize,
}

impl Share {
    /// Divides `rows` rows. Alone: as many invocations as memory has room for, up to the widest SIMD vector of a
    /// software GPU. Together: four rows per workgroup, because hardware needs many workgroups.
    fn choose(kernel: FusedMlpKernel, rows: usize, row_quads: usize) -> Option<Share> {
        let own = if rows < 4 { 1 } else { 4 };
        let lanes = match kernel {
            FusedMlpKernel::Together => [0].as_slice(),
            FusedMlpKernel::Alone => &[8, 4, 2, 1],
        };
        let fits = |lanes: &usize| own * row_quads * (*lanes).max(1) <= QUADS;
        lanes.iter().copied().find(fits).map(|lanes| Share { rows: own, lanes })
    }

    /// The number of rows in a block.
    fn height(&self) -> usize {
        if self.rows.is_multiple_of(4) { 4 } else { 1 }
    }

    fn entry_point(&self) -> &'static str {
        match (self.height(), self.lanes) {
            (4, 0) => "blocks_together",
            (4, _) => "blocks_alone",
            (_, 0) => "quads_together",
            (_, _) => "quads_alone",
        }
    }
}

/// The depth of each layer.
fn depths(depth: usize, units: &[usize]) -> impl Iterator<Item = usize> {
    [depth].into_iter().chain(units.iter().copied())
}

/// The widest input of the even and of the odd layers, in vectors of four.
fn widths(depth: usize, units: &[usize]) -> [usize; 2] {
    let mut widths = [0; 2];
    for (layer, depth) in depths(depth, units).take(units.len()).enumerate() {
        widths[layer % 2] = depth.div_ceil(4).max(widths[layer % 2]);
    }
    widths
}

impl Operator for FusedMlp {
    fn name(&self) -> &'static str {
        "fused_mlp"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let expected = 1 + 2 * self.activations.len();
        if inputs.len() != expected || self.activations.is_empty() {
            return Err(Error::shape(format!("takes {expected} inputs, not {}, and at least 1 layer", inputs.len())));
        }
        self.activations.iter().try_for_each(|activation| Function::expect_of_layers(*activation))?;
        let mut x = inputs[0].clone();
        for (layer, operands) in inputs[1..].chunks_exact(2).enumerate() {
            if layer > 0 && operands[1].shape.is_batched() {
                return Err(Error::shape(format!("bias {} of layer {layer} is not constant", operands[1])));
            }
            x = Dense::with(self.activations[layer]).infer(&[&x, operands[0], operands[1]])?.swap_remove(0);
        }
        Ok(vec![x])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let mut x = inputs[0].clone();
        for (activation, kernel, bias) in self.layers(inputs) {
            x = Dense::with(activation).answer(&[&x, kernel, bias])?;
        }
        Ok(vec![x])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let units: Vec<usize> = request.inputs[1..].iter().step_by(2).map(|kernel| kernel.shape[1]).collect();
        let depth = request.inputs[1].shape[0];
        let leading = request.output().shape.len() - 1;
        let rows: usize = request.output().shape[..leading].iter().product();
        let [even, odd] = widths(depth, &units);
        let for_device = FusedMlpKernel::choose(even + odd, request.device);
        let share = Share::choose(self.kernel.unwrap_or(for_device), rows, even + odd);
        let Some(share) = share.filter(|_| self.is_computable(depth, &units)) else {
            return Err(Error::device_limit(format!(
                "layers of {units:?} units on {depth} inputs exceed the limits of one kernel"
            )));
        };
        expect_loops(request, FusedMlp::loop_steps(depth, &units, &share))?;
        for operand in request.inputs.iter().chain(request.outputs) {
            word(operand.len())?;
        }
        let functions = self.functions();
        let mut params = FusedMlpParams {
            rows: word(rows)?,
            layers: word(units.len())?,
            own_rows: word(share.rows)?,
            odd: word(share.rows * even)?,
            seconds: 0,
            lanes: word(share.lanes)?,
            lane_quads: word(share.rows * (even + odd))?,
            padding: 0,
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
        let grid =
            workgroups(if request.output().is_empty() { 0 } else { rows.div_ceil(share.rows * share.lanes.max(1)) });
        let mut kernel = Kernel::new("fused_mlp", &params, 0, grid)
            .entry_point(share.entry_point())
            .constant("first_function", f64::from(functions[0]))
            .constant("second_function", f64::from(*functions.last().unwrap_or(&0)));
        kernel.bindings = vec![Binding::input(0), Binding::input(2), Binding::weights(), Binding::output()];
        Ok(vec![kernel])
    }

    /// The tolerance of the sums of the deepest layer. [`FusedMlp::allowance`] propagates the tolerances of all layers.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: self.layers(inputs).map(|(_, kernel, _)| kernel.shape()[0]).max().unwrap_or(0) }
    }

    /// The allowance, propagated through the layers. Errors of sums are independent roundings, so a layer adds their
    /// squares. Errors of functions may be systematic, so a layer adds their absolute values.
    fn allowance(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let mut x = inputs[0].clone();
        let (mut rounded, mut biased) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for (activation, kernel, bias) in self.layers(inputs) {
            let operands = [&x, kernel, bias];
            let sums = Dense::sums(&operands)?;
            let dense = Dense::default();
            let own = dense.allowance(&operands, &dense.eval(&operands)?)?.swap_remove(0);
            let y = Dense::with(activation).answer(&operands)?;
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
        Ok(vec![rounded.into_iter().zip(biased).map(|(rounded, biased)| rounded + biased).collect()])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        let leading = outputs[0].shape.len() - 1;
        let rows: usize = outputs[0].shape[..leading].iter().product();
        let layers = self.activations.iter().zip(inputs[1..].iter().step_by(2)).map(|(activation, kernel)| {
            let output = ConcreteType { shape: vec![rows, kernel.shape[1]], dtype: DType::F32 };
            Dense::with(*activation).flops(&[inputs[0].clone(), kernel.clone()], &[output])
        });
        layers.fold(0, u64::saturating_add)
    }
}

/// For each sum of a layer, the total of `size(weight · error)` over its terms.
fn carry(kernel: &Tensor, rows: usize, errors: &[f64], size: impl Fn(f64) -> f64) -> Vec<f64> {
    let (weights, depth, units) = (kernel.to_f64(), kernel.shape()[0], kernel.shape()[1]);
    let sum = |row: usize, unit: usize| {
        (0..depth).map(|k| size(weights[k * units + unit] * errors[row * depth + k])).sum::<f64>()
    };
    (0..rows).flat_map(|row| (0..units).map(move |unit| (row, unit))).map(|(row, unit)| sum(row, unit)).collect()
}

/// The offset of an input in the buffer of weights, in vectors of four.
fn quads_before(request: &KernelRequest<'_>, index: usize) -> Result<u32> {
    match request.regions.get(index) {
        Some(place) if place.buffer == BufferId::Weights => word((place.offset_bytes / 16) as usize),
        _ => Err(Error::limit(format!("input {index} of an MLP is not one of the plan's weights"))),
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
    fn rows_are_shared_as_memory_allows() {
        let choose = |kernel, rows, depth, units: &[usize]| {
            Share::choose(kernel, rows, widths(depth, units).iter().sum()).map(|share| (share.rows, share.lanes))
        };
        assert_eq!(widths(240, &[256, 128, 64, 1]), [60, 64]);
        assert_eq!(choose(FusedMlpKernel::Together, 256, 240, &[256, 128, 64, 1]), Some((4, 0)));
        assert_eq!(choose(FusedMlpKernel::Together, 3, 240, &[256, 128, 64, 1]), Some((1, 0)));
        assert_eq!(choose(FusedMlpKernel::Alone, 256, 64, &[32, 16, 1]), Some((4, 8)));
        assert_eq!(choose(FusedMlpKernel::Alone, 256, 128, &[64, 1]), Some((4, 4)));
        assert_eq!(choose(FusedMlpKernel::Alone, 3, 128, &[64, 1]), Some((1, 8)));
        assert_eq!(choose(FusedMlpKernel::Alone, 256, 1020, &[4, 1]), None);
        let software = DeviceFacts { software: true, ..DeviceFacts::FLOOR };
        assert_eq!(FusedMlpKernel::choose(48, &software), FusedMlpKernel::Alone);
        assert_eq!(FusedMlpKernel::choose(124, &software), FusedMlpKernel::Together);
        assert_eq!(FusedMlpKernel::choose(48, &DeviceFacts::FLOOR), FusedMlpKernel::Together);
    }
}
