//! One operator with its operands, and the checks of its results.

use crate::harness::gpu;
use std::collections::BTreeMap;
use std::sync::Arc;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::kernel::{BufferId, DeviceFacts, Packing, Region};
use tfjs_wgpu::internals::ops::{ConcreteType, KernelRequest, Op, RowBuffer, RowNode, RowProgram, RowSource};
use tfjs_wgpu::internals::tensor::{Tolerance, compare};
use tfjs_wgpu::study::{CheckDevice, CheckReport, check};
use tfjs_wgpu::{DType, Model, NamedTensors, Tensor};
use tfjs_wgpu::{Shape, TensorType};

/// One operator with concrete operands, and its expected outputs if they are known.
pub(crate) struct Case {
    name: String,
    op: Op,
    operands: Vec<Operand>,
    /// One tensor for each output, or empty.
    expected: Vec<Tensor>,
}

enum Operand {
    /// A value whose first dimension is the batch.
    Input(Tensor),
    /// A value with one row that the batch shares.
    Shared(Tensor),
    /// A weight.
    Constant(Arc<Tensor>),
}

impl Operand {
    fn tensor(&self) -> &Tensor {
        match self {
            Operand::Input(tensor) | Operand::Shared(tensor) => tensor,
            Operand::Constant(tensor) => tensor,
        }
    }

