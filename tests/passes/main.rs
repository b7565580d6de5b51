//! Random small graphs have the same outputs without passes, fused, and with shared inputs, on the reference, the CPU
//! and the GPU.
//!
//! A graph is made from a list of numbers. Each number chooses an operator and its operands among the existing values;
//! operators that do not fit are skipped. So every list is a valid graph, and shorter lists are smaller graphs.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

use harness::gpu;
use proptest::prelude::*;
use std::sync::Arc;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::graph::{Builder, Graph, ValueId};
use tfjs_wgpu::internals::kernel::DeviceFacts;
use tfjs_wgpu::internals::ops::{
    Activation, BadId, BatchMatmul, BatchNormalization, Binary, BinaryFunction, Cast, Concatenate, Dense, Embedding,
    Function, LayerNormalization, MaskedMean, NotEqual, Op, Permute, Reduce, Reduction, RepeatVector, Reshape, Softmax,
};
use tfjs_wgpu::internals::passes::share;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::internals::study::output_allowances;
use tfjs_wgpu::internals::tensor::compare;
use tfjs_wgpu::internals::{reference, session};
use tfjs_wgpu::study::{CheckDevice, check};
use tfjs_wgpu::{DType, Model, NamedTensors, Tensor};
use tfjs_wgpu::{Shape, TensorType};

fn main() -> std::process::ExitCode {
    harness::run()
}

/// Rows of a table, and one more than the largest id that is given.
const ROWS: usize = 5;
const BATCH: usize = 3;

/// The graph under construction.
struct Growing {
    builder: Builder,
    values: Vec<ValueId>,
    constants: u64,
}

impl Growing {
    fn new() -> Self {
        let mut builder = Builder::new();
        let mut values = Vec::new();
        for (name, dtype, sample) in [
            ("user", DType::I32, vec![1]),
            ("history", DType::I32, vec![4]),
            ("item", DType::I32, vec![1]),
            ("numeric", DType::F32, vec![3]),
            ("steps", DType::F32, vec![4, 3]),
            ("float_id", DType::F32, vec![1]),
        ] {
            values.push(builder.input(name, TensorType::new(Shape::batched(&sample), dtype)).expect("a new name"));
        }
        Growing { builder, values, constants: 0 }
    }

