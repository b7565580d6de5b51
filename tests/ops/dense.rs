use crate::case::{Case, checks, refuses};
use crate::values::{codes, floats, floats_by, halves, random};
use tfjs_wgpu::internals::kernel::{BufferId, DeviceFacts, Packing, Region};
use tfjs_wgpu::internals::ops::{ConcreteType, Dense, DenseKernel, Function, KernelRequest, Op};
use tfjs_wgpu::internals::tensor::Encoding;
use tfjs_wgpu::{DType, Tensor};

fn case(name: impl Into<String>) -> Case {
    Case::new(name, Dense::default())
}

/// The same case with the default kernel and with each of the others.
fn by_every_kernel(name: &str, activation: Option<Function>, operands: impl Fn(Case) -> Case) -> Vec<Case> {
    let kernels = [None].into_iter().chain(DenseKernel::ALL.map(Some));
    let case = |kernel: Option<DenseKernel>| {
        let by = kernel.map_or("the rule".into(), |kernel| kernel.to_string());
        operands(Case::new(format!("{name}, by {by}"), Dense { activation, kernel }))
    };
    kernels.map(case).collect()
}

/// Rows, depths and units around the blocks of 4, the tiles of 64 × 16 × 64 and a split depth of 16 parts, and primes.
const DEPTH_AND_UNITS: [(usize, usize); 15] = [
    (1, 1),
    (1, 65),
    (63, 64),
    (64, 63),
    (65, 1),
    (129, 31),
    (7, 129),
    (1009, 3),
    (4, 4),
    (15, 5),
    (16, 60),
    (17, 68),
    (20, 128),
    (66, 17),
    (195, 20),
];

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for (depth, units) in DEPTH_AND_UNITS {
        for batch in [1, 3, 4, 67, 129] {
            cases.extend(by_every_kernel(&format!("[{batch}, {depth}] x [{depth}, {units}]"), None, |case| {
                let case = case.input(random(&[batch, depth], 1)).constant(random(&[depth, units], 2));
                case.constant(random(&[units], 3))
            }));
        }
    }
    cases.extend(packed());
    for (index, function) in FUNCTIONS.into_iter().enumerate() {
        let case = Case::new(format!("{function:?}"), Dense::with(Some(function)));
        let case = case.input(random(&[3, 31], 10 + index as u64)).constant(random(&[31, 65], 7));
        cases.push(case.constant(random(&[65], 8)));
    }
    cases.extend(by_every_kernel("rank 5", Some(Function::RELU), |case| {
        let x = random(&[3, 5, 2, 3, 7], 4);
        case.input(x).constant(random(&[7, 5], 5)).constant(random(&[5], 6))
    }));
    cases.extend(by_every_kernel("a bias that the batch shares", Some(Function::Tanh), |case| {
        case.input(random(&[67, 12], 4)).constant(random(&[12, 8], 5)).shared(random(&[1, 8], 6))
    }));
    // Terms of 1e6 that cancel: the error may be large relative to the sum, but not relative to the terms.
    let large = floats_by(&[3, 64], |index| if index % 2 == 0 { 1e6 } else { -1e6 } + index as f32);
    for activation in [None, Some(Function::RELU), Some(Function::Sigmoid)] {
        cases.extend(by_every_kernel(&format!("cancelling, {activation:?}"), activation, |case| {
            case.input(large.clone()).constant(floats(&[64, 1], &[1.0; 64])).constant(floats(&[1], &[0.5]))
        }));
    }
    cases
}

/// Kernels that stay packed on a device: they have enough elements for the list of codes to pay off.
fn packed() -> Vec<Case> {
    let mut cases = Vec::new();
    for (depth, units) in [(1, 401), (401, 1), (33, 31), (17, 68), (20, 128), (63, 64), (130, 3)] {
        for (name, kernel) in [("halves", halves(&[depth, units])), ("codes", codes(&[depth, units]))] {
            for batch in [1, 3, 67] {
                let name = format!("{name}, [{batch}, {depth}] x [{depth}, {units}]");
                cases.extend(by_every_kernel(&name, Some(Function::RELU), |case| {
                    case.input(random(&[batch, depth], 1)).constant(kernel.clone()).constant(random(&[units], 3))
                }));
            }
        }
    }
    let bits = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let every = Tensor::packed(&[1, 1 << 16], Encoding::F16, bits).expect("a packed kernel");
    cases.extend(by_every_kernel("every half", None, |case| {
        case.input(floats(&[1, 1], &[1.0])).constant(every.clone()).constant(floats_by(&[1 << 16], |_| 0.0))
    }));
    cases
}