    fn ty(&self) -> TensorType {
        let shape = match self {
            Operand::Input(tensor) => Shape::batched(&tensor.shape()[1..]),
            Operand::Shared(tensor) => Shape::shared(&tensor.shape()[1..]),
            Operand::Constant(tensor) => Shape::fixed(tensor.shape()),
        };
        TensorType::new(shape, self.tensor().dtype())
    }
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, op: impl Into<Op>) -> Self {
        Case { name: name.into(), op: op.into(), operands: Vec::new(), expected: Vec::new() }
    }

    pub(crate) fn input(mut self, tensor: Tensor) -> Self {
        self.operands.push(Operand::Input(tensor));
        self
    }

    /// Adds a value with one row that the batch shares.
    pub(crate) fn shared(mut self, tensor: Tensor) -> Self {
        self.operands.push(Operand::Shared(tensor));
        self
    }

    pub(crate) fn constant(mut self, tensor: Tensor) -> Self {
        self.operands.push(Operand::Constant(Arc::new(tensor)));
        self
    }

    /// Adds the expected value of the next output, computed without the operator.
    pub(crate) fn gives(mut self, expected: Tensor) -> Self {
        self.expected.push(expected);
        self
    }

    /// The same operator as a program over rows of this rank; `None` if it has no such form or does not fit.
    fn as_program(&self, row_rank: usize) -> Option<Case> {
        let inputs: Vec<TensorType> = self.operands.iter().map(Operand::ty).collect();
        let [ty] = &self.output_types()[..] else { return None };
        if !ty.shape.is_batched() || row_rank > ty.shape.rank() {
            return None;
        }
        let sources = (0..inputs.len()).map(RowSource::Input).collect();
        let node = RowNode { op: self.op.clone(), inputs: sources, ty: ty.clone() };
        let program = RowProgram { row_rank, inputs, nodes: vec![node], outputs: vec![0], end: String::new() };
        let buffer = |operand: &Operand| match operand {
            Operand::Input(_) | Operand::Shared(_) => RowBuffer::ModelInput,
            Operand::Constant(_) => RowBuffer::Constant,
        };
        let buffers: Vec<RowBuffer> = self.operands.iter().map(buffer).collect();
        let llvmpipe = DeviceFacts { max_loop_steps: 65_535, ..DeviceFacts::FLOOR };
        program.fits(&buffers, &DeviceFacts::FLOOR).ok()?;
        program.fits(&buffers, &llvmpipe).ok()?;
        let operand = |operand: &Operand| match operand {
            Operand::Input(tensor) => Operand::Input(tensor.clone()),
            Operand::Shared(tensor) => Operand::Shared(tensor.clone()),
            Operand::Constant(tensor) => Operand::Constant(Arc::clone(tensor)),
        };
        let name = format!("{}, rows of rank {row_rank}", self.name);
        let operands = self.operands.iter().map(operand).collect();
        Some(Case { name, op: program.into(), operands, expected: self.expected.clone() })
    }

    fn batch(&self) -> usize {
        let rows = |operand: &Operand| match operand {
            Operand::Input(tensor) => Some(tensor.shape()[0]),
            Operand::Shared(_) | Operand::Constant(_) => None,
        };
        self.operands.iter().find_map(rows).unwrap_or(1)
    }

    fn output_types(&self) -> Vec<TensorType> {
        let types: Vec<TensorType> = self.operands.iter().map(Operand::ty).collect();
        let inferred = self.op.operator().infer(&types.iter().collect::<Vec<_>>());
        inferred.unwrap_or_else(|error| panic!("{}: {}: {error}", self.op, self.name))
    }

    fn eval(&self) -> Vec<Tensor> {
        let tensors: Vec<&Tensor> = self.operands.iter().map(Operand::tensor).collect();
        let answers = self.op.operator().eval(&tensors);
        answers.unwrap_or_else(|error| panic!("{}: {}: {error}", self.op, self.name))
    }

    /// The reference results have the inferred types, and the expected values if they are known.
    fn check_plain(&self) {
        let (types, answers) = (self.output_types(), self.eval());
        let place = format!("{}: {}", self.op, self.name);
        assert_eq!(answers.len(), types.len(), "{place}");
        for (ty, answer) in types.iter().zip(&answers) {
            assert_eq!(answer.shape(), ty.shape.resolve(self.batch()), "{place}");
            assert_eq!(answer.dtype(), ty.dtype, "{place}");
        }
        assert!(self.expected.is_empty() || self.expected.len() == answers.len(), "{place}: an answer is missing");
        for (expected, answer) in self.expected.iter().zip(&answers) {
            let class = match expected.dtype() {
                DType::F32 => Tolerance::Pointwise { ulps: 1.0, absolute: f32::MIN_POSITIVE },
                _ => Tolerance::Exact,
            };
            let allowance = class.allowance(&expected.to_f64(), &[]);
            let difference = compare(expected, answer, &allowance).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(difference.is_within(), "{place}: expected {expected:?}\nfound {answer:?}\n{difference:?}");
        }
    }

    /// A batch without rows gives no rows, and kernels that do nothing.
    fn check_empty_batch(&self) {
        let empty = |operand: &Operand| match operand {
            Operand::Input(tensor) => Operand::Input(tensor.rows(0, 0).expect("no rows")),
            Operand::Shared(tensor) => Operand::Shared(tensor.clone()),
            Operand::Constant(tensor) => Operand::Constant(Arc::clone(tensor)),
        };
        let operands: Vec<Operand> = self.operands.iter().map(empty).collect();
        let empty =
            Case { name: format!("{} (empty)", self.name), op: self.op.clone(), operands, expected: Vec::new() };
        empty.check_plain();
        let types = empty.output_types();
        if !types[0].shape.is_batched() {
            return;
        }
        let concrete = |shape: Vec<usize>, dtype| ConcreteType { shape, dtype };
        let operands = empty.operands.iter().map(Operand::tensor);
        let inputs: Vec<_> = operands.map(|tensor| concrete(tensor.shape().to_vec(), tensor.dtype())).collect();
        let outputs: Vec<_> = types.iter().map(|ty| concrete(ty.shape.resolve(0), ty.dtype)).collect();
        let output_words = vec![0; outputs.len()];
        let regions =
            vec![
                Region { buffer: BufferId::Weights, offset_bytes: 0, length_bytes: 0, packing: Packing::Words };
                inputs.len()
            ];
        let request = KernelRequest {
            inputs: &inputs,
            outputs: &outputs,
            output_words: &output_words,
            regions: &regions,
            device: &DeviceFacts::FLOOR,
        };
        for kernel in self.op.operator().kernels(&request).expect("kernels") {
            assert_eq!(kernel.workgroups[0], 0, "{}: {}: {kernel}", self.op, self.name);
        }
    }
}

/// Every reference result has the inferred type and, if known, the expected values.
pub(crate) fn check_plain(cases: &[Case]) {
    for case in cases {
        case.check_plain();
        case.check_empty_batch();
    }
}

/// The CPU engine matches the reference.
pub(crate) fn check_cpu(cases: &[Case]) {
    check_on(cases, CheckDevice::Cpu);
}

/// The GPU matches the reference under the limits of every preset, and writes nothing past its outputs. So do programs
/// over rows that run the operator alone, as far as it has a form for them.
pub(crate) fn check_gpu(cases: &[Case]) {
    let programs: Vec<Case> =
        cases.iter().flat_map(|case| (1..=3).filter_map(|row_rank| case.as_program(row_rank))).collect();
    for preset in LimitsPreset::ALL {
        check_gpu_with(cases, preset);
        check_gpu_with(&programs, preset);
    }
}

