//! The elements of one tensor while its JSON is parsed.

use super::super::limits::Budget;
use crate::error::{Error, Result};
use crate::tensor::{Data, Tensor};
use std::fmt;

pub(super) const FORM: &str = r#"the form is {"input": [[1, 2], [3, 4]]}"#;
pub(super) const EMPTY: &str = "JSON cannot say the shape of an empty batch; use .safetensors or .npz";

/// One tensor while it is read.
pub(super) struct Gathered<'b> {
    pub(super) name: String,
    budget: &'b mut Budget,
    /// The error, if a limit was exceeded.
    pub(super) beyond: Option<Error>,
    /// The indices of the element being read.
    pub(super) place: Vec<usize>,
    /// The length of the arrays at each depth; `None` until one is complete.
    lengths: Vec<Option<usize>>,
    /// The depth of the numbers or booleans; `None` before the first one.
    rank: Option<usize>,
    elements: Elements,
    /// Whether a number has a point or an exponent.
    pub(super) has_float: bool,
    /// The error message for the first integer outside int32.
    outside_int32: Option<String>,
    /// The hint for an error.
    pub(super) hint: &'static str,
}

/// The elements so far, in the representation that the tensor will have.
enum Elements {
    /// All fit int32.
    Integers(Vec<i32>),
    Floats(Vec<f32>),
    Booleans(Vec<bool>),
}

impl Elements {
    /// Adds an integer that fits int32.
    pub(super) fn push_integer(&mut self, value: i32) {
        match self {
            Elements::Integers(values) => values.push(value),
            _ => self.push_float(f64::from(value)),
        }
    }

    pub(super) fn push_float(&mut self, value: f64) {
        if let Elements::Integers(values) = self {
            *self = Elements::Floats(std::mem::take(values).into_iter().map(|value| value as f32).collect());
        }
        if let Elements::Floats(values) = self {
            values.push(value as f32);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Elements::Integers(values) if values.is_empty())
    }
}

impl<'b> Gathered<'b> {
    pub(super) fn new(name: String, budget: &'b mut Budget) -> Self {
        Gathered {
            name,
            budget,
            beyond: None,
            place: Vec::new(),
            lengths: Vec::new(),
            rank: None,
            elements: Elements::Integers(Vec::new()),
            has_float: false,
            outside_int32: None,
            hint: FORM,
        }
    }

    /// Charges an element to the budget. Fails if the limit is exceeded.
    pub(super) fn make_room(&mut self, bytes: u64) -> Result<(), String> {
        self.budget.take_bytes(bytes).map_err(|error| {
            let error = error.at(format!("`{}`", self.name));
            let message = error.to_string();
            self.beyond = Some(error);
            message
        })
    }

    /// `message`, prefixed with the element it is about.
    pub(super) fn here(&self, message: impl fmt::Display) -> String {
        let place: String = self.place.iter().map(|index| format!("[{index}]")).collect();
        format!("`{}{place}` {message}", self.name)
    }

    pub(super) fn begin_element(&mut self) -> Result<(), String> {
        match self.rank.replace(self.place.len()) {
            Some(rank) if rank != self.place.len() => Err(self.here("stands where an array should stand")),
            _ => Ok(()),
        }
    }

    /// Checks the position, the type and the budget before a number is added.
    pub(super) fn begin_number(&mut self) -> Result<(), String> {
        self.begin_element()?;
        if matches!(self.elements, Elements::Booleans(_)) {
            return Err(self.here("is a number among booleans"));
        }
        self.make_room(4)
    }

    pub(super) fn number(&mut self, value: f64) -> Result<(), String> {
        self.begin_number()?;
        if (value as f32).is_infinite() {
            return Err(self.here(format!("is {value:e}, which does not fit float32")));
        }
        self.elements.push_float(value);
        Ok(())
    }

    pub(super) fn integer(&mut self, value: i128) -> Result<(), String> {
        if let Ok(value) = i32::try_from(value) {
            self.begin_number()?;
            self.elements.push_integer(value);
            return Ok(());
        }
        if self.outside_int32.is_none() {
            let message = format!("is {value}, which does not fit int32 (write {value}.0 for a float)");
            self.outside_int32 = Some(self.here(message));
        }
        self.number(value as f64)
    }

    pub(super) fn boolean(&mut self, value: bool) -> Result<(), String> {
        self.begin_element()?;
        self.make_room(1)?;
        if self.elements.is_empty() {
            self.elements = Elements::Booleans(Vec::new());
        }
        match &mut self.elements {
            Elements::Booleans(values) => values.push(value),
            Elements::Integers(_) | Elements::Floats(_) => return Err(self.here("is a boolean among numbers")),
        }
        Ok(())
    }

    pub(super) fn begin_array(&mut self) -> Result<(), String> {
        let depth = self.place.len();
        if self.rank.is_some_and(|rank| depth >= rank) {
            return Err(self.here("is an array where a single value should stand"));
        }
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        Ok(())
    }

    pub(super) fn end_array(&mut self, length: usize) -> Result<(), String> {
        match self.lengths[self.place.len()].replace(length) {
            _ if length == 0 => {
                self.hint = EMPTY;
                Err(self.here("is an empty array"))
            }
            Some(other) if other != length => {
                Err(self.here(format!("has {length} elements, but the arrays before it have {other}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn into_tensor(self) -> Result<Tensor> {
        let data = match (self.elements, self.outside_int32) {
            (Elements::Booleans(values), _) => Data::Bool(values),
            (_, Some(message)) if !self.has_float => return Err(Error::format(message)),
            (Elements::Floats(values), _) => Data::F32(values),
            (Elements::Integers(values), _) => Data::I32(values),
        };
        let shape: Vec<usize> = self.lengths.into_iter().flatten().collect();
        Tensor::new(&shape, data)
    }
}
