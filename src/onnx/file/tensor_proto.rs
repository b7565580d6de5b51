//! `TensorProto`: a tensor as a file stores it, in one of eight ways. Its values are read elsewhere (`values`).

use super::reader::Reader;
use super::scalars::Scalars;
use crate::error::{Error, Result};

/// The most dimensions of a tensor.
pub(super) const MOST_DIMS: usize = 8;

/// A stored tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorProto<'f> {
    /// The dimensions, none for a scalar; not yet checked to be positive.
    pub dims: Vec<i64>,
    /// The type of the elements as a number; see [`ElementType`](super::ElementType).
    pub data_type: i32,
    /// The name of an initializer; others may have none.
    pub name: &'f str,
    /// Where the elements are.
    pub storage: Storage<'f>,
}

/// How the elements of a tensor are stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage<'f> {
    /// As they lie in memory, little-endian; a boolean is a byte.
    Raw(&'f [u8]),
    /// float32.
    Floats(Scalars<'f, f32>),
    /// int32 and all narrower integers, booleans, and the bit patterns of half-precision floats.
    Ints32(Scalars<'f, i32>),
    /// int64.
    Ints64(Scalars<'f, i64>),
    /// float64.
    Doubles(Scalars<'f, f64>),
    /// uint32 and uint64.
    Uints64(Scalars<'f, u64>),
    /// This many strings, which no tensor here can hold.
    Strings(usize),
    /// In another file.
    External(External<'f>),
    /// Nowhere: only a tensor without elements is complete.
    None,
}

/// Where the elements of a tensor are in another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External<'f> {
    /// The name of the file, as the model states it; not yet checked.
    pub location: &'f str,
    /// The first byte.
    pub offset: u64,
    /// The number of bytes; `None`: up to the end of the file.
    pub length: Option<u64>,
}

/// An error about the number of dimensions.
pub(super) fn too_many_dims(count: usize) -> Error {
    Error::limit(format!("a shape exceeds the limit of {MOST_DIMS} dimensions"))
        .cause(format!("it has {count}"))
        .hint("join dimensions by a Reshape in the model")
}

impl<'f> TensorProto<'f> {
    pub(super) fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let (mut data_type, mut name, mut raw, mut location) = (0, "", None, 0);
        // Which of the repeated fields occur, by number.
        let mut occurs = [false; 16];
        while let Some(field) = reader.next()? {
            if let Some(occurs) = occurs.get_mut(field.number as usize) {
                *occurs = true;
            }
            match field.number {
                2 => data_type = reader.int32(&field, "data_type")?,
                3 => return Err(reader.error(&field, "the tensor is a segment of another", "no exporter writes this")),
                8 => name = reader.string(&field, "name")?,
                9 => raw = Some(reader.bytes(&field, "raw_data")?),
                14 => location = reader.int32(&field, "data_location")?,
                _ => {}
            }
        }
        let dims: Scalars<'_, i64> = reader.scalars(1, "dims")?;
        if dims.len() > MOST_DIMS {
            return reader.located(Err(too_many_dims(dims.len()).at(label(name))));
        }
        let storage = Self::read_storage(&reader, raw, &occurs, location == 1);
        let storage = storage.map_err(|error| error.at(label(name)))?;
        Ok(TensorProto { dims: reader.numbers(1, "dims")?, data_type, name, storage })
    }

    fn read_storage(
        reader: &Reader<'f, '_>,
        raw: Option<&'f [u8]>,
        occurs: &[bool; 16],
        is_external: bool,
    ) -> Result<Storage<'f>> {
        let mut found: Vec<(&str, Storage<'f>)> = Vec::new();
        // Writers that know no absence leave empty bytes beside the real storage.
        if let Some(bytes) = raw.filter(|bytes| !bytes.is_empty()) {
            found.push(("raw_data", Storage::Raw(bytes)));
        }
        for (number, name) in STORAGES.into_iter().filter(|(number, _)| occurs[*number as usize]) {
            let storage = match number {
                4 => Storage::Floats(reader.scalars(number, name)?),
                5 => Storage::Ints32(reader.scalars(number, name)?),
                7 => Storage::Ints64(reader.scalars(number, name)?),
                10 => Storage::Doubles(reader.scalars(number, name)?),
                11 => Storage::Uints64(reader.scalars(number, name)?),
                6 => Storage::Strings(reader.count([number])?[0]),
                _ => Storage::External(External::read(reader)?),
            };
            if !storage.is_empty() {
                found.push((name, storage));
            }
        }
        let external = matches!(found.as_slice(), [(_, Storage::External(_))]);
        let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        let error = |what: &str, cause: String| {
            let error = Error::weights(what).cause(cause);
            reader.located(Err(error.hint("export the model again")))
        };
        if names.len() > 1 {
            return error("the tensor is stored more than once", format!("it has {}", names.join(" and ")));
        }
        if external != is_external {
            let cause = "`data_location` and `external_data` do not agree on whether it is in another file";
            return error("it is not clear where the tensor is stored", cause.into());
        }
        let storage = found.pop().map(|(_, storage)| storage);
        Ok(storage.unwrap_or_else(|| raw.map_or(Storage::None, Storage::Raw)))
    }
}

/// The storages beside raw bytes: the number and the name of each field.
const STORAGES: [(u32, &str); 7] = [
    (4, "float_data"),
    (5, "int32_data"),
    (6, "string_data"),
    (7, "int64_data"),
    (10, "double_data"),
    (11, "uint64_data"),
    (13, "external_data"),
];

/// How errors call a stored tensor.
pub(super) fn label(name: &str) -> String {
    if name.is_empty() { "a tensor without a name".into() } else { format!("initializer `{name}`") }
}

impl Storage<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Storage::Raw(bytes) => bytes.is_empty(),
            Storage::Floats(values) => values.is_empty(),
            Storage::Ints32(values) => values.is_empty(),
            Storage::Ints64(values) => values.is_empty(),
            Storage::Doubles(values) => values.is_empty(),
            Storage::Uints64(values) => values.is_empty(),
            Storage::Strings(count) => *count == 0,
            Storage::External(_) => false,
            Storage::None => true,
        }
    }
}

impl<'f> External<'f> {
    /// From the entries of the tensor. Keys that are not known, such as the checksum that nobody verifies, have no effect.
    fn read(tensor: &Reader<'f, '_>) -> Result<Self> {
        let mut external = External { location: "", offset: 0, length: None };
        let mut fields = tensor.restarted();
        let mut index = 0;
        while let Some(field) = fields.next()? {
            if field.number != 13 {
                continue;
            }
            let mut entry = tensor.message(&field, "external_data", Some(index))?;
            index += 1;
            let (mut key, mut value) = ("", "");
            while let Some(field) = entry.next()? {
                match field.number {
                    1 => key = entry.string(&field, "key")?,
                    2 => value = entry.string(&field, "value")?,
                    _ => {}
                }
            }
            let number = || {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse::<u64>().ok().filter(|_| digits);
                number.ok_or_else(|| {
                    entry.error(&field, format!("`{key}` is not a number of bytes"), format!("it is {value:?}"))
                })
            };
            match key {
                "location" => external.location = value,
                "offset" => external.offset = number()?,
                "length" => external.length = Some(number()?),
                _ => {}
            }
        }
        Ok(external)
    }
}