    /// A constant of small numbers that no two constants share.
    fn constant(&mut self, shape: &[usize], positive: bool) -> ValueId {
        self.constants += 1;
        let number = |index: u64| {
            let hash = (self.constants << 32 ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            (hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u32 << 24) as f32
        };
        let values = (0..shape.iter().product::<usize>() as u64)
            .map(|index| if positive { number(index) + 0.5 } else { number(index) - 0.5 });
        let tensor = Tensor::f32(shape, values.collect()).expect("as many values");
        self.builder.constant(&format!("constant {}", self.constants), Arc::new(tensor)).expect("a constant")
    }

    /// Adds what a number asks for, if it fits.
    fn grow(&mut self, number: u32) {
        let pick = |shift: u32| self.values[(number >> shift) as usize % self.values.len()];
        let (x, y) = (pick(8), pick(16));
        let sample = self.builder.ty(x).shape.sample();
        let (rank, last) = (sample.len() + 1, sample.last().copied().unwrap_or(1));
        let choice = number >> 24;
        let axis = 1 + choice as usize % rank.max(2).saturating_sub(1);
        let (op, operands): (Op, Vec<ValueId>) = match number % 18 {
            0..=2 => {
                let table = self.constant(&[ROWS, 1 + choice as usize % 4], false);
                let bad_id = if choice.is_multiple_of(8) { BadId::Clamp } else { BadId::Zero };
                (Embedding { bad_id }.into(), vec![x, table])
            }
            3 => {
                let units = 1 + choice as usize % 9;
                let operands = [self.constant(&[last, units], false), self.constant(&[units], false)];
                (Dense::with(None).into(), vec![x, operands[0], operands[1]])
            }
            4 => {
                let functions =
                    [Function::RELU, Function::Sigmoid, Function::Tanh, Function::Swish, Function::Softsign];
                (Activation { function: functions[choice as usize % 5] }.into(), vec![x])
            }
            5 | 6 => {
                let functions = [
                    BinaryFunction::Add,
                    BinaryFunction::Multiply,
                    BinaryFunction::Subtract,
                    BinaryFunction::Maximum,
                    BinaryFunction::PRelu,
                ];
                (Binary { function: functions[choice as usize % 5] }.into(), vec![x, y])
            }
            7 | 8 => (Concatenate { axis }.into(), vec![x, y, pick(20)]),
            9 => (Reshape { sample: vec![sample.iter().product()] }.into(), vec![x]),
            10 => (Reshape { sample: vec![1, sample.iter().product()] }.into(), vec![x]),
            11 => {
                let reductions = [Reduction::Mean, Reduction::Maximum, Reduction::Sum];
                (Reduce { reduction: reductions[choice as usize % 3], axis }.into(), vec![x])
            }
            12 => {
                let rows: Vec<f32> =
                    (0..4 * last).map(|at| if at / last == 3 { 1.5 } else { 0.1 * (at % 7) as f32 }).collect();
                let statistics = Arc::new(Tensor::f32(&[4, last], rows).expect("four rows"));
                let statistics = self.builder.constant("statistics", statistics).expect("a constant");
                (BatchNormalization { axis: rank - 1, epsilon: 1e-3 }.into(), vec![x, statistics])
            }
            13 => (RepeatVector { count: 1 + choice as usize % 4 }.into(), vec![x]),
            14 => (Softmax { axis: rank - 1, log: choice.is_multiple_of(4) }.into(), vec![x]),
            15 => (BatchMatmul::new([rank - 1, self.builder.ty(y).shape.rank() - 1]).into(), vec![x, y]),
            16 => match choice % 4 {
                0 => (Cast { to: DType::I32 }.into(), vec![x]),
                1 => (Cast { to: DType::F32 }.into(), vec![x]),
                2 => (NotEqual { value: 0.0 }.into(), vec![x]),
                _ => (MaskedMean.into(), vec![x, y]),
            },
            _ => match choice % 2 {
                0 => (Permute { order: [vec![0], (1..rank).rev().collect()].concat() }.into(), vec![x]),
                _ => {
                    let operands = [self.constant(&[last], true), self.constant(&[last], false)];
                    (LayerNormalization::new(1, 1e-3).into(), vec![x, operands[0], operands[1]])
                }
            },
        };
        let name = format!("{} {}", op.operator().name(), self.values.len());
        if let Ok(id) = self.builder.op(&name, op, &operands) {
            self.values.push(id);
        }
    }

    /// The graph whose outputs are the last float values.
    fn finish(self) -> Graph {
        let floats = self.values.iter().rev().filter(|id| {
            let ty = self.builder.ty(**id);
            ty.dtype == DType::F32 && ty.shape.is_batched()
        });
        let outputs = floats.take(3).enumerate().map(|(index, id)| (format!("output {index}"), *id)).collect();
        self.builder.finish(outputs).expect("a graph")
    }
}

fn model(numbers: &[u32]) -> Model {
    let mut growing = Growing::new();
    numbers.iter().for_each(|number| growing.grow(*number));
    Model::from_graph("random", growing.finish())
}

/// Inputs of `BATCH` rows, ids between 0 and the last row of a table, floats from `offset` on; those called `shared` have
/// one row. Large floats that lie close together show what loses digits.
fn inputs(model: &Model, shared: &[&str], offset: f32) -> NamedTensors {
    let inputs = session::random_inputs(model, BATCH, 7).expect("inputs");
    let ids = |tensor: &Tensor| {
        let ids = (0..tensor.len()).map(|index| (index * 3 % ROWS) as i32).collect();
        Tensor::i32(tensor.shape(), ids).expect("as many ids")
    };
    let one = |(name, tensor): (&str, &Tensor)| {
        let moved = |tensor: &Tensor| {
            let moved = tensor.to_f64().iter().map(|value| *value as f32 + offset).collect();
            Tensor::f32(tensor.shape(), moved).expect("as many floats")
        };
        let tensor = if tensor.dtype() == DType::I32 { ids(tensor) } else { moved(tensor) };
        (name.to_string(), if shared.contains(&name) { tensor.rows(0, 1).expect("a row") } else { tensor })
    };
    inputs.iter().map(one).collect()
}

fn repeated(inputs: &NamedTensors) -> NamedTensors {
    let repeat = |(name, tensor): (&str, &Tensor)| {
        let rows = vec![tensor; if tensor.shape()[0] == 1 { BATCH } else { 1 }];
        let words: Vec<f64> = rows.iter().flat_map(|tensor| tensor.to_f64()).collect();
        let shape = [&[BATCH], &tensor.shape()[1..]].concat();
        let tensor = match tensor.dtype() {
            DType::I32 => Tensor::i32(&shape, words.iter().map(|word| *word as i32).collect()),
            _ => Tensor::f32(&shape, words.iter().map(|word| *word as f32).collect()),
        };
        (name.to_string(), tensor.expect("as many values"))
    };
    inputs.iter().map(repeat).collect()
}

/// What is wrong with the answers of `other`, a rewriting of `model`'s graph; both are reference results, so both round.
fn complaint(model: &Model, other: &Graph, given: &NamedTensors) -> Option<String> {
    let all = repeated(given);
    let plain = model.graph();
    let expected = reference::run(plain, &all).expect("the plain graph runs");
    let actual = match reference::run(other, given) {
        Ok(actual) => actual,
        Err(error) => return Some(format!("{error}\n{plain}\n{other}")),
    };
    let allowances = output_allowances(plain, &all).expect("allowances");
    for ((name, expected), allowance) in expected.iter().zip(allowances) {
        let allowance: Vec<f64> = allowance.iter().map(|allowed| 2.0 * allowed).collect();
        let difference = compare(expected, actual.get(name)?, &allowance).expect("one shape");
        if !difference.is_within() {
            return Some(format!("{name}: {difference:?}\n{plain}\n{other}"));
        }
    }
    None
}

fn numbers() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 1..30)
}