/// Every function number of the shader's switch.
const FUNCTIONS: [Function; 16] = [
    Function::RELU,
    Function::relu(Some(1.0), 0.25, 0.5),
    Function::relu(None, -0.5, 0.0),
    Function::Elu { alpha: 0.5 },
    Function::Elu { alpha: -0.5 },
    Function::Selu,
    Function::Sigmoid,
    Function::HardSigmoid { slope: 0.2 },
    Function::Softplus,
    Function::Softsign,
    Function::Tanh,
    Function::Gelu,
    Function::GeluTanh,
    Function::Mish,
    Function::Swish,
    Function::Exponential,
];

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    // Σ (k + 1) · (u + 1) = (u + 1) · K · (K + 1) / 2, plus the unit's bias.
    let closed = |depth: usize, units: usize| {
        let total = (depth * (depth + 1) / 2) as f32;
        case(format!("counted, [{depth}, {units}]"))
            .input(floats_by(&[3, depth], |index| (index % depth + 1) as f32))
            .constant(floats_by(&[depth, units], |index| (index % units + 1) as f32))
            .constant(floats_by(&[units], |unit| -(unit as f32)))
            .gives(floats_by(&[3, units], |index| (index % units + 1) as f32 * total - (index % units) as f32))
    };
    vec![
        closed(1, 1),
        closed(64, 65),
        closed(101, 7),
        Case::new("relu by hand", Dense::with(Some(Function::RELU)))
            .input(floats(&[1, 2], &[1.0, 2.0]))
            .constant(floats(&[2, 3], &[1.0, 0.0, -1.0, 0.0, 1.0, 0.5]))
            .constant(floats(&[3], &[-3.0, 20.0, 0.0]))
            .gives(floats(&[1, 3], &[0.0, 22.0, 0.0])),
        case("by hand")
            .input(floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]))
            .constant(floats(&[2, 3], &[1.0, 0.0, -1.0, 0.0, 1.0, 0.5]))
            .constant(floats(&[3], &[10.0, 20.0, 30.0]))
            .gives(floats(&[1, 2, 3], &[11.0, 22.0, 30.0, 13.0, 24.0, 29.0])),
        case("infinities and NaN")
            .input(floats(&[3, 2], &[inf, 1.0, inf, -inf, nan, 0.0]))
            .constant(floats(&[2, 1], &[1.0, 1.0]))
            .constant(floats(&[1], &[0.0]))
            .gives(floats(&[3, 1], &[inf, nan, nan])),
        case("an infinite weight times zero")
            .input(floats(&[1, 1], &[0.0]))
            .constant(floats(&[1, 2], &[inf, 5.0]))
            .constant(floats(&[2], &[0.0, 1.0]))
            .gives(floats(&[1, 2], &[nan, 1.0])),
        case("depth 0")
            .input(floats(&[3, 0], &[]))
            .constant(floats(&[0, 2], &[]))
            .constant(floats(&[2], &[1.0, 2.0]))
            .gives(floats(&[3, 2], &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let fit = |x: &str, kernel: &str, bias: &str| {
        refuses(
            Dense::default(),
            &[x, kernel, bias],
            &format!("input {x}, kernel {kernel} and bias {bias} do not fit"),
        );
    };
    fit("float32[N, 3]", "float32[4, 2]", "float32[2]");
    fit("float32[N, 3]", "float32[3, 2]", "float32[3]");
    fit("float32[N]", "float32[3, 2]", "float32[2]");
    refuses(
        Dense::default(),
        &["float32[N, 3]", "float32[3]", "float32[2]"],
        "kernel float32[3] and bias float32[2] are not a matrix",
    );
    fit("float32[3]", "float32[3, 2]", "float32[S, 2]");
    refuses(Dense::default(), &["float32[]", "float32[3, 2]", "float32[2]"], "a scalar has no last dimension");
    refuses(Dense::default(), &["int32[N, 3]", "float32[3, 2]", "float32[2]"], "takes float32 and not int32[N, 3]");
    refuses(Dense::default(), &["float32[N, 3]", "float32[3, 2]"], "takes 3 inputs, not 2");
    let types = ["float32[N, 3]", "float32[3, 2]", "float32[2]"];
    refuses(Dense::with(Some(Function::Sin)), &types, "Sin cannot be the activation of a layer");
}

/// The choice of the kernel, without a GPU.
#[test]
fn the_kernel_depends_on_shapes_and_device() {
    let software = DeviceFacts { software: true, ..DeviceFacts::FLOOR };
    let table = [
        // rows, depth, units, on hardware, on software
        (0, 8, 8, "elements", "elements"),
        (1, 63, 256, "elements", "elements"),
        (1, 64, 256, "split", "elements"),
        (1, 64, 1, "split", "elements"),
        (3, 240, 256, "split", "elements"),
        (4, 240, 256, "blocks", "blocks"),
        (256, 64, 1, "elements", "elements"),
        (256, 240, 256, "blocks", "blocks"),
        (1024, 240, 256, "tiles", "blocks"),
        (1024, 15, 256, "blocks", "blocks"),
        (4096, 4096, 4096, "tiles", "blocks"),
    ];
    for (rows, depth, units, on_hardware, on_software) in table {
        for (facts, expected) in [(&DeviceFacts::FLOOR, on_hardware), (&software, on_software)] {
            let kernel = DenseKernel::choose(rows, depth, units, facts);
            assert_eq!(kernel.to_string(), expected, "[{rows}, {depth}] x [{depth}, {units}], {facts:?}");
        }
    }
}

/// The form of a kernel, without a GPU.
#[test]
fn packed_kernels_are_read_as_whole_words_where_possible() {
    let entry_point = |rows: usize, depth: usize, units: usize, packing: Packing| {
        let concrete = |shape: &[usize]| ConcreteType { shape: shape.to_vec(), dtype: DType::F32 };
        let inputs = [concrete(&[rows, depth]), concrete(&[depth, units]), concrete(&[units])];
        let place = Region { buffer: BufferId::Weights, offset_bytes: 0, length_bytes: 4, packing };
        let (output, device) = (concrete(&[rows, units]), &DeviceFacts::FLOOR);
        let request =
            KernelRequest { inputs: &inputs, outputs: &[output], output_words: &[0], regions: &[place; 3], device };
        let op: Op = Dense::default().into();
        op.operator().kernels(&request).expect("kernels")[0].entry_point
    };
    for (rows, depth, units, words, packed) in [
        (1, 20, 128, "elements", "quads"),
        (1, 240, 256, "split", "split"),
        (1, 33, 31, "elements", "elements"),
        (67, 20, 128, "blocks", "packed_blocks"),
        (67, 17, 68, "ragged_blocks", "ragged_blocks"),
        (67, 20, 31, "ragged_blocks", "ragged_blocks"),
        (4096, 64, 128, "tiles", "tiles"),
    ] {
        for (packing, expected) in [(Packing::Words, words), (Packing::Halves, packed), (Packing::Codes, packed)] {
            assert_eq!(entry_point(rows, depth, units, packing), expected, "{rows}, {depth}, {units}, {packing:?}");
        }
    }
}

/// The allowance of a fused activation is the propagated error of the sum, and no more.
#[test]
fn the_allowance_grows_with_the_slope_of_the_activation() {
    let operands = [floats(&[1, 1], &[5.0]), floats(&[1, 1], &[1.0]), floats(&[1], &[0.0])];
    let operands: Vec<&Tensor> = operands.iter().collect();
    let allowed = |activation| {
        let op: Op = Dense::with(activation).into();
        let expected = op.operator().eval(&operands).expect("an answer");
        op.operator().allowance(&operands, &expected).expect("an allowance")[0][0]
    };
    let linear = allowed(None);
    assert_eq!(allowed(Some(Function::RELU)), linear);
    assert_eq!(allowed(Some(Function::relu(Some(1.0), 0.0, 0.0))), 0.0);
    // At 5 the slope of the sigmoid is 0.0066. Its own tolerance is 8 units of a number below 1, plus 3e-7.
    assert!(allowed(Some(Function::Sigmoid)) < 0.007 * linear + 1.3e-6);
    // And e^5 is 148, with a tolerance of 211 units.
    let exponential = allowed(Some(Function::Exponential));
    assert!((148.0 * linear..150.0 * linear + 4e-3).contains(&exponential), "{exponential}");
}
