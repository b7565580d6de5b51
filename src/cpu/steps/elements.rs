//! Cast, FloatClass, NotEqual and Activation of integers: functions of one element, possibly to another type.

use super::step::{Request, Step};
use crate::cpu::frame::{Element, Frame, Operand, Output};
use crate::error::Result;
use crate::ops;
use crate::tensor::DType;

/// Applies `function` to every element.
struct Elements<From, To, F> {
    x: Operand,
    output: Output,
    function: F,
    types: std::marker::PhantomData<fn(From) -> To>,
}

impl<From, To, F> std::fmt::Debug for Elements<From, To, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elements").field("x", &self.x).field("output", &self.output).finish_non_exhaustive()
    }
}

fn elements<From: Element, To: Element>(
    request: &Request<'_>,
    function: impl Fn(From) -> To + Send + Sync + 'static,
) -> Box<dyn Step> {
    let (x, output) = (request.operands[0].clone(), request.output());
    Box::new(Elements { x, output, function, types: std::marker::PhantomData })
}

impl<From: Element, To: Element, F: Fn(From) -> To + Send + Sync> Step for Elements<From, To, F> {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let x = frame.read::<From>(&self.x)?;
            for (row, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                row.iter_mut().zip(x).for_each(|(to, from)| *to = (self.function)(*from));
            }
            Ok(())
        })
    }
}

/// Casts like [`crate::tensor::Tensor::cast`].
pub(super) fn cast(request: &Request<'_>) -> Box<dyn Step> {
    match (request.operands[0].dtype, request.output().dtype) {
        (DType::F32, DType::I32) => elements(request, |x: f32| x as i32),
        (DType::F32, DType::Bool) => elements(request, |x: f32| x != 0.0),
        (DType::F32, DType::F32) => elements(request, |x: f32| x),
        (DType::I32, DType::F32) => elements(request, |x: i32| x as f32),
        (DType::I32, DType::Bool) => elements(request, |x: i32| x != 0),
        (DType::I32, DType::I32) => elements(request, |x: i32| x),
        (DType::Bool, DType::F32) => elements(request, |x: bool| f32::from(x)),
        (DType::Bool, DType::I32) => elements(request, |x: bool| i32::from(x)),
        (DType::Bool, DType::Bool) => elements(request, |x: bool| x),
    }
}

pub(super) fn not_equal(operator: &ops::NotEqual, request: &Request<'_>) -> Box<dyn Step> {
    let value = operator.value;
    match request.operands[0].dtype {
        DType::I32 => elements(request, move |x: i32| f64::from(x) != f64::from(value)),
        _ => elements(request, move |x: f32| x != value),
    }
}

pub(super) fn float_class(operator: &ops::FloatClass, request: &Request<'_>) -> Box<dyn Step> {
    let class = operator.class;
    elements(request, move |x: f32| class.holds(x))
}

pub(super) fn integers(function: fn(i32) -> i32, request: &Request<'_>) -> Box<dyn Step> {
    elements(request, function)
}
