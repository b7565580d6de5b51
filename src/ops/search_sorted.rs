//! Search in sorted keys: Keras Discretization (`Bucketize`, `searchsorted`) and IntegerLookup.
//!
//! With `x` and ascending keys, both float32, the output is the number of keys that are at most x, as in TensorFlow's
//! `Bucketize`; for NaN it is the number of all keys. With `x`, keys and values, all int32, the output is the value of
//! the key that equals x. If there is no such key it is `absent + (x mod spread)`, with a non-negative remainder. TF.js
//! has neither layer.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_loops, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Searches sorted keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SearchSorted {
    /// The number of keys that are at most x.
    Rank,
    /// The value of the key that equals x.
    Value {
        /// The smallest result for an x without a key.
        absent: i32,
        /// The number of different results for an x without a key.
        spread: u32,
    },
}

params! {
    /// `Params` of `shaders/search_sorted.wgsl`.
    SearchSortedParams { count: u32, keys: u32, absent: i32, spread: i32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("search_sorted", SearchSortedParams, fragments: [GRID, SPECIAL])];

impl SearchSorted {
    fn value(absent: i32, spread: u32, x: i32, keys: &[i32], values: &[i32]) -> i32 {
        match keys.binary_search(&x) {
            Ok(at) => values[at],
            Err(_) => absent + x.rem_euclid(spread as i32),
        }
    }
}

impl Operator for SearchSorted {
    fn name(&self) -> &'static str {
        "search_sorted"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let (wanted, dtype) = match self {
            SearchSorted::Rank => (2, DType::F32),
            SearchSorted::Value { .. } => (3, DType::I32),
        };
        if inputs.len() != wanted {
            return Err(Error::shape(format!("takes {wanted} inputs, not {}", inputs.len())));
        }
        for input in inputs {
            expect_dtype(input, &[dtype])?;
        }
        let keys = &inputs[1].shape;
        if keys.is_batched() || keys.rank() != 1 || keys.sample_len() == 0 || keys.sample_len() > i32::MAX as usize {
            return Err(Error::shape(format!("takes keys of shape [K], not {}", inputs[1])));
        }
        if inputs.get(2).is_some_and(|values| values.shape != *keys) {
            return Err(Error::shape(format!("keys {} and values {} do not fit", inputs[1], inputs[2])));
        }
        if let SearchSorted::Value { absent, spread } = *self {
            let last = i32::try_from(spread).ok().and_then(|spread| absent.checked_add(spread - 1));
            if spread == 0 || last.is_none() {
                return Err(Error::shape(format!("{spread} ids from {absent} on are not int32 ids")));
            }
        }
        Ok(vec![TensorType::new(inputs[0].shape.clone(), DType::I32)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let found = match *self {
            SearchSorted::Rank => {
                let keys = inputs[1].as_f32()?;
                let rank = |&x: &f32| keys.partition_point(|&key| x.is_nan() || key <= x) as i32;
                inputs[0].as_f32()?.iter().map(rank).collect()
            }
            SearchSorted::Value { absent, spread } => {
                let (keys, values) = (inputs[1].as_i32()?, inputs[2].as_i32()?);
                inputs[0].as_i32()?.iter().map(|&x| Self::value(absent, spread, x, keys, values)).collect()
            }
        };
        Ok(vec![Tensor::i32(inputs[0].shape(), found)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        // Binary search takes one step per binary digit.
        expect_loops(request, 32)?;
        let (count, keys) = (word(request.output().len())?, word(request.inputs[1].len())?);
        let invocations = invocations(request.output().len());
        let kernel = match *self {
            SearchSorted::Rank => {
                let params = SearchSortedParams { count, keys, absent: 0, spread: 1 };
                Kernel::new("search_sorted", &params, 2, invocations).entry_point("rank")
            }
            SearchSorted::Value { absent, spread } => {
                let params = SearchSortedParams { count, keys, absent, spread: spread as i32 };
                Kernel::new("search_sorted", &params, 3, invocations).entry_point("value")
            }
        };
        Ok(vec![kernel])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
