use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, random};
use tfjs_wgpu::internals::kernel::{BufferId, DeviceFacts, Kernel, Packing, Region};
use tfjs_wgpu::internals::ops::{
    Cell, ConcreteType, Function, KernelRequest, MaskedOutput, Op, Order, Recurrent, RecurrentKernel, RecurrentOutput,
};
use tfjs_wgpu::{DType, Tensor};
use tfjs_wgpu::{Shape, TensorType};

const CELLS: [Cell; 4] = [Cell::Simple, Cell::Gru { reset_after: false }, Cell::Gru { reset_after: true }, Cell::Lstm];

const TANH: Option<Function> = Some(Function::Tanh);
const SIGMOID: Option<Function> = Some(Function::Sigmoid);

/// Recurrent weights in the layout of the operator, at the scale of trained ones.
fn weights(gates: usize, units: usize) -> Tensor {
    let scale = 0.8 / (units as f32).sqrt();
    let drawn = random(&[units, gates * units], 2);
    let drawn = floats_by(&[units, gates * units], |at| scale * drawn.as_f32().expect("floats")[at]);
    Recurrent::pack(gates, &drawn, Some(&random(&[gates * units], 3))).expect("they fit")
}

/// A mask with holes, in which every fourth row is masked entirely, followed by initial states.
fn beside(operator: &Recurrent, [batch, steps, units]: [usize; 3]) -> Option<Tensor> {
    let mask = if operator.masked.is_some() { steps } else { 0 };
    let states = if operator.initial { operator.cell.states() * units } else { 0 };
    let drawn = random(&[batch, mask + states], 4);
    let number = |at: usize| {
        let (row, column) = (at / (mask + states), at % (mask + states));
        if column < mask {
            f32::from(row % 4 != 3 && (row + 2 * column) % 3 != 0)
        } else {
            drawn.as_f32().expect("floats")[at]
        }
    };
    (mask + states > 0).then(|| floats_by(&[batch, mask + states], number))
}

/// The operator on random numbers, with the default kernel and with each of the others.
fn case(operator: &Recurrent, sizes: [usize; 3]) -> Vec<Case> {
    let all = [RecurrentKernel::Together, RecurrentKernel::Alone, RecurrentKernel::StepByStep];
    let kernels = std::iter::once(None).chain(all.map(Some));
    kernels.map(|kernel| case_by(Recurrent { kernel, ..operator.clone() }, sizes)).collect()
}

fn case_by(operator: Recurrent, sizes: [usize; 3]) -> Case {
    let ([batch, steps, units], gates, beside) = (sizes, operator.cell.gates(), beside(&operator, sizes));
    let case = Case::new(format!("{sizes:?}"), operator);
    let case = case.input(random(&[batch, steps, gates * units], 1)).constant(weights(gates, units));
    match beside {
        Some(beside) => case.input(beside),
        None => case,
    }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    // More units than a workgroup has room for.
    for cell in [Cell::Simple, Cell::Gru { reset_after: false }] {
        let output = RecurrentOutput::Sequence;
        cases.push(case_by(Recurrent { output, states: true, ..Recurrent::new(cell, TANH, SIGMOID) }, [2, 2, 1361]));
    }
    let orders = [Order::Forwards, Order::Backwards, Order::BackwardsInPlace];
    let outputs = [RecurrentOutput::Last, RecurrentOutput::Sequence].map(|output| (output, false));
    let outputs = [outputs, outputs.map(|(output, _)| (output, true))].concat();
    let masks = [None, Some(MaskedOutput::State), Some(MaskedOutput::Previous), Some(MaskedOutput::Zero)];
    for cell in CELLS {
        // Sizes around vectors of four, lanes of a workgroup, and rows of an independent invocation.
        for (batch, steps, units) in [(1, 1, 1), (3, 5, 3), (9, 2, 4), (3, 5, 65), (1, 7, 128), (17, 3, 6), (35, 2, 2)]
        {
            cases.extend(case(&Recurrent::new(cell, TANH, SIGMOID), [batch, steps, units]));
        }
        for (index, order) in orders.iter().flat_map(|order| outputs.iter().map(|output| (*order, *output))).enumerate()
        {
            for initial in [false, true] {
                let (masked, (order, (output, states))) = (masks[(index + usize::from(initial)) % 4], order);
                let operator =
                    Recurrent { order, output, states, masked, initial, ..Recurrent::new(cell, TANH, SIGMOID) };
                cases.extend(case(&operator, [9, 5, 7]));
            }
        }
        for (activation, recurrent) in [
            (Some(Function::RELU), Some(Function::HardSigmoid { slope: 0.2 })),
            (None, SIGMOID),
            (Some(Function::Softsign), None),
            (Some(Function::Elu { alpha: 0.5 }), TANH),
            (SIGMOID, Some(Function::relu(Some(1.0), 0.1, 0.0))),
        ] {
            cases.extend(case(&Recurrent::new(cell, activation, recurrent), [3, 3, 5]));
        }
    }
    cases
}

