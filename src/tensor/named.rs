//! Tensors by name, in a fixed order: the inputs and outputs of a prediction.

use super::Tensor;
use std::collections::HashMap;

/// Up to this many names are compared one by one, which is faster than hashing. Most predictions have few.
const FEW: usize = 16;

/// Tensors by name, in the order they were inserted.
#[derive(Debug, Clone, Default)]
pub struct NamedTensors {
    tensors: Vec<(String, Tensor)>,
    /// The position of each name, if there are more than a few.
    positions: HashMap<String, usize>,
}

impl NamedTensors {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `tensor` under `name`, replacing any tensor of that name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        let name = name.into();
        match self.position(&name) {
            Some(position) => self.tensors[position].1 = tensor,
            None => self.push(name, tensor),
        }
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.position(name).map(|position| &self.tensors[position].1)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The name and the tensor at a position, if there is one.
    pub(crate) fn at(&self, position: usize) -> Option<(&str, &Tensor)> {
        self.tensors.get(position).map(|(name, tensor)| (name.as_str(), tensor))
    }

    fn position(&self, name: &str) -> Option<usize> {
        if self.tensors.len() > FEW {
            return self.positions.get(name).copied();
        }
        self.tensors.iter().position(|(known, _)| known == name)
    }

    /// Adds a tensor whose name is new.
    fn push(&mut self, name: String, tensor: Tensor) {
        self.tensors.push((name, tensor));
        if self.tensors.len() > FEW {
            let unlisted = self.tensors.iter().enumerate().skip(self.positions.len());
            self.positions.extend(unlisted.map(|(position, (name, _))| (name.clone(), position)));
        }
    }
}

impl PartialEq for NamedTensors {
    fn eq(&self, other: &Self) -> bool {
        self.tensors == other.tensors
    }
}

impl IntoIterator for NamedTensors {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;

    fn into_iter(self) -> Self::IntoIter {
        self.tensors.into_iter()
    }
}

impl<Name: Into<String>> FromIterator<(Name, Tensor)> for NamedTensors {
    fn from_iter<I: IntoIterator<Item = (Name, Tensor)>>(pairs: I) -> Self {
        let mut tensors = NamedTensors::new();
        for (name, tensor) in pairs {
            tensors.insert(name, tensor);
        }
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: usize) -> Tensor {
        Tensor::i32(&[], vec![value as i32]).expect("a tensor")
    }

    /// Few names are compared and many are hashed. Comparing each of 200 000 names with all others would take minutes.
    #[test]
    fn few_and_many_names_are_found_and_keep_their_order() {
        for count in [FEW, FEW + 1, 200_000] {
            let mut tensors: NamedTensors = (0..count).map(|index| (index.to_string(), number(index))).collect();
            tensors.insert("3", number(7));
            assert_eq!((tensors.len(), tensors.get("3")), (count, Some(&number(7))));
            assert_eq!(tensors.get("no such name"), None);
            assert!(tensors.names().enumerate().all(|(index, name)| name == index.to_string()), "{count}");
            assert!((4..count).all(|index| tensors.get(&index.to_string()) == Some(&number(index))), "{count}");
        }
    }
}
