//! An operator without a fast step: runs its reference implementation on the rows of the block.

use super::step::{Request, Step};
use crate::cpu::frame::{Frame, Operand, Output, Region, Rows};
use crate::error::Result;
use crate::ops::Op;
use crate::reference::evaluate;
use crate::tensor::{DType, Data, Shape, Tensor};
use std::sync::Arc;

#[derive(Debug)]
struct Plain {
    op: Op,
    name: String,
    operands: Vec<(Operand, Shape)>,
    outputs: Vec<Output>,
}

pub(super) fn build(request: Request<'_>) -> Box<dyn Step> {
    let shapes = request.types.iter().map(|ty| ty.shape.clone());
    let operands = request.operands.into_iter().zip(shapes).collect();
    Box::new(Plain { op: request.op.clone(), name: request.name.into(), operands, outputs: request.outputs })
}

impl Step for Plain {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        let tensor = |(operand, shape): &(Operand, Shape)| -> Result<Arc<Tensor>> {
            if let Region::Constant(tensor) = &operand.region {
                return Ok(Arc::clone(tensor));
            }
            let data = match operand.dtype {
                DType::F32 => Data::F32(frame.read(operand)?.to_vec()),
                DType::I32 => Data::I32(frame.read(operand)?.to_vec()),
                DType::Bool => Data::Bool(frame.read(operand)?.to_vec()),
            };
            Ok(Arc::new(Tensor::new(&shape.resolve(frame.rows), data)?))
        };
        let tensors: Vec<Arc<Tensor>> = self.operands.iter().map(tensor).collect::<Result<_>>()?;
        let answers = evaluate(&self.op, &self.name, &tensors.iter().map(|tensor| &**tensor).collect::<Vec<_>>())?;
        for (answer, output) in answers.iter().zip(&self.outputs) {
            match answer.data() {
                Data::F32(values) => frame.write(output, |_, rows| fill(rows, values, output.width)),
                Data::I32(values) => frame.write(output, |_, rows| fill(rows, values, output.width)),
                Data::Bool(values) => frame.write(output, |_, rows| fill(rows, values, output.width)),
            }?;
        }
        Ok(())
    }
}

fn fill<T: Copy>(mut rows: Rows<'_, T>, values: &[T], width: usize) -> Result<()> {
    for (row, values) in rows.iter().zip(values.chunks(width.max(1))) {
        row.copy_from_slice(values);
    }
    Ok(())
}
