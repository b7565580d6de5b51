//! The names by which the inputs of a model are given.

use super::Model;
use crate::error::{Error, Result};
use crate::tensor::{NamedTensors, Tensor};
use std::collections::HashMap;

/// The names of a model's inputs, and their alternative names.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputNames {
    /// In the model's order.
    names: Vec<String>,
    /// The positions of the inputs by name, and by those alternative names that no input has as its own.
    positions: HashMap<String, usize>,
}

impl InputNames {
    /// `aliases` holds the alternative names of each input by its position. It may be shorter than `names`.
    pub(crate) fn new(names: Vec<String>, aliases: &[Vec<String>]) -> InputNames {
        let own = names.iter().enumerate();
        let others =
            aliases.iter().enumerate().flat_map(|(position, names)| names.iter().map(move |name| (position, name)));
        let mut positions = HashMap::with_capacity(names.len());
        for (position, name) in own.chain(others) {
            positions.entry(name.clone()).or_insert(position);
        }
        InputNames { names, positions }
    }

    pub(crate) fn of(model: &Model) -> InputNames {
        let names = model.graph().inputs().map(|(_, node)| node.name.clone()).collect();
        InputNames::new(names, &model.aliases)
    }

    /// The position of the input called `name`, or else of the input that has it as an alternative name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Like [`InputNames::position`], given the number of tensors: a single tensor is for the only input, whatever its
    /// name.
    pub(crate) fn position_among(&self, name: &str, count: usize) -> Option<usize> {
        self.position(name).or_else(|| (self.names.len() == 1 && count == 1).then_some(0))
    }

    /// The tensor for the input at `position`, which most callers give at that position and under its name. Also
    /// returns the name of the tensor if it is not a name of the input.
    pub(crate) fn find<'t>(&self, given: &'t NamedTensors, position: usize) -> Option<(&'t Tensor, Option<&'t str>)> {
        let name = &self.names[position];
        if let Some((_, tensor)) = given.at(position).filter(|(known, _)| known == name) {
            return Some((tensor, None));
        }
        if let Some(tensor) = given.get(name) {
            return Some((tensor, None));
        }
        let (known, tensor) =
            given.iter().find(|(known, _)| self.position_among(known, given.len()) == Some(position))?;
        Some((tensor, self.position(known).is_none().then_some(known)))
    }

    /// Returns an error if a tensor matches no input.
    pub(crate) fn expect_known(&self, given: &NamedTensors, model: &Model) -> Result<()> {
        match given.names().find(|name| self.position_among(name, given.len()).is_none()) {
            None => Ok(()),
            Some(name) => {
                Err(Error::input(format!("the model has no input called `{name}`")).hint(expected_inputs(model)))
            }
        }
    }

    /// Returns an error if two tensors match the same input.
    pub(crate) fn expect_once(&self, given: &NamedTensors) -> Result<()> {
        let mut seen: Vec<Option<&str>> = vec![None; self.names.len()];
        for name in given.names() {
            let Some(position) = self.position(name) else { continue };
            if let Some(before) = seen[position].replace(name) {
                let input = &self.names[position];
                return Err(Error::input(format!("input `{input}` is given twice: as `{before}` and as `{name}`"))
                    .hint("give it once"));
            }
        }
        Ok(())
    }

    /// A note about a tensor whose name was ignored.
    pub(crate) fn note(&self, position: usize, name: &str) -> String {
        format!("the tensor `{name}` is taken for input `{}`, the only one", self.names[position])
    }

    pub(crate) fn name(&self, position: usize) -> &str {
        &self.names[position]
    }
}

/// All inputs with their types, for errors.
pub(crate) fn expected_inputs(model: &Model) -> String {
    let inputs: Vec<String> = model.inputs().map(|(name, ty)| format!("`{name}` {ty}")).collect();
    format!("the model's inputs are: {}", inputs.join(", "))
}

impl Model {
    /// Renames `inputs` to the model's own names, and returns notes about tensors whose names were ignored. A
    /// prediction accepts an input under an alternative name (such as that of the input of a nested model). It also
    /// accepts a single tensor of any name for a model with one input. This function is for callers that look up inputs
    /// by name. Tensors that match no input keep their names. Returns an error if an input is given twice.
    #[doc(hidden)]
    pub fn own_names(&self, inputs: NamedTensors) -> Result<(NamedTensors, Vec<String>)> {
        let names = InputNames::of(self);
        names.expect_once(&inputs)?;
        let (count, mut notes) = (inputs.len(), Vec::new());
        let rename = |(name, tensor): (String, Tensor)| match names.position_among(&name, count) {
            Some(position) => {
                if names.position(&name).is_none() {
                    notes.push(names.note(position, &name));
                }
                (names.name(position).to_string(), tensor)
            }
            None => (name, tensor),
        };
        let renamed = inputs.into_iter().map(rename).collect();
        Ok((renamed, notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(names: &[&str]) -> NamedTensors {
        names.iter().map(|name| (*name, Tensor::f32(&[1], vec![0.0]).expect("a tensor"))).collect()
    }

    #[test]
    fn an_input_is_found_by_its_name_then_by_others() {
        let names = InputNames::new(vec!["x".into(), "y".into()], &[vec!["inner".into(), "y".into()]]);
        assert_eq!([names.position("x"), names.position("y"), names.position("inner")], [Some(0), Some(1), Some(0)]);
        assert_eq!(names.position_among("z", 1), None, "there are two inputs");
        assert!(names.find(&given(&["y", "inner"]), 0).is_some_and(|(_, odd)| odd.is_none()));
        assert!(names.find(&given(&["y"]), 0).is_none());
        let error = names.expect_once(&given(&["inner", "y", "x"])).expect_err("given twice");
        assert_eq!(error.to_string(), "input `x` is given twice: as `inner` and as `x`");
    }

    #[test]
    fn a_single_tensor_is_the_only_input() {
        let names = InputNames::new(vec!["x".into()], &[]);
        assert_eq!(names.find(&given(&["input_1"]), 0).map(|(_, odd)| odd), Some(Some("input_1")));
        assert!(names.find(&given(&["input_1", "input_2"]), 0).is_none(), "one of two is not");
    }
}
