//! Tensors by name, in a fixed order: the inputs and outputs of a prediction.

use super::Tensor;

/// Tensors by name, in the order they were inserted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedTensors(Vec<(String, Tensor)>);

impl NamedTensors {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `tensor` under `name`, replacing one that is there.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = tensor,
            None => self.0.push((name, tensor)),
        }
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for NamedTensors {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
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
