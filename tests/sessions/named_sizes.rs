//! Models made by hand whose inputs have dimensions with named sizes, on all engines.

use crate::engines;
use std::sync::Arc;
use tfjs_wgpu::internals::graph::{Builder, InputDim, ValueId};
use tfjs_wgpu::internals::ops::{Binary, BinaryFunction, Concatenate, Dense, Reduce, Reduction, Reshape};
use tfjs_wgpu::{DType, Model, NamedTensors, Result, Session, SessionOptions, Sizes, Tensor};

const HISTORY: InputDim<'_> = InputDim::Named { name: "history", example: 4 };

/// The sum over a history of what a weight makes of the sum of two inputs, and all steps in one row.
fn build(builder: &mut Builder) -> Result<Vec<(String, ValueId)>> {
    let dims = [InputDim::Batch, HISTORY, InputDim::Fixed(2)];
    let (items, times) = (builder.input_of("items", DType::F32, &dims)?, builder.input_of("times", DType::F32, &dims)?);
    let weight = |shape: &[usize]| Tensor::f32(shape, vec![0.5; shape.iter().product()]).map(Arc::new);
    let (kernel, bias) = (builder.constant("kernel", weight(&[2, 3])?)?, builder.constant("bias", weight(&[3])?)?);
    let sum = builder.op("sum", Binary { function: BinaryFunction::Add }, &[items, times])?;
    let steps = builder.op("steps", Dense::default(), &[sum, kernel, bias])?;
    let total = builder.op("total", Reduce { reduction: Reduction::Sum, axis: 1 }, &[steps])?;
    let width = builder.ty(steps).shape.sample_len();
    let flat = builder.op("flat", Reshape { sample: vec![width] }, &[steps])?;
    let row = builder.op("row", Concatenate { axis: 1 }, &[flat, total])?;
    Ok(vec![("total".into(), total), ("row".into(), row)])
}

fn inputs(items: usize, times: usize) -> NamedTensors {
    let tensor = |steps: usize| Tensor::f32(&[2, steps, 2], vec![1.0; 4 * steps]).expect("as many numbers");
    [("items", tensor(items)), ("times", tensor(times))].into_iter().collect()
}

#[test]
fn a_session_answers_for_every_size_of_a_name() {
    let model = Model::build("named", build).expect("a model");
    let types: Vec<String> = model.inputs().chain(model.outputs()).map(|(_, ty)| ty.to_string()).collect();
    assert_eq!(types, ["float32[N, ?, 2]", "float32[N, ?, 2]", "float32[N, 3]", "float32[N, ?]"]);
    for device in engines() {
        let session = Session::open_with(&model, SessionOptions::default().device(device));
        let session = session.expect("a session");
        for steps in [4, 1, 7] {
            let outputs = session.predict(&inputs(steps, steps)).expect("a prediction").outputs;
            let total = outputs.get("total").expect("an output").as_f32().expect("floats");
            assert_eq!(total, [2.5 * steps as f32; 6], "{device:?}");
            assert_eq!(outputs.get("row").expect("an output").shape(), [2, 3 * steps + 3]);
        }
        let error = session.predict(&inputs(3, 5)).expect_err("two sizes");
        let [items, times] = ["items", "times"].map(|input| format!("axis 1 of input `{input}` (`history`)"));
        assert_eq!(error.to_string(), format!("{items} is 3, but {times} is 5"));
    }
}

#[test]
fn a_size_is_given_by_its_name() {
    let model = Model::build("named", build).expect("a model");
    let sized = model.with_sizes(&Sizes::default().with("history", None, 6)).expect("a model of this size");
    assert!(!sized.is_open());
    let types: Vec<String> = sized.inputs().chain(sized.outputs()).map(|(_, ty)| ty.to_string()).collect();
    assert_eq!(types, ["float32[N, 6, 2]", "float32[N, 6, 2]", "float32[N, 3]", "float32[N, 21]"]);
    let by_input = model.with_sizes(&Sizes::default().with("times", None, 6)).expect("one size for both");
    assert_eq!(by_input.open_dimensions(), sized.open_dimensions());
    let two = Sizes::default().with("times", None, 6).with("items", None, 5);
    let error = model.with_sizes(&two).expect_err("two sizes");
    assert!(error.to_string().ends_with("is 5, but axis 1 of input `times` (`history`) is 6"), "{error}");
    let error = model.expect_sized().expect_err("no size");
    assert_eq!(error.hint_text(), Some("give `history=SIZE` (Sizes), or inputs that have the size (Sizes::of)"));
}

#[test]
fn a_model_without_named_sizes_is_its_graph() {
    let model = Model::build("plain", |builder| {
        let x = builder.input_of("x", DType::F32, &[InputDim::Batch, InputDim::Fixed(2)])?;
        Ok(vec![("x".into(), x)])
    });
    assert!(model.expect("a model").open_dimensions().is_empty());
    let wrong = Model::build("wrong", |builder| {
        let x = builder.input_of("x", DType::F32, &[InputDim::Fixed(2), InputDim::Batch])?;
        Ok(vec![("x".into(), x)])
    });
    let error = wrong.expect_err("the batch is not in front").to_string();
    assert_eq!(error, "input `x`: the batch would not be the first dimension of [2, N]");
}