const SHARED: [&[&str]; 4] = [&[], &["user"], &["user", "history"], &["history", "numeric", "steps", "float_id"]];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fused_graphs_answer_as_plain_ones(numbers in numbers(), shared in 0..SHARED.len(), large: bool) {
        let model = model(&numbers);
        let given = inputs(&model, SHARED[shared], if large { 1e6 } else { 0.0 });
        let graph = match SHARED[shared] {
            [] => Arc::clone(model.graph()),
            names => Arc::new(share(model.graph(), names).expect("shared inputs")),
        };
        for facts in [DeviceFacts::FLOOR, DeviceFacts { software: true, ..DeviceFacts::FLOOR }] {
            let fused = Passes::FUSED.run(&graph, &facts).expect("a fused graph");
            // What can be planned as it was read can be planned fused.
            let plan = |graph: &Arc<Graph>| Plan::new(Arc::clone(graph), &facts, Retain::Outputs).map(|_| ());
            prop_assert!(plan(&graph).is_err() || plan(&fused).is_ok(), "{:?}\n{fused}", plan(&fused));
            let complaint = complaint(&model, &fused, &given);
            prop_assert!(complaint.is_none(), "{}", complaint.unwrap_or_default());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cpu_answers_as_the_reference(numbers in numbers(), shared in 0..SHARED.len(), large: bool) {
        answers_as_the_reference(CheckDevice::Cpu, &numbers, SHARED[shared], large)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    fn the_gpu_answers_as_the_reference_for_all(numbers in numbers(), shared in 0..SHARED.len(), large: bool) {
        for limits in GPU_LIMITS {
            answers_as_the_reference(CheckDevice::Gpu(limits), &numbers, SHARED[shared], large)?;
        }
    }
}

/// A software GPU runs the plan of a phone, with row programs, only under the limits of one.
const GPU_LIMITS: [LimitsPreset; 2] = [LimitsPreset::Full, LimitsPreset::Floor];

/// `proptest!` takes whatever ends a case early for a failure, so the GPU is asked for before.
#[test]
fn the_gpu_answers_as_the_reference() {
    GPU_LIMITS.into_iter().for_each(gpu::require);
    the_gpu_answers_as_the_reference_for_all();
}

fn answers_as_the_reference(
    device: CheckDevice,
    numbers: &[u32],
    shared: &[&str],
    large: bool,
) -> Result<(), TestCaseError> {
    let model = model(numbers);
    let given = inputs(&model, shared, if large { 1e6 } else { 0.0 });
    let report = check(&model, &given, None, device, Passes::FUSED).expect("a report");
    let wrong = report.first_wrong_node().map(|node| format!("{} {node:?}", node.name));
    prop_assert!(wrong.is_none(), "{}: {}\n{}", report.device, wrong.unwrap_or_default(), model.graph());
    Ok(())
}

/// A small file can ask for a lot: passes take no more than a little of it for each node.
#[test]
fn long_chains_and_joins_of_joins_are_rewritten_in_no_time() {
    let mut growing = Growing::new();
    let numeric = growing.values[3];
    let operands = [growing.constant(&[3, 3], false), growing.constant(&[3], false)];
    let mut x = numeric;
    for layer in 0..3000 {
        x = growing
            .builder
            .op(&format!("{layer}"), Dense::with(None), &[x, operands[0], operands[1]])
            .expect("a layer");
    }
    let mut join = |inputs: &[ValueId]| growing.builder.op("join", Concatenate { axis: 1 }, inputs).expect("a join");
    let joined = join(&vec![x; 1000]);
    let twice = join(&vec![joined; 3000]);
    let mut deep = numeric;
    for _ in 0..2000 {
        deep = join(&[deep, numeric]);
    }
    let outputs = vec![("chain".into(), x), ("joins".into(), twice), ("deep".into(), deep)];
    let graph = Arc::new(growing.builder.finish(outputs).expect("a graph"));
    let fused = Passes::FUSED.run(&graph, &DeviceFacts::FLOOR).expect("a fused graph");
    assert!(fused.nodes().len() < graph.nodes().len(), "{} nodes", fused.nodes().len());
}

/// Random graphs that no pass changes would prove nothing.
#[test]
fn random_graphs_make_every_fused_operator_that_is_not_rare() {
    let mut seen = std::collections::BTreeSet::new();
    let mut state = 1u64;
    // Without workgroup memory there are no row programs, which leave little to other passes on graphs this small.
    let without_rows = DeviceFacts { workgroup_bytes: 0, ..DeviceFacts::FLOOR };
    for round in 0..3000 {
        let facts = if round % 2 == 0 { &DeviceFacts::FLOOR } else { &without_rows };
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let numbers: Vec<u32> = (0..29).map(|_| next()).collect();
        let model = model(&numbers);
        let graph = share(model.graph(), SHARED[2]).expect("shared inputs");
        let fused = Passes::FUSED.run(&Arc::new(graph), facts).expect("a fused graph");
        seen.extend(
            fused.to_string().lines().filter_map(|line| Some(line.split_once(" = ")?.1.split(' ').next()?.to_string())),
        );
        let text = fused.to_string();
        for mark in ["product(", "fm(", "sum(", "mean $", "max $", "activation: Some", "folded_kernel"] {
            if text.contains(mark) {
                seen.insert(mark.to_string());
            }
        }
    }
    for wanted in [
        "embedding_bag",
        "elementwise",
        "row_program",
        "broadcast_batch",
        "product(",
        "sum(",
        "mean $",
        "max $",
        "activation: Some",
        "folded_kernel",
    ] {
        assert!(seen.contains(wanted), "{wanted} is not among {seen:?}");
    }
}