/// Two steps of one unit, with the recurrent weights and biases of the gates written out, and no activations.
fn by_hand() -> Vec<Case> {
    let case = |cell, x: &[f32], weights: &[f32], bias: &[f32]| {
        let gates = x.len() / 2;
        let weights = Recurrent::pack(gates, &floats(&[1, gates], weights), Some(&floats(&[gates], bias)));
        let operator =
            Recurrent { output: RecurrentOutput::Sequence, states: true, ..Recurrent::new(cell, None, None) };
        Case::new("by hand", operator).input(floats(&[1, 2, gates], x)).constant(weights.expect("they fit"))
    };
    let gru = |reset_after| {
        let (x, weights) = ([0.5, 2.0, 3.0, 0.25, -1.0, 1.0], [0.5, 1.0, 2.0]);
        case(Cell::Gru { reset_after }, &x, &weights, &[0.0, 0.0, 1.0])
    };
    vec![
        // 1 + 0.5, then 2 + 0.5 + 3 · 1.5.
        case(Cell::Simple, &[1.0, 2.0], &[3.0], &[0.5])
            .gives(floats(&[1, 2, 1], &[1.5, 7.0]))
            .gives(floats(&[1, 1], &[7.0])),
        // z = 0.5, r = 2, candidate 3 + 1 = 4, h = 2; z = 1.25, r = 1, candidate 1 + 2 · 2 + 1 = 6, h = 2.5 − 1.5.
        gru(false).gives(floats(&[1, 2, 1], &[2.0, 1.0])).gives(floats(&[1, 1], &[1.0])),
        // z = 0.5, r = 2, candidate 3 + 2 · 1 = 5, h = 2.5; z = 1.5, r = 1.5, candidate 1 + 1.5 · 6 = 10, h = 3.75 − 5.
        gru(true).gives(floats(&[1, 2, 1], &[2.5, -1.25])).gives(floats(&[1, 1], &[-1.25])),
        // i = 1, f = 2, c = 3, o = 0.5: c = 3, h = 1.5; i = 2.5, f = 0.5, c = 4, o = 1: c = 1.5 + 10, h = 11.5.
        case(Cell::Lstm, &[1.0, 2.0, 3.0, 0.5, 1.0, 0.5, 1.0, 1.0], &[1.0, 0.0, 2.0, 0.0], &[0.0; 4])
            .gives(floats(&[1, 2, 1], &[1.5, 11.5]))
            .gives(floats(&[1, 1], &[11.5]))
            .gives(floats(&[1, 1], &[11.5])),
        masked(MaskedOutput::State, &[10.0, 13.0, 13.0]),
        masked(MaskedOutput::Previous, &[0.0, 13.0, 13.0]),
        masked(MaskedOutput::Zero, &[0.0, 13.0, 0.0]),
    ]
}

/// From state 10, three steps of which only the middle one is unmasked.
fn masked(masked: MaskedOutput, expected: &[f32]) -> Case {
    let operator = Recurrent { masked: Some(masked), initial: true, ..Recurrent::new(Cell::Simple, None, None) };
    let operator = Recurrent { output: RecurrentOutput::Sequence, states: true, ..operator };
    let weights = Recurrent::pack(1, &floats(&[1, 1], &[1.0]), None).expect("they fit");
    let case = Case::new("masked", operator).input(floats(&[1, 3, 1], &[1.0, 3.0, 5.0])).constant(weights);
    let case = case.input(floats(&[1, 4], &[0.0, 1.0, 0.0, 10.0]));
    case.gives(floats(&[1, 3, 1], expected)).gives(floats(&[1, 1], &[13.0]))
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let lstm = || Recurrent::new(Cell::Lstm, TANH, SIGMOID);
    refuses(lstm(), &["float32[N, 5, 8]"], "takes 2 inputs, not 1");
    let initial = || Recurrent { initial: true, ..lstm() };
    refuses(initial(), &["float32[N, 5, 8]", "float32[2, 4, 2, 4]"], "takes 3 inputs, not 2");
    let fit = |x: &str, weights: &str| {
        refuses(lstm(), &[x, weights], &format!("input {x} and recurrent weights {weights} do not fit"));
    };
    fit("float32[N, 5, 12]", "float32[2, 4, 2, 4]");
    fit("float32[N, 5, 8]", "float32[2, 3, 2, 4]");
    fit("float32[N, 5, 8]", "float32[1, 4, 2, 4]");
    fit("float32[N, 5, 8]", "float32[2, 4, 2, 3]");
    fit("float32[N, 0, 8]", "float32[2, 4, 2, 4]");
    fit("float32[3, 5, 8]", "float32[2, 4, 2, 4]");
    fit("float32[N, 8]", "float32[2, 4, 2, 4]");
    let types = ["float32[N, 5, 8]", "float32[2, 4, 2, 4]", "float32[N, 2]"];
    refuses(initial(), &types, "float32[N, 2] is not the 4 numbers beside each sample of float32[N, 5, 8]");
    let types = ["float32[N, 5, 8]", "float32[2, 4, 2, 4]", "float32[S, 4]"];
    refuses(initial(), &types, "is not the 4 numbers");
    refuses(lstm(), &["int32[N, 5, 8]", "float32[2, 4, 2, 4]"], "takes float32 and not int32[N, 5, 8]");
    assert!(Recurrent::pack(3, &random(&[2, 8], 1), None).is_err());
    assert!(Recurrent::pack(4, &random(&[2, 8], 1), Some(&random(&[7], 1))).is_err());
}

