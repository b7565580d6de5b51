//! What every step is, and the request from which one is built.

use crate::cpu::frame::{Frame, Operand, Output, Region};
use crate::error::Result;
use crate::ops::Op;
use crate::tensor::{Tensor, TensorType};
use pulp::Arch;
use std::fmt;
use std::sync::Arc;

/// Computes one block of rows.
pub(in crate::cpu) trait Step: fmt::Debug + Send + Sync {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()>;
}

/// An operator and its context in the graph.
pub(in crate::cpu) struct Request<'a> {
    pub(in crate::cpu) op: &'a Op,
    pub(in crate::cpu) name: &'a str,
    pub(in crate::cpu) operands: Vec<Operand>,
    pub(in crate::cpu) types: Vec<&'a TensorType>,
    /// By operand: whether it is already in the buffer of the output.
    pub(in crate::cpu) placed: Vec<bool>,
    /// One for each output of the operator, each in a separate buffer.
    pub(in crate::cpu) outputs: Vec<Output>,
    pub(in crate::cpu) ty: &'a TensorType,
    pub(in crate::cpu) arch: Arch,
    /// Provides a scratch buffer, separate from the output, for the duration of the step. Takes the number of floats,
    /// and whether that is the total (`true`) or the number per row.
    pub(in crate::cpu) scratch: &'a mut dyn FnMut(usize, bool) -> Output,
}

impl Request<'_> {
    /// The first output; most operators have no other.
    pub(super) fn output(&self) -> Output {
        self.outputs[0]
    }

    /// The value of an operand, if it is known when the model is opened.
    pub(super) fn constant(&self, position: usize) -> Option<&Arc<Tensor>> {
        match &self.operands.get(position)?.region {
            Region::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Sizes of the operand around `axis` of its type: the product of the sample's dimensions before it, its own size,
    /// and the product of those after it.
    pub(super) fn around(&self, position: usize, axis: usize) -> [usize; 3] {
        let sample = self.types[position].shape.sample();
        let axis = axis - usize::from(self.types[position].shape.is_batched());
        [sample[..axis].iter().product(), sample[axis], sample[axis + 1..].iter().product()]
    }
}

/// Maximum number of elements in a row for which a list of source positions is made. Without it, a small file could
/// declare any size.
pub(super) const MOST_MAPPED: usize = 1 << 24;

/// A fast step; `None` if there is none for this operator and its operands.
pub(super) type Fast = Option<Box<dyn Step>>;
