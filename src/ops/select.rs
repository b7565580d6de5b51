//! Elementwise selection with broadcasting: `keras.ops.where`, ONNX Where.
//!
//! `output[i] = condition[i] ? left[i] : right[i]`; `condition` bool, `left` and `right` of one dtype. All three
//! broadcast as in NumPy. The element that is not selected has no effect, even if it is NaN or infinite.

use super::binary::BinaryFunction;
use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops};
use super::row_form::RowForm;
use super::strided::{STRIDED, Strided, StridedParams};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, params, shader};
use crate::tensor::{DType, Data, Tensor, TensorType, Tolerance, broadcast, broadcast_positions};

/// Selects between the elements of two tensors. The inputs are the condition, the tensor for true and the tensor for
/// false.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Select;

params! {
    /// `Params` of `shaders/select.wgsl`.
    SelectParams { strided: StridedParams }
}

pub(super) const SHADERS: &[Shader] = &[shader!("select", SelectParams, fragments: [GRID, STRIDED])];

impl Operator for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [condition, left, right] = expect_inputs(inputs)?;
        expect_dtype(condition, &[DType::Bool])?;
        expect_dtype(left, &[DType::F32, DType::I32, DType::Bool])?;
        if left.dtype != right.dtype {
            return Err(Error::shape(format!("{left} and {right} have different dtypes")));
        }
        let shape = broadcast(&condition.shape, &broadcast(&left.shape, &right.shape)?)?;
        Ok(vec![TensorType::new(shape, left.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (shape, positions) = broadcast_positions([inputs[0].shape(), inputs[1].shape(), inputs[2].shape()]);
        let condition = inputs[0].as_bool()?;
        let data = match (inputs[1].data(), inputs[2].data()) {
            (Data::F32(left), Data::F32(right)) => Data::F32(chosen(condition, left, right, &positions)),
            (Data::I32(left), Data::I32(right)) => Data::I32(chosen(condition, left, right, &positions)),
            _ => Data::Bool(chosen(condition, inputs[1].as_bool()?, inputs[2].as_bool()?, &positions)),
        };
        Ok(vec![Tensor::new(&shape, data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let operands = [0, 1, 2].map(|input: usize| request.inputs[input].shape.as_slice());
        let strided = Strided::broadcast(&request.output().shape, &operands, request.device)?;
        expect_loops(request, strided.loop_steps())?;
        Ok(vec![Kernel::new("select", &SelectParams { strided: strided.params()? }, 3, strided.grid())])
    }

    /// The sum of what the condition keeps of one side, and its opposite of the other.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (condition, left, right) = (form.broadcast(0)?, form.broadcast(1)?, form.broadcast(2)?);
        let (one, opposite, chosen, output) =
            (form.like_output(), form.like_output(), form.like_output(), form.output());
        form.pair(BinaryFunction::AtLeast, [&condition, &condition, &one])?;
        form.pair(BinaryFunction::Subtract, [&one, &condition, &opposite])?;
        form.pair(BinaryFunction::Keep, [&left, &condition, &chosen])?;
        form.pair(BinaryFunction::Keep, [&right, &opposite, &one])?;
        form.pair(BinaryFunction::Add, [&chosen, &one, &output])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}

fn chosen<T: Copy>(condition: &[bool], left: &[T], right: &[T], positions: &[Vec<usize>; 3]) -> Vec<T> {
    let [c, l, r] = positions;
    (0..c.len()).map(|index| if condition[c[index]] { left[l[index]] } else { right[r[index]] }).collect()
}
