//! A pool of buffers recycled from unused tensors. Allocating and clearing 10 MB takes as long as filling it.

use super::{DType, Data, NamedTensors};

/// Buffers whose contents may be overwritten.
#[derive(Debug, Default)]
pub(crate) struct RecycledOutputs(Vec<Data>);

impl RecycledOutputs {
    /// Recycles the buffers of these tensors. Packed tensors have none.
    pub(crate) fn of(tensors: NamedTensors) -> Self {
        RecycledOutputs(tensors.into_iter().filter_map(|(_, tensor)| tensor.into_data()).collect())
    }

    /// A buffer of `count` elements with arbitrary contents.
    pub(crate) fn take(&mut self, dtype: DType, count: usize) -> Data {
        match self.first(dtype) {
            Some(Data::F32(mut values)) => {
                values.resize(count, 0.0);
                Data::F32(values)
            }
            Some(Data::I32(mut values)) => {
                values.resize(count, 0);
                Data::I32(values)
            }
            Some(Data::Bool(mut values)) => {
                values.resize(count, false);
                Data::Bool(values)
            }
            // A new vector rather than a resized one: the system provides large allocations already zeroed.
            None => match dtype {
                DType::F32 => Data::F32(vec![0.0; count]),
                DType::I32 => Data::I32(vec![0; count]),
                DType::Bool => Data::Bool(vec![false; count]),
            },
        }
    }

    /// Decodes elements from their words on a device.
    pub(crate) fn decode(&mut self, dtype: DType, words: &[u32]) -> Data {
        let mut data = self.first(dtype).unwrap_or_else(|| Data::empty(dtype));
        match &mut data {
            Data::F32(values) => refill(values, words.iter().map(|&word| f32::from_bits(word))),
            Data::I32(values) => refill(values, words.iter().map(|&word| word as i32)),
            Data::Bool(values) => refill(values, words.iter().map(|&word| word != 0)),
        }
        data
    }

    /// Takes the first buffer of this dtype.
    fn first(&mut self, dtype: DType) -> Option<Data> {
        let position = self.0.iter().position(|data| data.dtype() == dtype)?;
        Some(self.0.remove(position))
    }
}

fn refill<T>(values: &mut Vec<T>, new: impl Iterator<Item = T>) {
    values.clear();
    values.extend(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;

    #[test]
    fn memory_is_used_again_in_its_order_and_dtype() {
        let floats = |values: &[f32]| Tensor::f32(&[values.len()], values.to_vec()).expect("a tensor");
        let ids = Tensor::i32(&[2], vec![1, 2]).expect("a tensor");
        let tensors = [("a", floats(&[1.0, 2.0, 3.0])), ("ids", ids), ("b", floats(&[4.0]))];
        let places: Vec<*const f32> = [0, 2].map(|at| tensors[at].1.as_f32().expect("floats").as_ptr()).to_vec();
        let mut spare = RecycledOutputs::of(tensors.into_iter().collect());
        let place = |data: &Data| if let Data::F32(values) = data { values.as_ptr() } else { std::ptr::null() };
        let first = spare.take(DType::F32, 2);
        assert_eq!((place(&first), &first), (places[0], &Data::F32(vec![1.0, 2.0])));
        let second = spare.decode(DType::F32, &[5.5f32.to_bits()]);
        assert_eq!((place(&second), &second), (places[1], &Data::F32(vec![5.5])));
        assert_eq!(spare.take(DType::F32, 2), Data::F32(vec![0.0; 2]), "nothing was left");
        assert_eq!(spare.decode(DType::I32, &[7, 8, 9]), Data::I32(vec![7, 8, 9]));
        assert_eq!(spare.decode(DType::Bool, &[0, 1]), Data::Bool(vec![false, true]));
    }
}