/// The accumulated rounding allowance stays far below the effect of a wrong gate.
#[test]
fn the_allowance_stays_small_over_many_steps() {
    for cell in CELLS {
        let op: Op = Recurrent::new(cell, TANH, SIGMOID).into();
        let (x, weights) = (random(&[2, 50, cell.gates() * 65], 1), weights(cell.gates(), 65));
        let expected = op.operator().eval(&[&x, &weights]).expect("an answer");
        let allowed = op.operator().allowance(&[&x, &weights], &expected).expect("an allowance");
        let most = allowed.into_iter().flatten().fold(0.0, f64::max);
        assert!((1e-7..2e-4).contains(&most), "{cell:?}: {most}");
    }
}

/// The kernels of one row of 100 steps, and the size of its scratch memory.
fn kernels(operator: Recurrent, units: usize, max_loop_steps: usize) -> tfjs_wgpu::Result<(Vec<Kernel>, usize)> {
    let concrete = |shape: &[usize]| ConcreteType { shape: shape.to_vec(), dtype: DType::F32 };
    let gates = operator.cell.gates();
    let inputs = [concrete(&[1, 100, gates * units]), concrete(&[units.div_ceil(4) + 1, gates, units, 4])];
    let place = Region { buffer: BufferId::Weights, offset_bytes: 0, length_bytes: 4, packing: Packing::Words };
    let device = DeviceFacts { max_loop_steps, ..DeviceFacts::FLOOR };
    let output = concrete(&[1, units]);
    let request = KernelRequest {
        inputs: &inputs,
        outputs: &[output],
        output_words: &[0],
        regions: &[place; 2],
        device: &device,
    };
    let types = [Shape::batched(&inputs[0].shape[1..]), Shape::fixed(&inputs[1].shape)].map(TensorType::f32);
    let op: Op = operator.into();
    let scratch = op.operator().scratch(&types.each_ref(), &device);
    Ok((op.operator().kernels(&request)?, scratch))
}

/// Loops end after 65 535 steps on llvmpipe, and a phone has 16 KiB for states.
#[test]
fn layers_too_large_for_one_dispatch_run_step_by_step() {
    let count = |cell, units, max_loop_steps| {
        let (kernels, scratch) = kernels(Recurrent::new(cell, TANH, None), units, max_loop_steps).expect("kernels");
        (kernels.len(), scratch)
    };
    // 100 times one step and 2 units of 32 vectors, and 2 initial states.
    let steps = 100 * (1 + 2 * (32 + 4)) + 2;
    assert_eq!(count(Cell::Simple, 128, steps), (1, 0));
    // The initial states, followed by one dispatch per step.
    assert_eq!(count(Cell::Simple, 128, steps - 1), (1 + 100, 3 * 128));
    for cell in CELLS {
        assert_eq!(count(cell, 1360, usize::MAX), (1, 0));
        let dispatches = if cell == (Cell::Gru { reset_after: false }) { 2 } else { 1 };
        // Three times 1364 states, padded to where the output may begin.
        assert_eq!(count(cell, 1361, usize::MAX), (1 + 100 * dispatches, 4096));
    }
}

#[test]
fn layers_beyond_the_limits_of_the_device_are_rejected() {
    let refused = |kernel, units, max_loop_steps| {
        let operator = Recurrent { kernel, ..Recurrent::new(Cell::Simple, TANH, None) };
        kernels(operator, units, max_loop_steps).expect_err("too much").to_string()
    };
    let together = Some(RecurrentKernel::Together);
    let error = refused(together, 128, 7301);
    assert!(error.contains("7302 steps"), "{error}");
    let error = refused(together, 1361, usize::MAX);
    assert!(error.contains("1361 units are more than the 1360"), "{error}");
    // 32 vectors, one unit, the gates, and the mask of all steps.
    let error = refused(None, 128, 32 + 4 + 100 - 1);
    assert!(error.contains("136 steps"), "{error}");
}
