//! Hash buckets of integer ids: Keras Hashing.
//!
//! `output = hash(id) mod bins`; ids int32 of any shape, output int32. The id is written in decimal, as TensorFlow's
//! `AsString` writes it, and the characters are hashed. Without a salt the hash is FarmHash's `Fingerprint64`, as in
//! `StringToHashBucketFast`; an int32 has 1 to 11 characters, so only the forms for 1 to 3, 4 to 7 and 8 to 16 are
//! implemented. With a salt it is SipHash-2-4 with the salt as its key, as in `StringToHashBucketStrong`. If an id is
//! masked, it gives 0, and all others give 1 + their hash modulo `bins − 1`. TF.js has no such layer.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Hashes ids into `0..bins`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HashBucket {
    /// The number of buckets, including that of the masked id.
    pub bins: u32,
    /// The masked id, the only one that gives 0.
    pub masked: Option<i32>,
    /// The key of SipHash; `None` for FarmHash.
    pub salt: Option<[u64; 2]>,
}

params! {
    /// `Params` of `shaders/hash_bucket.wgsl`.
    HashBucketParams { count: u32, buckets: u32, first: u32, masked: i32, key: [u32; 4] }
}

pub(super) const SHADERS: &[Shader] = &[shader!("hash_bucket", HashBucketParams, fragments: [GRID])];

/// FarmHash's constants.
const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// SipHash's constants.
const SIPHASH: [u64; 4] = [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];

/// Up to 8 characters as a little-endian number.
fn little_endian(text: &[u8]) -> u64 {
    text.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// FarmHash's `Fingerprint64` of 1 to 16 characters.
fn fingerprint(text: &[u8]) -> u64 {
    let fetch = |at: usize, count: usize| little_endian(&text[at..at + count]);
    let shift_mix = |number: u64| number ^ number >> 47;
    let length = text.len();
    let multiplier = K2.wrapping_add(2 * length as u64);
    let mix = |u: u64, v: u64| {
        let first = shift_mix((u ^ v).wrapping_mul(multiplier));
        shift_mix((v ^ first).wrapping_mul(multiplier)).wrapping_mul(multiplier)
    };
    match length {
        0..4 => {
            let y = u64::from(text[0]) + (u64::from(text[length / 2]) << 8);
            let z = length as u64 + (u64::from(text[length - 1]) << 2);
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
        }
        4..8 => mix(length as u64 + (fetch(0, 4) << 3), fetch(length - 4, 4)),
        _ => {
            let (a, b) = (fetch(0, 8).wrapping_add(K2), fetch(length - 8, 8));
            let c = b.rotate_right(37).wrapping_mul(multiplier).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(multiplier);
            mix(c, d)
        }
    }
}

/// SipHash-2-4.
fn siphash(text: &[u8], key: [u64; 2]) -> u64 {
    let round = |[v0, v1, v2, v3]: [u64; 4]| {
        let (v0, v2) = (v0.wrapping_add(v1), v2.wrapping_add(v3));
        let (v1, v3) = (v1.rotate_left(13) ^ v0, v3.rotate_left(16) ^ v2);
        let (v0, v2) = (v0.rotate_left(32).wrapping_add(v3), v2.wrapping_add(v1));
        [v0, v1.rotate_left(17) ^ v2, v2.rotate_left(32), v3.rotate_left(21) ^ v0]
    };
    let mut state = [0, 1, 2, 3].map(|index| SIPHASH[index] ^ key[index % 2]);
    let mut absorb = |block: u64| {
        state[3] ^= block;
        state = round(round(state));
        state[0] ^= block;
    };
    let (blocks, rest) = text.as_chunks::<8>();
    blocks.iter().for_each(|block| absorb(little_endian(block)));
    absorb(little_endian(rest) | (text.len() as u64) << 56);
    state[2] ^= 0xff;
    (0..4).fold(state, |state, _| round(state)).iter().fold(0, |hash, word| hash ^ word)
}

impl HashBucket {
    fn first(&self) -> u32 {
        u32::from(self.masked.is_some())
    }

    fn bucket(&self, id: i32) -> i32 {
        if self.masked == Some(id) {
            return 0;
        }
        let buckets = u64::from(self.bins - self.first());
        let text = id.to_string();
        let hash = match self.salt {
            None => fingerprint(text.as_bytes()),
            Some(key) => siphash(text.as_bytes(), key),
        };
        // At most `bins` - 1, which fits an int32.
        (u64::from(self.first()) + hash % buckets) as i32
    }
}

impl Operator for HashBucket {
    fn name(&self) -> &'static str {
        "hash_bucket"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [ids] = expect_inputs(inputs)?;
        expect_dtype(ids, &[DType::I32])?;
        if self.bins <= self.first() || self.bins > i32::MAX as u32 {
            return Err(Error::shape(format!("cannot hash into {} bins", self.bins)));
        }
        Ok(vec![TensorType::new(ids.shape.clone(), DType::I32)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let ids = inputs[0].as_i32()?;
        Ok(vec![Tensor::i32(inputs[0].shape(), ids.iter().map(|&id| self.bucket(id)).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        // The remainder takes one step per binary digit.
        expect_loops(request, 32)?;
        let [low, high] = self.salt.unwrap_or_default();
        let params = HashBucketParams {
            count: word(request.output().len())?,
            buckets: self.bins - self.first(),
            first: self.first(),
            masked: self.masked.unwrap_or(0),
            key: [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32],
        };
        let entry_point = if self.salt.is_some() { "siphash" } else { "farmhash" };
        let kernel = Kernel::new("hash_bucket", &params, 1, invocations(request.output().len()));
        Ok(vec![kernel.entry_point(entry_point)])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
