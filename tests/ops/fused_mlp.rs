use crate::case::{Case, checks, refuses};
use crate::values::{floats, random};
use tfjs_wgpu::internals::kernel::{BufferId, DeviceFacts, Packing, Region};
use tfjs_wgpu::internals::ops::{ConcreteType, Dense, Function, FusedMlp, FusedMlpKernel, KernelRequest, Op};
use tfjs_wgpu::{DType, Tensor};

const RELU: Option<Function> = Some(Function::RELU);

/// A chain of Dense layers with random weights and a random input, by the default kernel and by each of the others.
fn dense_chain(batch: usize, depth: usize, units: &[usize], activations: &[Option<Function>]) -> Vec<Case> {
    let case = |kernel| {
        let name = format!("{batch} rows of {depth} -> {units:?}, {activations:?}, {kernel:?}");
        let operator = FusedMlp { activations: activations.to_vec(), kernel };
        let mut case = Case::new(name, operator).input(random(&[batch, depth], 1));
        for (layer, (depth, units)) in [depth].iter().chain(units).zip(units).enumerate() {
            let (kernel, bias) = (random(&[*depth, *units], 2 + layer as u64), random(&[*units], 20 + layer as u64));
            case = case.constant(kernel).constant(bias);
        }
        case
    };
    [None, Some(FusedMlpKernel::Together), Some(FusedMlpKernel::Alone)].map(case).into_iter().collect()
}

fn cases() -> Vec<Case> {
    let sigmoid = Some(Function::Sigmoid);
    let mut cases = vec![
        Case::new("by hand", FusedMlp::new(vec![RELU, None]))
            .input(floats(&[1, 2], &[1.0, 2.0]))
            .constant(floats(&[2, 4], &[1.0, 0.0, -1.0, 2.0, 0.0, 1.0, 0.5, 0.0]))
            .constant(floats(&[4], &[10.0, 20.0, -1.0, 0.5]))
            .constant(floats(&[4, 1], &[1.0, 2.0, 1000.0, 4.0]))
            .constant(floats(&[1], &[-0.5]))
            .gives(floats(&[1, 1], &[64.5])),
    ];
    // Sizes around 4 rows, 8 independent invocations, vectors of four values, and rounds of 64 pieces.
    for batch in [1, 2, 3, 4, 5, 31, 33, 67] {
        cases.extend(dense_chain(batch, 1, &[1], &[None]));
        cases.extend(dense_chain(batch, 7, &[4, 1], &[RELU, None]));
        cases.extend(dense_chain(batch, 63, &[256, 5], &[RELU, RELU]));
        cases.extend(dense_chain(batch, 65, &[260, 64], &[RELU, None]));
        cases.extend(dense_chain(batch, 240, &[256, 128, 64, 1], &[RELU, RELU, RELU, sigmoid]));
        let activations = [RELU, None, RELU, None, RELU, None, None, RELU];
        cases.extend(dense_chain(batch, 2, &[4, 8, 4, 8, 4, 8, 12, 3], &activations));
    }
    for (first, second) in [
        (Some(Function::Tanh), sigmoid),
        (Some(Function::Gelu), None),
        (Some(Function::relu(Some(1.0), 0.25, 0.5)), Some(Function::Elu { alpha: 0.5 })),
        (Some(Function::relu(None, -0.5, 0.0)), Some(Function::relu(None, 0.2, 0.0))),
        (Some(Function::Mish), Some(Function::Softplus)),
        (Some(Function::HardSigmoid { slope: 0.2 }), Some(Function::Exponential)),
    ] {
        cases.extend(dense_chain(3, 33, &[64, 32, 7], &[first, second, first]));
        cases.extend(dense_chain(67, 33, &[64, 32, 8], &[first, first, second]));
    }
    let x = random(&[3, 5, 2, 6], 4);
    let case = Case::new("rank 4, a bias that the batch shares", FusedMlp::new(vec![RELU, None])).input(x);
    let case = case.constant(random(&[6, 8], 5)).shared(random(&[1, 8], 6));
    cases.push(case.constant(random(&[8, 2], 7)).constant(random(&[2], 8)));
    let case = Case::new("depth 0", FusedMlp::new(vec![None, RELU])).input(floats(&[3, 0], &[]));
    let case = case.constant(floats(&[0, 4], &[])).constant(random(&[4], 6));
    cases.push(case.constant(random(&[4, 4], 7)).constant(random(&[4], 8)));
    cases
}

checks!(cases);

