//! The arguments of an operation as tensors and sizes.

use super::argument::{Argument, NULL};
use super::numbers::Numbers;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tensor::DType;
use crate::tfjs::calls::{Call, TensorRef};
use crate::tfjs::folding::BATCH;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;

/// All arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Arguments<'m> {
    by_position: Vec<Argument<'m>>,
    by_name: Vec<(&'m str, Argument<'m>)>,
}

/// A size among the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// The number of samples.
    Batch,
    Of(i64),
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Size::Batch => f.write_str("N"),
            Size::Of(size) => write!(f, "{size}"),
        }
    }
}

impl Argument<'_> {
    /// The dtype of the tensor, or of the numbers.
    pub(super) fn dtype(&self, call: &LayerCall<'_, '_>) -> Result<DType> {
        match self {
            Argument::Tensor(id) => Ok(call.dtype(*id)),
            other => Numbers::read(other).map(|numbers| numbers.dtype()).ok_or_else(|| unexpected("a tensor", other)),
        }
    }

    /// The argument as a tensor of this dtype; numbers become a constant.
    pub(super) fn in_dtype(&self, call: &mut LayerCall<'_, '_>, dtype: DType) -> Result<ValueId> {
        match self {
            Argument::Tensor(id) if dtype == DType::Bool => call.truth(*id),
            Argument::Tensor(id) => call.cast(*id, dtype),
            Argument::Plain(value) if dtype == DType::F32 && value.is_number() => {
                call.number(json::number("args", value)? as f32)
            }
            other => {
                let numbers = Numbers::read(other).ok_or_else(|| unexpected("a tensor or a number", other))?;
                let tensor = numbers.tensor(dtype)?;
                call.literal(tensor)
            }
        }
    }

    /// The argument as a tensor in its own dtype.
    pub(super) fn value(&self, call: &mut LayerCall<'_, '_>) -> Result<ValueId> {
        let dtype = self.dtype(call)?;
        self.in_dtype(call, dtype)
    }

    /// The argument as whole numbers that are known, or the number of samples: a number or a list of numbers, each of which
    /// may be a tensor.
    pub(super) fn sizes(&self, call: &LayerCall<'_, '_>) -> Result<Vec<Size>> {
        let size = |number: i32| if number == BATCH { Size::Batch } else { Size::Of(i64::from(number)) };
        match self {
            Argument::Tensor(id) => match call.constant_at(*id) {
                Some(constant) => Ok(constant.as_i32()?.iter().map(|&number| size(number)).collect()),
                None => Err(unexpected("sizes that are known when the model is loaded", self)),
            },
            Argument::List(items) => {
                let sizes = items.iter().map(|item| item.sizes(call)).collect::<Result<Vec<_>>>()?;
                Ok(sizes.concat())
            }
            Argument::Plain(value) if value.is_number() => Ok(vec![Size::Of(json::integer("args", value)?)]),
            other => match Numbers::read(other).map(|numbers| numbers.tensor(DType::I32)) {
                Some(tensor) => Ok(tensor?.as_i32()?.iter().map(|&number| size(number)).collect()),
                None => Err(unexpected("whole numbers", other)),
            },
        }
    }

    /// The same where none is the number of samples.
    pub(super) fn integers(&self, call: &LayerCall<'_, '_>) -> Result<Vec<i64>> {
        let known = self.sizes(call)?.into_iter().map(|size| match size {
            Size::Of(number) => Ok(number),
            Size::Batch => Err(crate::tfjs::folding::computes_with_the_batch()),
        });
        known.collect()
    }

    /// One whole number that is known.
    pub(super) fn integer(&self, call: &LayerCall<'_, '_>) -> Result<i64> {
        match self.integers(call)?[..] {
            [number] => Ok(number),
            _ => Err(unexpected("a number", self)),
        }
    }
}

fn unexpected(wanted: &str, found: &Argument<'_>) -> Error {
    let found = match found {
        Argument::Tensor(_) => "a tensor".to_string(),
        Argument::List(_) => "a list".to_string(),
        Argument::Slice(_) => "a slice".to_string(),
        Argument::Plain(value) => json::show(value),
    };
    Error::unsupported(format!("is given {found} for {wanted}, which is not supported"))
}

impl<'m> Arguments<'m> {
    /// What `call` gives, its tensors found by `find`.
    pub(super) fn read(call: &'m Call, find: impl Fn(&TensorRef) -> Result<ValueId>) -> Result<Self> {
        let by_position = call.positional.iter().map(|value| Argument::read(value, &find));
        let by_name = call.keywords.iter().map(|(name, value)| Ok((name.as_str(), Argument::read(value, &find)?)));
        Ok(Arguments { by_position: by_position.collect::<Result<_>>()?, by_name: by_name.collect::<Result<_>>()? })
    }

    /// All arguments by position, for an operation of these parameters, which end in `?` where they may be left out.
    pub(super) fn named(mut self, parameters: &[&str]) -> Result<Self> {
        let mut by_name = std::mem::take(&mut self.by_name);
        let given = self.by_position.len();
        for parameter in parameters.iter().skip(given) {
            let name = parameter.trim_end_matches('?');
            match by_name.iter().position(|(known, _)| *known == name) {
                Some(position) => self.by_position.push(by_name.swap_remove(position).1),
                None if parameter.ends_with('?') => self.by_position.push(Argument::Plain(&NULL)),
                None => break,
            }
        }
        if let Some((name, _)) = by_name.iter().find(|(_, argument)| !argument.is_null()) {
            return Err(Error::unsupported(format!("its argument `{name}` is not supported")));
        }
        if self.by_position.len() != parameters.len() {
            let (wanted, given) = (parameters.len(), self.by_position.len());
            return Err(Error::unsupported(format!(
                "takes {wanted} arguments ({}), not {given}",
                parameters.join(", ")
            )));
        }
        Ok(self)
    }

    /// The argument at `index`, which `named` made sure is there.
    pub(super) fn get(&self, index: usize) -> Result<&Argument<'m>> {
        self.by_position.get(index).ok_or_else(|| Error::format(format!("has no argument {index}")))
    }

    /// Whether the argument at `index` is there and not null.
    pub(super) fn has(&self, index: usize) -> bool {
        self.get(index).is_ok_and(|argument| !argument.is_null())
    }

    /// The argument at `index` in its own dtype.
    pub(super) fn value(&self, call: &mut LayerCall<'_, '_>, index: usize) -> Result<ValueId> {
        self.get(index)?.value(call)
    }

    /// The argument at `index` as floats.
    pub(super) fn float(&self, call: &mut LayerCall<'_, '_>, index: usize) -> Result<ValueId> {
        self.get(index)?.in_dtype(call, DType::F32)
    }

    /// The members of the list at `index`.
    pub(super) fn list(&self, index: usize) -> Result<&[Argument<'m>]> {
        match self.get(index)? {
            Argument::List(items) => Ok(items),
            other => Err(unexpected("a list", other)),
        }
    }

    /// The argument at `index` as a number, if it is one.
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        self.get(index).ok().and_then(Argument::as_number)
    }
}
