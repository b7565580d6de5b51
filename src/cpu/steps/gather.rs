//! Gather: copies the elements at given indices.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Element, Frame, Operand, Output, Region};
use crate::error::Result;
use crate::ops::{self, gather::Extents};
use crate::tensor::DType;
use std::marker::PhantomData;

#[derive(Debug)]
struct Gather<T> {
    operator: ops::Gather,
    data: Operand,
    indices: Operand,
    /// The extents within one row.
    extents: Extents,
    output: Output,
    elements: PhantomData<fn() -> T>,
}

pub(super) fn build(operator: &ops::Gather, request: &Request<'_>) -> Fast {
    fn step<T: Element + std::fmt::Debug>(operator: &ops::Gather, request: &Request<'_>) -> Box<dyn Step> {
        let [data, indices] = [0, 1].map(|position| request.types[position].shape.resolve(1));
        Box::new(Gather::<T> {
            operator: *operator,
            data: request.operands[0].clone(),
            indices: request.operands[1].clone(),
            extents: operator.extents(&data, &indices),
            output: request.output(),
            elements: PhantomData,
        })
    }
    Some(match request.output().dtype {
        DType::F32 => step::<f32>(operator, request),
        DType::I32 => step::<i32>(operator, request),
        DType::Bool => step::<bool>(operator, request),
    })
}

/// The distance between the rows of an operand; 0 if all samples share one row.
fn distance(operand: &Operand) -> usize {
    if operand.once || matches!(operand.region, Region::Constant(_)) { 0 } else { operand.width }
}

impl<T: Element + std::fmt::Debug> Step for Gather<T> {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        let Extents { outer, axis, indices: width, inner, .. } = self.extents;
        frame.write::<T>(&self.output, |frame, mut rows| {
            let (data, indices) = (frame.read::<T>(&self.data)?, frame.read::<i32>(&self.indices)?);
            for (index, row) in rows.iter().enumerate() {
                let data = &data[index * distance(&self.data)..];
                let indices = &indices[index * distance(&self.indices)..];
                for (block, out) in row.chunks_mut((width * inner).max(1)).enumerate() {
                    let indices = &indices[block / outer * width..][..width];
                    for (out, &index) in out.chunks_mut(inner).zip(indices) {
                        match self.operator.position(index, axis) {
                            Some(position) => out.copy_from_slice(&data[(block * axis + position) * inner..][..inner]),
                            None => out.fill(T::default()),
                        }
                    }
                }
            }
            Ok(())
        })
    }
}