/// The results are bit-identical to those of the separate layers.
#[test]
fn a_fused_mlp_equals_its_layers() {
    let operands = [(vec![5, 6], 1), (vec![6, 8], 2), (vec![8], 3), (vec![8, 3], 4), (vec![3], 5)];
    let operands = operands.map(|(shape, seed)| random(&shape, seed));
    let [x, kernel0, bias0, kernel1, bias1] = operands.each_ref();
    let eval = |op: Op, inputs: &[&Tensor]| op.operator().answer(inputs).expect("an answer");
    let mlp = FusedMlp::new(vec![Some(Function::Tanh), None]);
    let hidden = eval(Dense::with(Some(Function::Tanh)).into(), &[x, kernel0, bias0]);
    let expected = eval(Dense::default().into(), &[&hidden, kernel1, bias1]);
    assert_eq!(eval(mlp.into(), &[x, kernel0, bias0, kernel1, bias1]), expected);
}

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let mlp = || FusedMlp::new(vec![RELU, None]);
    refuses(mlp(), &["float32[N, 3]"], "takes 5 inputs, not 1");
    refuses(FusedMlp::new(vec![]), &["float32[N, 3]"], "at least 1 layer");
    let types = ["float32[N, 3]", "float32[3, 4]", "float32[4]", "float32[5, 1]", "float32[1]"];
    refuses(mlp(), &types, "input float32[N, 4], kernel float32[5, 1] and bias float32[1] do not fit");
    let types = ["float32[N, 3]", "float32[3, 4]", "float32[4]", "float32[4, 1]", "float32[S, 1]"];
    refuses(mlp(), &types, "bias float32[S, 1] of layer 1 is not constant");
}

/// The rule for fusing, without a GPU.
#[test]
fn fusing_depends_on_widths_functions_and_device() {
    let software = DeviceFacts { software: true, ..DeviceFacts::FLOOR };
    let fits = |depth, units: &[usize], activations: &[Option<Function>], facts| {
        FusedMlp::new(activations.to_vec()).fits(depth, units, facts)
    };
    let on_both = |depth, units: &[usize], activations: &[Option<Function>]| {
        (fits(depth, units, activations, &DeviceFacts::FLOOR), fits(depth, units, activations, &software))
    };
    assert_eq!(on_both(240, &[256, 128, 64, 1], &[RELU, RELU, RELU, None]), (true, false), "too slow on software");
    assert_eq!(on_both(128, &[64, 1], &[RELU, None]), (true, false), "8256 products for one dispatch");
    assert_eq!(on_both(64, &[32, 1], &[RELU, None]), (true, true));
    assert_eq!(on_both(128, &[63, 1], &[RELU, None]), (false, false), "hidden units must be multiples of 4");
    assert_eq!(on_both(128, &[64, 1], &[RELU]), (false, false), "an activation is missing");
    assert_eq!(on_both(4, &[4; 9], &[None; 9]), (false, false), "nine layers");
    assert_eq!(on_both(4, &[4; 3], &[RELU, None, Some(Function::Tanh)]), (false, false), "three functions");
    assert_eq!(on_both(4, &[4; 3], &[RELU, Some(Function::relu(None, 0.2, 0.0)), None]), (true, true));
    assert_eq!(on_both(1016, &[4, 1], &[RELU, None]), (true, true), "254 quads and 1, of 4 rows");
    assert_eq!(on_both(1020, &[4, 1], &[RELU, None]), (false, false), "255 quads and 1 are more than 1022 / 4");
    assert_eq!(on_both(4, &[4], &[RELU]), (false, false), "one layer saves no dispatch");
    assert_eq!(on_both(1000, &[400, 1], &[RELU, None]), (false, false), "the weights exceed the cache");
}

/// Loops end after 65 535 steps on llvmpipe.
#[test]
fn loops_are_counted_over_all_layers() {
    let concrete = |shape: &[usize]| ConcreteType { shape: shape.to_vec(), dtype: DType::F32 };
    let inputs = [[9, 240].as_slice(), &[240, 64], &[64], &[64, 1], &[1]].map(concrete);
    let place = Region { buffer: BufferId::Weights, offset_bytes: 256, length_bytes: 4, packing: Packing::Words };
    let kernels = |max_loop_steps| {
        let device = DeviceFacts { max_loop_steps, ..DeviceFacts::FLOOR };
        let request = KernelRequest {
            inputs: &inputs,
            outputs: &[concrete(&[9, 1])],
            output_words: &[0],
            regions: &[place; 5],
            device: &device,
        };
        let op: Op = FusedMlp::new(vec![RELU, None]).into();
        op.operator().kernels(&request)
    };
    // 4 rows of 60 vectors to load, a block of 60 steps that stores 4 rows of 4, and an element of 16 steps.
    let steps = 4 + (1 + 1 + 60 + 4 * 5) + (1 + 1 + 16 + 2);
    assert_eq!(kernels(steps).expect("kernels").len(), 1);
    assert!(kernels(steps - 1).expect_err("a step is missing").to_string().contains("106 steps"));
}