/// Like [`check_gpu`], under the limits of one preset. The test is ignored if there is no GPU.
pub(crate) fn check_gpu_with(cases: &[Case], preset: LimitsPreset) {
    gpu::require(preset);
    check_on(cases, CheckDevice::Gpu(preset));
}

/// Checks all cases of one batch size as one model, because opening a device takes longer than a case.
fn check_on(cases: &[Case], device: CheckDevice) {
    let mut batches: BTreeMap<usize, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        batches.entry(case.batch()).or_default().push(case);
    }
    for (batch, cases) in batches {
        let (model, inputs) = model(&cases);
        let report = check(&model, &inputs, None, device, Passes::PLAIN)
            .unwrap_or_else(|error| panic!("{device:?}, batch {batch}: {error} ({:?})", error.cause_text()));
        let answers: usize = cases.iter().map(|case| case.output_types().len()).sum();
        assert_eq!(report.nodes.len(), answers);
        assert!(report.is_right(), "{device:?}, batch {batch}: {}", complaint(&report));
    }
}

/// One graph with an output for each case.
fn model(cases: &[&Case]) -> (Model, NamedTensors) {
    let mut builder = Builder::new();
    let (mut inputs, mut outputs) = (NamedTensors::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let mut operands = Vec::new();
        for (position, operand) in case.operands.iter().enumerate() {
            let name = format!("{index}.{position}");
            operands.push(match operand {
                Operand::Input(tensor) | Operand::Shared(tensor) => {
                    inputs.insert(&name, tensor.clone());
                    builder.input(&name, operand.ty()).expect("a new name")
                }
                Operand::Constant(tensor) => builder.constant(&name, Arc::clone(tensor)).expect("a constant"),
            });
        }
        let name = format!("{index}: {}", case.name);
        let values = builder.outputs_of(&name, case.op.clone(), &operands).unwrap_or_else(|error| panic!("{error}"));
        outputs.extend(values.into_iter().enumerate().map(|(output, id)| (format!("{name} {output}"), id)));
    }
    (Model::from_graph("cases", builder.finish(outputs).expect("a graph")), inputs)
}

/// The first wrong node or output, and its error.
fn complaint(report: &CheckReport) -> String {
    if let Some(node) = report.first_wrong_node() {
        let wrong = report.nodes.iter().filter(|node| !node.difference.is_within()).count();
        let (name, operator, tolerance) = (&node.name, &node.operator, &node.tolerance);
        return format!(
            "{}: {wrong} wrong, first `{name}` {operator} ({tolerance}): {:?}",
            report.device, node.difference
        );
    }
    let wrong = report.outputs.iter().find(|output| !output.difference.is_within());
    format!("{}: {wrong:?}", report.device)
}

/// The operator rejects inputs of these types with a message that contains `fragment`.
pub(crate) fn refuses(op: impl Into<Op>, inputs: &[&str], fragment: &str) {
    let op = op.into();
    let types: Vec<TensorType> = inputs.iter().map(|text| ty(text)).collect();
    match op.operator().infer(&types.iter().collect::<Vec<_>>()) {
        Ok(types) => panic!("{op} takes {inputs:?} and gives {types:?}"),
        Err(error) => assert!(error.to_string().contains(fragment), "{op} of {inputs:?}: `{error}` lacks `{fragment}`"),
    }
}

/// Parses a type such as `float32[N, 3]`.
fn ty(text: &str) -> TensorType {
    let (dtype, dims) = text.trim_end_matches(']').split_once('[').expect("a type has a bracket");
    let dtype = match dtype {
        "float32" => DType::F32,
        "int32" => DType::I32,
        _ => DType::Bool,
    };
    let dims: Vec<&str> = dims.split(", ").filter(|dim| !dim.is_empty()).collect();
    let numbers = |dims: &[&str]| dims.iter().map(|dim| dim.parse().expect("a number")).collect::<Vec<usize>>();
    let shape = match dims.split_first() {
        Some((&"N", sample)) => Shape::batched(&numbers(sample)),
        Some((&"S", sample)) => Shape::shared(&numbers(sample)),
        _ => Shape::fixed(&numbers(&dims)),
    };
    TensorType::new(shape, dtype)
}

/// The three tests that every table of cases has.
macro_rules! checks {
    ($cases:ident) => {
        #[test]
        fn reference_is_correct() {
            crate::case::check_plain(&$cases());
        }

        #[test]
        fn cpu_matches_the_reference() {
            crate::case::check_cpu(&$cases());
        }

        #[test]
        fn gpu_matches_the_reference() {
            crate::case::check_gpu(&$cases());
        }
    };
}
pub(crate) use checks;
