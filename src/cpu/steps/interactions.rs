//! TargetAttentionDense and DotInteraction: matrix products whose weights are computed for each sample.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::matrix::{Finish, Matrix, Panels};
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::{self, Function};
use pulp::Arch;

/// Keys, joined with their differences from the query, times `[Wk + q ∘ Wp, Wd]`, plus a bias that depends on the
/// query.
#[derive(Debug)]
struct TargetAttentionDense {
    keys: Operand,
    query: Operand,
    /// The weights of the keys, then of the differences.
    of_keys: Matrix,
    of_query: Matrix,
    /// The weights of the products, then zeros for the differences.
    of_products: Matrix,
    bias: Vec<f32>,
    function: Option<Function>,
    /// For each sample: its weights, its bias, its query followed by zeros, and its keys with their differences.
    scratch: Output,
    output: Output,
    arch: Arch,
}

pub(super) fn target_attention_dense(operator: &ops::TargetAttentionDense, request: &mut Request<'_>) -> Result<Fast> {
    let Some(weights) = request.constant(2) else { return Ok(None) };
    let units = weights.shape()[1];
    let depth = request.operands[1].width;
    let weights = weights.as_f32()?;
    let rows = |part: usize| weights[part * depth * units..(part + 1) * depth * units].to_vec();
    let zeros = vec![0.0; depth * units];
    let matrix = |rows: &[f32], depth: usize| Matrix::new(request.arch, rows, depth, units);
    let of_keys = matrix(&[rows(0), rows(3)].concat(), 2 * depth);
    let of_query = matrix(&rows(1), depth);
    let of_products = matrix(&[rows(2), zeros].concat(), 2 * depth);
    let bias = weights[4 * depth * units..].to_vec();
    let steps = request.output().width / units.max(1);
    let scratch = (request.scratch)(of_keys.panels.len() + units + 2 * depth + steps * 2 * depth, true);
    Ok(Some(Box::new(TargetAttentionDense {
        keys: request.operands[0].clone(),
        query: request.operands[1].clone(),
        of_keys,
        of_query,
        of_products,
        bias,
        function: operator.activation,
        scratch,
        output: request.output(),
        arch: request.arch,
    })))
}

impl Step for TargetAttentionDense {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.scratch, |frame, mut scratch| {
            let (panels, depth) = (&self.of_keys.panels, self.query.width);
            let (weights, rest) = scratch.row(0).split_at_mut(panels.len());
            let (bias, rest) = rest.split_at_mut(panels.units());
            let (padded, pairs) = rest.split_at_mut(2 * depth);
            frame.write::<f32>(&self.output, |frame, mut rows| {
                let (keys, queries) = (frame.read::<f32>(&self.keys)?, frame.read::<f32>(&self.query)?);
                let of = |operand: &Operand, row: usize| if operand.once { 0 } else { row * operand.width };
                let steps = self.output.width / panels.units().max(1);
                for (row, out) in rows.iter().enumerate() {
                    let query = &queries[of(&self.query, row)..][..depth];
                    if row == 0 || !self.query.once {
                        padded[..depth].copy_from_slice(query);
                        padded[depth..].fill(0.0);
                        let finish = Finish { bias: &self.bias, function: None, ..Finish::default() };
                        self.of_query.multiply(query, 1, finish, bias, panels.units());
                        vectorised!(self.arch, self.combine(padded, weights));
                    }
                    let keys = &keys[of(&self.keys, row)..][..self.keys.width];
                    for (pair, key) in pairs.chunks_exact_mut(2 * depth.max(1)).zip(keys.chunks_exact(depth.max(1))) {
                        let (same, difference) = pair.split_at_mut(depth);
                        same.copy_from_slice(key);
                        let differences = difference.iter_mut().zip(key.iter().zip(query));
                        differences.for_each(|(to, (key, query))| *to = key - query);
                    }
                    let finish = Finish { bias, function: self.function, ..Finish::default() };
                    panels.multiply(weights, pairs, steps, finish, out, panels.units());
                }
                Ok(())
            })
        })
    }
}

impl TargetAttentionDense {
    /// `Wk + q ∘ Wp`, followed by `Wd` unchanged, because the query is padded with zeros there.
    #[inline(always)]
    fn combine(&self, query: &[f32], weights: &mut [f32]) {
        let (of_keys, of_products) = (self.of_keys.weights(), self.of_products.weights());
        self.of_keys.panels.for_each_line(weights, |k, range, line| {
            let parts = of_keys[range.clone()].iter().zip(&of_products[range]);
            line.iter_mut().zip(parts).for_each(|(to, (key, product))| *to = key + query[k] * product);
        });
    }
}

/// The first vectors, and the dot products of all pairs.
#[derive(Debug)]
struct DotInteraction {
    x: Operand,
    /// The number of elements that are copied.
    kept: usize,
    /// Whether only products with `i ≤ j` are wanted.
    triangle: bool,
    panels: Panels,
    /// The weights of a sample; then all of its products, if only some of them are wanted.
    scratch: Output,
    output: Output,
}

pub(super) fn dot_interaction(operator: &ops::DotInteraction, request: &mut Request<'_>) -> Box<dyn Step> {
    let sample = request.types[0].shape.sample();
    let (vectors, dim) = (sample[0], sample[1]);
    let panels = Panels::new(request.arch, dim, vectors);
    let triangle = operator.triangle;
    let scratch = (request.scratch)(panels.len() + if triangle { vectors * vectors } else { 0 }, true);
    let x = request.operands[0].clone();
    Box::new(DotInteraction { x, kept: operator.keep * dim, triangle, panels, scratch, output: request.output() })
}

impl Step for DotInteraction {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.scratch, |frame, mut scratch| {
            let (weights, square) = scratch.row(0).split_at_mut(self.panels.len());
            frame.write::<f32>(&self.output, |frame, mut rows| {
                let x = frame.read::<f32>(&self.x)?;
                let (depth, vectors) = (self.panels.depth(), self.panels.units());
                for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                    let (kept, products) = out.split_at_mut(self.kept);
                    kept.copy_from_slice(&x[..self.kept]);
                    self.panels.pack(x, [1, depth], weights);
                    let target = if self.triangle { &mut *square } else { &mut *products };
                    self.panels.multiply(weights, x, vectors, Finish::default(), target, vectors);
                    if self.triangle {
                        let mut rest = products;
                        for (index, line) in square.chunks(vectors).enumerate() {
                            let (row, after) = rest.split_at_mut(vectors - index);
                            row.copy_from_slice(&line[index..]);
                            rest = after;
                        }
                    }
                }
                Ok(())
            })
        })
    }
}
