//! Reads the fields of one message, and says where in the file and in the model an error is.

use super::budget::Budget;
use super::scalars::{Scalar, Scalars};
use super::wire::{Cursor, Fault, Field, WireType};
use crate::error::{Error, Result};

/// The most messages that may be nested in each other. A graph in a graph is three: its node, attribute and itself.
const MOST_LEVELS: usize = 32;

/// The most bytes of a name.
const MOST_NAME_BYTES: usize = 64 << 10;

const DAMAGED: &str = "the file is damaged or was cut off; copy or export it again";

/// Where a message is: in which field of which message.
#[derive(Debug, Clone, Copy)]
struct Place<'p> {
    outer: Option<&'p Place<'p>>,
    name: &'static str,
    index: Option<usize>,
    level: usize,
}

impl Place<'_> {
    /// As `graph.node[12].attribute[0]`; nothing for the file itself.
    fn path(&self) -> String {
        let mut path = self.outer.map(Place::path).unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(self.name);
        if let Some(index) = self.index {
            path.push_str(&format!("[{index}]"));
        }
        path
    }
}

/// The fields of a message.
#[derive(Debug)]
pub(super) struct Reader<'f, 'p> {
    fields: Cursor<'f>,
    /// The whole message.
    message: Cursor<'f>,
    place: Place<'p>,
    budget: &'p Budget,
}

impl<'f, 'p> Reader<'f, 'p> {
    /// Reads a whole file.
    pub(super) fn new(file: &'f [u8], budget: &'p Budget) -> Self {
        let place = Place { outer: None, name: "", index: None, level: 1 };
        Reader { fields: Cursor::new(file), message: Cursor::new(file), place, budget }
    }

