//! Tensors for tests: literal, counted, or random by a seed.

use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::tensor::Encoding;

/// Shapes and axes for which the kernels that reduce rows have different forms (`src/ops/rows.rs`): rows of a few
/// elements and of many, of whole quads and not, contiguous and interleaved, and from one to more than fill a GPU.
pub(crate) const ROWS: [(&[usize], usize); 20] = [
    (&[130, 1], 1),
    (&[130, 3], 1),
    (&[130, 4], 1),
    (&[130, 16], 1),
    (&[130, 20], 1),
    (&[130, 50], 1),
    (&[130, 64], 1),
    (&[130, 256], 1),
    (&[130, 257], 1),
    (&[130, 260], 1),
    (&[9, 1021], 1),
    (&[9, 1023], 1),
    (&[9, 4096], 1),
    (&[9, 8192], 1),
    (&[9, 5, 3], 1),
    (&[9, 50, 4], 1),
    (&[9, 300, 33], 1),
    (&[2, 2051, 3], 1),
    (&[33, 7, 250], 1),
    (&[130, 3, 256], 1),
];

/// Floats that are easily mishandled. Subnormals are excluded, because Vulkan lets a device flush them to zero.
pub(crate) const AWKWARD: [f32; 10] =
    [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, f32::MIN_POSITIVE];

/// Sizes around that of a workgroup, and primes.
pub(crate) const SIZES: [usize; 10] = [1, 2, 7, 31, 63, 64, 65, 127, 128, 129];

pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::f32(shape, values.to_vec()).expect("shape and values agree")
}

pub(crate) fn ints(shape: &[usize], values: &[i32]) -> Tensor {
    Tensor::i32(shape, values.to_vec()).expect("shape and values agree")
}

pub(crate) fn bools(shape: &[usize], values: &[bool]) -> Tensor {
    Tensor::bool(shape, values.to_vec()).expect("shape and values agree")
}

/// The float that `value` gives for each index.
pub(crate) fn floats_by(shape: &[usize], value: impl Fn(usize) -> f32) -> Tensor {
    floats(shape, &(0..shape.iter().product()).map(value).collect::<Vec<_>>())
}

/// The integer that `value` gives for each index.
pub(crate) fn ints_by(shape: &[usize], value: impl Fn(usize) -> i32) -> Tensor {
    ints(shape, &(0..shape.iter().product()).map(value).collect::<Vec<_>>())
}

/// The boolean that `value` gives for each index.
pub(crate) fn bools_by(shape: &[usize], value: impl Fn(usize) -> bool) -> Tensor {
    bools(shape, &(0..shape.iter().product()).map(value).collect::<Vec<_>>())
}

/// Half-precision floats, from the smallest to the largest and of both signs, in two bytes each.
pub(crate) fn halves(shape: &[usize]) -> Tensor {
    let bits = (0..shape.iter().product::<usize>()).map(|at| ((at * 37 % 0x7c00) | (at % 2 * 0x8000)) as u16);
    Tensor::packed(shape, Encoding::F16, bits.flat_map(u16::to_le_bytes).collect()).expect("as many halves")
}

/// Floats between −16 and 16 in one byte each.
pub(crate) fn codes(shape: &[usize]) -> Tensor {
    let list = Box::new(std::array::from_fn(|code| code as f32 * 0.125 - 16.0));
    let codes = (0..shape.iter().product::<usize>()).map(|at| (at * 37 % 256) as u8);
    Tensor::packed(shape, Encoding::Codes(list), codes.collect()).expect("as many codes")
}

/// Floats between −2 and 2, the same on every run and every machine.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    floats_by(shape, |index| {
        let hash = (seed.wrapping_mul(0x1_0000_0001) ^ index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (hash >> 40) as f32 / (1u32 << 22) as f32 - 2.0
    })
}
