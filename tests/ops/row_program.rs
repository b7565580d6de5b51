use crate::case::{Case, check_gpu, check_plain};
use crate::values::{floats, ints, random};
use tfjs_wgpu::internals::kernel::DeviceFacts;
use tfjs_wgpu::internals::ops::{
    BadId, BatchMatmul, Binary, BinaryFunction, Concatenate, Dense, Embedding, Function, LayerNormalization, Op,
    Reduce, Reduction, RowBuffer, RowNode, RowProgram, RowSource, Softmax,
};
use tfjs_wgpu::{DType, Shape, TensorType};

/// A program under construction.
struct Program(RowProgram);

impl Program {
    fn new(row_rank: usize) -> Self {
        let (inputs, nodes, outputs) = (Vec::new(), Vec::new(), Vec::new());
        Program(RowProgram { row_rank, inputs, nodes, outputs, end: String::new() })
    }

    fn input(&mut self, sample: &[usize], dtype: DType) -> RowSource {
        self.add(TensorType::new(Shape::batched(sample), dtype))
    }

    fn constant(&mut self, shape: &[usize]) -> RowSource {
        self.add(TensorType::f32(Shape::fixed(shape)))
    }

    fn add(&mut self, ty: TensorType) -> RowSource {
        self.0.inputs.push(ty);
        RowSource::Input(self.0.inputs.len() - 1)
    }

    fn op(&mut self, op: impl Into<Op>, inputs: &[RowSource]) -> RowSource {
        let op = op.into();
        let types: Vec<TensorType> = inputs.iter().map(|source| self.ty(*source)).collect();
        let ty = op.operator().infer(&types.iter().collect::<Vec<_>>()).expect("operands that fit").swap_remove(0);
        self.0.nodes.push(RowNode { op, inputs: inputs.to_vec(), ty });
        RowSource::Node(self.0.nodes.len() - 1)
    }

    fn ty(&self, source: RowSource) -> TensorType {
        match source {
            RowSource::Input(input) => self.0.inputs[input].clone(),
            RowSource::Node(node) => self.0.nodes[node].ty.clone(),
        }
    }

    /// The program with these outputs.
    fn gives(mut self, outputs: &[RowSource]) -> RowProgram {
        let node = |source: &RowSource| match source {
            RowSource::Node(node) => *node,
            RowSource::Input(_) => panic!("an input is no output"),
        };
        self.0.outputs = outputs.iter().map(node).collect();
        self.0
    }
}

/// Two dense layers of `[depth, hidden, units]` with a residual and a softmax; both layers are outputs.
fn layers(row_rank: usize, leading: &[usize], [depth, hidden, units]: [usize; 3]) -> RowProgram {
    let mut program = Program::new(row_rank);
    let x = program.input(&[leading, &[depth]].concat(), DType::F32);
    let operands =
        [[depth, hidden], [hidden, units]].map(|[from, to]| (program.constant(&[from, to]), program.constant(&[to])));
    let first = program.op(Dense::with(Some(Function::RELU)), &[x, operands[0].0, operands[0].1]);
    let doubled = program.op(Binary { function: BinaryFunction::Add }, &[first, first]);
    let second = program.op(Dense::with(Some(Function::Tanh)), &[doubled, operands[1].0, operands[1].1]);
    let shares = program.op(Softmax { axis: leading.len() + 1, log: false }, &[second]);
    program.gives(&[first, shares])
}

fn layers_case(batch: usize, row_rank: usize, leading: &[usize], widths: [usize; 3]) -> Case {
    let [depth, hidden, units] = widths;
    let shape = [&[batch], leading, &[depth]].concat();
    Case::new(format!("{shape:?} to {hidden} to {units}, rank {row_rank}"), layers(row_rank, leading, widths))
        .input(random(&shape, 1))
        .constant(random(&[depth, hidden], 2))
        .constant(random(&[hidden], 3))
        .constant(random(&[hidden, units], 4))
        .constant(random(&[units], 5))
}

/// One query of a sequence and all of its keys and values, which are model inputs; then a normalization.
fn attention(steps: usize, dim: usize) -> RowProgram {
    let mut program = Program::new(2);
    let [queries, keys, values] = [0; 3].map(|_| program.input(&[steps, dim], DType::F32));
    let (gamma, beta) = (program.constant(&[dim]), program.constant(&[dim]));
    let scores = program.op(BatchMatmul { scale: 0.5, ..BatchMatmul::new([2, 2]) }, &[queries, keys]);
    let weights = program.op(Softmax { axis: 2, log: false }, &[scores]);
    let read = program.op(BatchMatmul::new([2, 1]), &[weights, values]);
    let sum = program.op(Binary { function: BinaryFunction::Add }, &[queries, read]);
    let normal = program.op(LayerNormalization::new(1, 1e-3), &[sum, gamma, beta]);
    program.gives(&[normal])
}

fn attention_case(batch: usize, steps: usize, dim: usize) -> Case {
    let mut case = Case::new(format!("attention over {steps} steps of {dim}, {batch} rows"), attention(steps, dim));
    for seed in 1..=3 {
        case = case.input(random(&[batch, steps, dim], seed));
    }
    case.constant(random(&[dim], 4)).constant(random(&[dim], 5))
}