    /// The next field; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Field<'f>>> {
        let field = self.fields.field();
        field.map_err(|fault| self.fault(fault))
    }

    /// The same message from its first field on.
    pub(super) fn restarted(&self) -> Reader<'f, 'p> {
        Reader { fields: self.message, ..*self }
    }

    /// How often the fields with these numbers occur.
    pub(super) fn count<const N: usize>(&self, numbers: [u32; N]) -> Result<[usize; N]> {
        let (mut fields, mut counts) = (self.message, [0; N]);
        while let Some(field) = fields.field().map_err(|fault| self.fault(fault))? {
            for (number, count) in numbers.iter().zip(&mut counts) {
                *count += usize::from(field.number == *number);
            }
        }
        Ok(counts)
    }

    /// An empty list with room for `count` items, which must be present in the file.
    pub(super) fn list<T>(&self, count: usize) -> Result<Vec<T>> {
        self.located(self.budget.list(count))
    }

    /// Counts nodes against the limit.
    pub(super) fn count_nodes(&self, count: usize) -> Result<()> {
        self.located(self.budget.count_nodes(count))
    }

    /// The message in a field. `index` is its position in a repeated field.
    pub(super) fn message<'c>(
        &'c self,
        field: &Field<'f>,
        name: &'static str,
        index: Option<usize>,
    ) -> Result<Reader<'f, 'c>> {
        let place = Place { outer: Some(&self.place), name, index, level: self.place.level + 1 };
        let content = self.content(field, name, WireType::Bytes)?;
        let reader = Reader { fields: content, message: content, place, budget: self.budget };
        if place.level > MOST_LEVELS {
            let error = Error::limit(format!("messages exceed the limit of {MOST_LEVELS} nested in each other"));
            let error = error.cause("graphs in graphs need three levels each");
            return Err(error.hint("export the model with fewer nested branches and loops").at(reader.at(field.at)));
        }
        Ok(reader)
    }

    /// The message in a field that occurs once. Two would have to be merged, which no writer of models relies on.
    pub(super) fn only_message<'c, T>(
        &'c self,
        known: &Option<T>,
        field: &Field<'f>,
        name: &'static str,
    ) -> Result<Reader<'f, 'c>> {
        if known.is_some() {
            return Err(self.error(field, format!("`{name}` is given twice"), "one is allowed"));
        }
        self.message(field, name, None)
    }

    /// The bytes in a field.
    pub(super) fn bytes(&self, field: &Field<'f>, name: &str) -> Result<&'f [u8]> {
        Ok(self.content(field, name, WireType::Bytes)?.rest())
    }

    /// The name in a field.
    pub(super) fn string(&self, field: &Field<'f>, name: &str) -> Result<&'f str> {
        let bytes = self.bytes(field, name)?;
        if bytes.len() > MOST_NAME_BYTES {
            let what = format!("`{name}` exceeds the limit of {MOST_NAME_BYTES} bytes");
            let error = Error::limit(what).cause(format!("it has {} bytes", bytes.len()));
            return Err(error.hint("give it a shorter name").at(self.at(field.at)));
        }
        std::str::from_utf8(bytes).map_err(|cause| {
            let error = Error::format(format!("`{name}` is not UTF-8")).because(cause);
            error.hint("the file is damaged, or its exporter wrote a name in another encoding").at(self.at(field.at))
        })
    }

    /// The number in a field.
    pub(super) fn int(&self, field: &Field<'f>, name: &str) -> Result<i64> {
        self.scalar(field, name)
    }

    /// The low 32 bits of the number in a field.
    pub(super) fn int32(&self, field: &Field<'f>, name: &str) -> Result<i32> {
        self.scalar(field, name)
    }

    /// The float in a field.
    pub(super) fn float(&self, field: &Field<'f>, name: &str) -> Result<f32> {
        self.scalar(field, name)
    }

    fn scalar<T: Scalar>(&self, field: &Field<'f>, name: &str) -> Result<T> {
        let mut content = self.content(field, name, T::WIRE_TYPE)?;
        T::take(&mut content).map_err(|fault| self.fault(fault))
    }

    /// The numbers of a repeated field.
    pub(super) fn scalars<T: Scalar>(&self, number: u32, name: &str) -> Result<Scalars<'f, T>> {
        let scalars = Scalars::of(self.message, number).map_err(|fault| self.fault(fault))?;
        scalars.map_err(|field| self.wrong_type(&field, name, T::WIRE_TYPE))
    }

    /// A list of numbers in memory.
    pub(super) fn numbers<T: Scalar>(&self, number: u32, name: &str) -> Result<Vec<T>> {
        let scalars = self.scalars(number, name)?;
        let mut list = self.list(scalars.len())?;
        list.extend(scalars.iter());
        Ok(list)
    }

    fn content(&self, field: &Field<'f>, name: &str, wanted: WireType) -> Result<Cursor<'f>> {
        if field.wire_type == wanted { Ok(field.content) } else { Err(self.wrong_type(field, name, wanted)) }
    }

    fn wrong_type(&self, field: &Field<'f>, name: &str, wanted: WireType) -> Error {
        let words = |wire_type| match wire_type {
            WireType::Varint => "a number",
            WireType::Fixed64 => "eight bytes",
            WireType::Bytes => "a length and bytes",
            WireType::Group => "a group",
            WireType::Fixed32 => "four bytes",
        };
        let cause = format!("`{name}` is {}, and should be {}", words(field.wire_type), words(wanted));
        self.error(field, "the message is not encoded as ONNX says", cause)
    }

    fn fault(&self, fault: Fault) -> Error {
        let error = Error::format("the message cannot be read").because(fault.kind);
        error.hint(DAMAGED).at(self.at(fault.at))
    }

    /// An error about a field.
    pub(super) fn error(&self, field: &Field<'f>, what: impl Into<String>, cause: impl Into<String>) -> Error {
        Error::format(what).cause(cause).hint(DAMAGED).at(self.at(field.at))
    }

    /// Adds the place of the message.
    pub(super) fn located<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.at(self.at(self.message.at())))
    }

    fn at(&self, offset: usize) -> String {
        let path = self.place.path();
        if path.is_empty() { format!("byte {offset}") } else { format!("{path} (byte {offset})") }
    }
}
