//! One case: a model of one operator with its inputs and answers.

use crate::archive::Files;
use crate::compared::{Comparison, expect_same};
use crate::prost_messages as p;
use prost::Message;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tfjs_wgpu::internals::onnx::file::read_tensor;
use tfjs_wgpu::weights::Memory;
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, Session, Tensor};

/// Which inputs a prediction gets; the others become initializers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    All,
    Floats,
    First,
    None,
}

/// A case of an archive.
pub(crate) struct Case {
    name: String,
    model: p::Model,
    inputs: Vec<(p::Tensor, Vec<u8>)>,
    outputs: Vec<Vec<u8>>,
}

/// A case with its inputs taken one way.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) operator: String,
    model: Vec<u8>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

const FLOAT: Option<i32> = Some(1);
const WITH_WEIGHTS: [&str; 9] =
    ["BatchNormalization", "Conv", "ConvTranspose", "Gemm", "GRU", "LSTM", "MatMul", "Resize", "RNN"];
const UNUSED: &str = "unused";

impl Case {
    pub(crate) fn read(name: &str, files: &Files) -> Case {
        let numbered =
            |kind: &str| (0..).map_while(|index| files.get(&format!("{kind}_{index}.pb")).cloned()).collect();
        let inputs: Vec<Vec<u8>> = numbered("input");
        let tensor = |bytes: Vec<u8>| (p::Tensor::decode(&bytes[..]).expect("a tensor"), bytes);
        Case {
            name: name.into(),
            model: p::Model::decode(&files["model.onnx"][..]).expect("a model"),
            inputs: inputs.into_iter().map(tensor).collect(),
            outputs: numbered("output"),
        }
    }

    pub(crate) fn has_floats(&self) -> bool {
        self.inputs.iter().any(|(tensor, _)| is_given(tensor, Given::Floats))
    }

    /// Whether the operator takes weights, or numbers that decide on shapes, as floats.
    pub(crate) fn has_weights(&self) -> bool {
        let mut nodes = self.model.graph.iter().flat_map(|graph| &graph.node);
        let has = |operator: &str| WITH_WEIGHTS.contains(&operator);
        self.inputs.len() > 1 && nodes.any(|node| node.op_type.as_deref().is_some_and(has))
    }

    pub(crate) fn variant(&self, given: Given) -> Variant {
        let mut model = self.model.clone();
        let graph = model.graph.as_mut().expect("a graph");
        let operator = self.name.split('-').next().unwrap_or_default();
        let operator = match graph.node.iter().find_map(|node| node.op_type.clone()) {
            Some(first) if self.name.starts_with("test_") => first,
            _ => operator.to_string(),
        };
        let mut inputs = Vec::new();
        for (index, (tensor, bytes)) in self.inputs.iter().enumerate() {
            if is_given(tensor, given) && (given != Given::First || index == 0) {
                inputs.push(bytes.clone());
                continue;
            }
            graph.input.retain(|input| input.name != tensor.name);
            graph.initializer.push(tensor.clone());
        }
        if given == Given::None {
            graph.input.push(unused());
        }
        let suffix = match given {
            Given::None => " (constant)",
            Given::First => " (constant weights)",
            Given::All | Given::Floats => "",
        };
        let name = format!("{}{suffix}", self.name);
        Variant { name, operator, model: model.encode_to_vec(), inputs, outputs: self.outputs.clone() }
    }
}

/// Whether a tensor stays an input. A scalar float has no batch, which other inputs may have.
fn is_given(tensor: &p::Tensor, given: Given) -> bool {
    match given {
        Given::All | Given::First => true,
        Given::Floats => tensor.data_type == FLOAT && !tensor.dims.is_empty(),
        Given::None => false,
    }
}

/// An input that no node reads: a model has one.
fn unused() -> p::ValueInfo {
    let shape = Some(p::Shape { dim: vec![p::Dim { value: Some(p::DimValue::Value(1)), denotation: None }] });
    let value = Some(p::TypeValue::Tensor(p::TensorType { elem_type: FLOAT, shape }));
    p::ValueInfo { name: Some(UNUSED.into()), r#type: Some(p::Type { value }) }
}

/// The tensor of a file, and its name.
fn tensor(bytes: &[u8]) -> Result<(String, Tensor), String> {
    read_tensor(&bytes.to_vec().into()).map_err(|error| format!("data: {error}"))
}

impl Variant {
    /// What is wrong with the answer of these devices; a model that is not loaded is wrong on all.
    pub(crate) fn fault(&self, devices: &[Device], comparison: Comparison) -> Option<String> {
        let found = catch_unwind(AssertUnwindSafe(|| self.run(devices, comparison)));
        found.unwrap_or_else(|_| Err("panics".into())).err()
    }

    fn run(&self, devices: &[Device], comparison: Comparison) -> Result<(), String> {
        let model = Model::from_onnx(self.model.clone(), &Memory::new(), LoadOptions::default());
        let model = model.map_err(|error| match error.cause_text() {
            Some(cause) => format!("{error} ({cause})"),
            None => error.to_string(),
        })?;
        let inputs = self.inputs_of(&model)?;
        for &device in devices {
            let session = Session::open(&model, device);
            let answer = session.and_then(|session| session.predict(&inputs));
            let outputs = answer.map_err(|error| format!("{device:?}: {error}"))?.outputs;
            for bytes in &self.outputs {
                let (name, expected) = tensor(bytes)?;
                let actual = outputs.get(&name).ok_or_else(|| format!("no output `{name}`"))?;
                expect_same(&expected, actual, comparison).map_err(|fault| format!("{device:?}: `{name}` {fault}"))?;
            }
        }
        Ok(())
    }

    /// The inputs, with one more dimension in front where the model is one sample.
    fn inputs_of(&self, model: &Model) -> Result<NamedTensors, String> {
        let mut inputs = NamedTensors::new();
        if model.inputs().any(|(name, _)| name == UNUSED) {
            inputs.insert(UNUSED, Tensor::f32(&[1], vec![0.0]).expect("one value"));
        }
        for bytes in &self.inputs {
            let (name, mut tensor) = tensor(bytes)?;
            let Some((_, ty)) = model.inputs().find(|(input, _)| *input == name) else { continue };
            if ty.shape.rank() == tensor.shape().len() + 1 {
                let shape = [&[1], tensor.shape()].concat();
                tensor = tensor.reshaped(&shape).map_err(|error| error.to_string())?;
            }
            inputs.insert(name, tensor);
        }
        Ok(inputs)
    }
}