/// A layer that is an output and part of another one.
fn joined() -> RowProgram {
    let mut program = Program::new(1);
    let x = program.input(&[3], DType::F32);
    let (kernel, bias) = (program.constant(&[3, 2]), program.constant(&[2]));
    let y = program.op(Dense::default(), &[x, kernel, bias]);
    let both = program.op(Concatenate { axis: 1 }, &[x, y]);
    program.gives(&[y, both])
}

/// The mean of looked-up rows, times a row for the sample.
fn lookup() -> RowProgram {
    let mut program = Program::new(1);
    let (history, item) = (program.input(&[3], DType::I32), program.input(&[], DType::I32));
    let table = program.constant(&[4, 2]);
    let rows = program.op(Embedding { bad_id: BadId::Zero }, &[history, table]);
    let mean = program.op(Reduce { reduction: Reduction::Mean, axis: 1 }, &[rows]);
    let row = program.op(Embedding { bad_id: BadId::Clamp }, &[item, table]);
    let product = program.op(Binary { function: BinaryFunction::Multiply }, &[mean, row]);
    program.gives(&[product])
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("by hand", lookup())
            .input(ints(&[2, 3], &[0, 1, 3, 2, 2, 9]))
            .input(ints(&[2], &[1, 9]))
            .constant(floats(&[4, 2], &[3.0, 0.0, 1.0, 2.0, 6.0, 9.0, 5.0, 1.0]))
            .gives(floats(&[2, 2], &[3.0, 2.0, 20.0, 6.0])),
    ];
    for batch in [1, 6] {
        let case = Case::new(format!("an output within another, {batch} rows"), joined()).input(random(&[batch, 3], 1));
        cases.push(case.constant(random(&[3, 2], 2)).constant(random(&[2], 3)));
    }
    // Sizes around four rows, vectors of four units, and pairs of groups of rows.
    for batch in [1, 3, 4, 5, 31, 67] {
        for widths in [[1, 1, 1], [7, 4, 3], [33, 8, 5], [64, 24, 16], [240, 128, 64]] {
            cases.push(layers_case(batch, 1, &[], widths));
        }
        for (row_rank, leading) in [(1, [3].as_slice()), (2, &[3]), (2, &[5]), (3, &[2, 3])] {
            cases.push(layers_case(batch, row_rank, leading, [6, 8, 3]));
        }
        cases.push(attention_case(batch, 5, 4));
        cases.push(attention_case(batch, 50, 8));
    }
    cases
}

#[test]
fn reference_is_correct() {
    check_plain(&cases());
}

#[test]
fn gpu_matches_the_reference() {
    check_gpu(&cases());
}

/// The rule for what one dispatch can run, without a GPU.
#[test]
fn programs_that_exceed_a_kernel_are_refused() {
    let reason = |program: &RowProgram, buffers: &[RowBuffer], facts: &DeviceFacts| {
        program.fits(buffers, facts).expect_err("it does not fit").to_string()
    };
    let inputs =
        [RowBuffer::ModelInput, RowBuffer::Constant, RowBuffer::Constant, RowBuffer::Constant, RowBuffer::Constant];
    let floor = &DeviceFacts::FLOOR;
    assert!(layers(1, &[], [240, 128, 64]).fits(&inputs, floor).is_ok());
    let text = reason(&layers(1, &[], [1200, 8, 4]), &inputs, floor);
    assert!(text.contains("of 1000 elements of workgroup memory"), "{text}");
    assert!(layers(1, &[], [900, 8, 4]).fits(&inputs, floor).is_ok());
    let text = reason(&layers(1, &[300], [2, 3, 2]), &inputs, floor);
    assert!(text.contains("of 1000 elements of workgroup memory"), "{text}");
    assert!(layers(2, &[300], [2, 3, 2]).fits(&inputs, floor).is_ok(), "rows of steps are smaller");
    let text = reason(&layers(1, &[], [400, 400, 400]), &inputs, floor);
    assert!(text.contains("320000 products a row are more than 262144"), "{text}");
    let text = reason(&layers(1, &[], [240, 128, 64]), &inputs, &DeviceFacts { max_loop_steps: 100, ..floor.clone() });
    assert!(text.contains("exceed the device's limit of 100"), "{text}");
    let text = reason(&layers(1, &[], [2, 3, 2]), &inputs, &DeviceFacts::HOST);
    assert_eq!(text, "the device has no workgroup memory for rows");
    let apart = [0, 1, 2].map(RowBuffer::Computed);
    let buffers = [&apart[..], &[RowBuffer::Constant; 2]].concat();
    assert!(reason(&attention(5, 4), &buffers, floor).contains("values from 3 buffers are more than 2"));
    let together = [&[RowBuffer::Computed(1); 3][..], &[RowBuffer::Constant; 2]].concat();
    assert!(attention(5, 4).fits(&together, floor).is_ok(), "results of one operator are in one buffer");
}

/// Copies are written in place, functions join what they apply to, and barriers stand only where data flows.
#[test]
fn the_instructions_are_as_recorded() {
    insta::assert_snapshot!(layers(1, &[], [7, 4, 3]).text().expect("instructions"));
    insta::assert_snapshot!(attention(5, 4).text().expect("instructions"));
}
