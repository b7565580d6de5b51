//! JSON: `{"name": nested arrays}`, the form to write by hand.
//!
//! The nesting must be a dense array of one kind of value. Text becomes tensors without a tree between: an error can
//! say at which element it happened.

use crate::error::{Error, Result};
use crate::tensor::{Data, NamedTensors, Tensor};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::fmt::{self, Write};

/// The tensors in `bytes`, in their order.
pub(super) fn read(bytes: &[u8]) -> Result<NamedTensors> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let tensors = deserializer.deserialize_map(Tensors);
    tensors.and_then(|tensors| deserializer.end().map(|()| tensors)).map_err(|error| refused(&error))
}

fn refused(error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return Error::format("is not JSON").cause(error.to_string());
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let error = Error::format(text.strip_suffix(&place).unwrap_or(&text));
    error.cause(format!("found{place}")).hint(r#"the form is {"input": [[1, 2], [3, 4]]}"#)
}

/// The whole file.
struct Tensors;

impl<'de> Visitor<'de> for Tensors {
    type Value = NamedTensors;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedTensors, A::Error> {
        let mut tensors = NamedTensors::new();
        while let Some(name) = map.next_key::<String>()? {
            if tensors.get(&name).is_some() {
                return Err(de::Error::custom(format!("`{name}` is given twice")));
            }
            let mut gathered = Gathered { name, ..Gathered::default() };
            map.next_value_seed(Element(&mut gathered))?;
            let name = gathered.name.clone();
            tensors.insert(name, gathered.into_tensor().map_err(de::Error::custom)?);
        }
        Ok(tensors)
    }
}

/// One tensor while it is read.
#[derive(Default)]
struct Gathered {
    name: String,
    /// The indices of the element being read.
    place: Vec<usize>,
    /// The lengths of the arrays at each depth, where one is complete.
    lengths: Vec<Option<usize>>,
    /// The depth of the numbers or booleans, once there is one.
    rank: Option<usize>,
    numbers: Vec<f64>,
    booleans: Vec<bool>,
    /// Whether a number has a point or an exponent.
    has_float: bool,
    /// The first whole number outside int32, as the message about it.
    outside_int32: Option<String>,
}

impl Gathered {
    /// `message` with the element it is about.
    fn here(&self, message: impl fmt::Display) -> String {
        let place: String = self.place.iter().map(|index| format!("[{index}]")).collect();
        format!("`{}{place}` {message}", self.name)
    }

    fn begin_element(&mut self) -> Result<(), String> {
        match self.rank.replace(self.place.len()) {
            Some(rank) if rank != self.place.len() => Err(self.here("stands where an array should stand")),
            _ => Ok(()),
        }
    }

    fn number(&mut self, value: f64) -> Result<(), String> {
        self.begin_element()?;
        if !self.booleans.is_empty() {
            return Err(self.here("is a number among booleans"));
        }
        if (value as f32).is_infinite() {
            return Err(self.here(format!("is {value:e}, which does not fit float32")));
        }
        self.numbers.push(value);
        Ok(())
    }

    fn integer(&mut self, value: i128) -> Result<(), String> {
        if self.outside_int32.is_none() && i32::try_from(value).is_err() {
            let message = format!("is {value}, which does not fit int32 (write {value}.0 for a float)");
            self.outside_int32 = Some(self.here(message));
        }
        self.number(value as f64)
    }

    fn boolean(&mut self, value: bool) -> Result<(), String> {
        self.begin_element()?;
        if !self.numbers.is_empty() {
            return Err(self.here("is a boolean among numbers"));
        }
        self.booleans.push(value);
        Ok(())
    }

    fn begin_array(&mut self) -> Result<(), String> {
        let depth = self.place.len();
        if self.rank.is_some_and(|rank| depth >= rank) {
            return Err(self.here("is an array where a single value should stand"));
        }
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        Ok(())
    }

    fn end_array(&mut self, length: usize) -> Result<(), String> {
        match self.lengths[self.place.len()].replace(length) {
            _ if length == 0 => Err(self.here("is an empty array")),
            Some(other) if other != length => {
                Err(self.here(format!("has {length} elements, but the arrays before it have {other}")))
            }
            _ => Ok(()),
        }
    }

    fn into_tensor(self) -> Result<Tensor> {
        let data = if !self.booleans.is_empty() {
            Data::Bool(self.booleans)
        } else if self.has_float {
            Data::F32(self.numbers.into_iter().map(|value| value as f32).collect())
        } else if let Some(message) = self.outside_int32 {
            return Err(Error::format(message));
        } else {
            Data::I32(self.numbers.into_iter().map(|value| value as i32).collect())
        };
        let shape: Vec<usize> = self.lengths.into_iter().flatten().collect();
        Tensor::new(&shape, data)
    }
}

/// A number, a boolean, or an array of elements; added to the tensor being gathered.
struct Element<'a>(&'a mut Gathered);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, a boolean or an array")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.0.boolean(value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.0.integer(value.into()).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.0.integer(value.into()).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.0.has_float = true;
        self.0.number(value).map_err(E::custom)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Err(E::custom(self.0.here("is null, not a number")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        Err(E::custom(self.0.here(format!("is the text {value:?}, not a number"))))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(de::Error::custom(self.0.here("is an object, not a number")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let gathered = self.0;
        gathered.begin_array().map_err(de::Error::custom)?;
        let mut length = 0;
        loop {
            gathered.place.push(length);
            let element = elements.next_element_seed(Element(gathered))?;
            gathered.place.pop();
            if element.is_none() {
                break;
            }
            length += 1;
        }
        gathered.end_array(length).map_err(de::Error::custom)
    }
}

/// The file that holds `tensors`, one row of the leading dimension a line.
pub(super) fn write(tensors: &NamedTensors) -> Result<Vec<u8>> {
    let mut text = String::from("{");
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        expect_sayable(tensor).map_err(|error| error.at(format!("tensor `{name}`")))?;
        let values: Vec<String> = match tensor.data() {
            // The shortest decimals that read back as the same float; they always have a point or an exponent.
            Data::F32(values) => values.iter().map(|value| format!("{value:?}")).collect(),
            Data::I32(values) => values.iter().map(i32::to_string).collect(),
            Data::Bool(values) => values.iter().map(bool::to_string).collect(),
        };
        let separator = if index == 0 { "" } else { "," };
        let _ = write!(text, "{separator}\n{}: ", serde_json::Value::from(name));
        write_array(&mut text, tensor.shape(), &values, ",\n  ");
    }
    text.push_str("\n}\n");
    Ok(text.into_bytes())
}

fn expect_sayable(tensor: &Tensor) -> Result<()> {
    let hint = "choose a name that ends in .safetensors or .npz";
    if tensor.is_empty() {
        return Err(Error::format("has no elements, and JSON cannot say its shape").hint(hint));
    }
    if let Data::F32(values) = tensor.data()
        && let Some(value) = values.iter().find(|value| !value.is_finite())
    {
        return Err(Error::format(format!("holds {value}, which JSON cannot say")).hint(hint));
    }
    Ok(())
}

fn write_array(text: &mut String, shape: &[usize], values: &[String], separator: &str) {
    let Some((&length, inner)) = shape.split_first() else {
        text.extend(values.iter().map(String::as_str));
        return;
    };
    text.push('[');
    for (index, part) in values.chunks(values.len() / length).enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        write_array(text, inner, part, ", ");
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_x(value: &str) -> Result<Tensor> {
        let tensors = read(format!(r#"{{"x": {value}}}"#).as_bytes())?;
        Ok(tensors.get("x").expect("x").clone())
    }

    #[test]
    fn the_kind_of_number_decides_the_dtype() {
        let ints = Tensor::i32(&[2, 2], vec![1, -2, 3, 2_147_483_647]).expect("tensor");
        assert_eq!(read_x("[[1, -2], [3, 2147483647]]").expect("ints"), ints);
        assert_eq!(read_x("[1, 2.5]").expect("floats"), Tensor::f32(&[2], vec![1.0, 2.5]).expect("tensor"));
        assert_eq!(read_x("[1e2]").expect("floats"), Tensor::f32(&[1], vec![100.0]).expect("tensor"));
        assert_eq!(read_x("[3000000000, 0.5]").expect("floats").as_f32().expect("floats"), [3e9, 0.5]);
        assert_eq!(read_x("[true]").expect("booleans"), Tensor::bool(&[1], vec![true]).expect("tensor"));
        assert_eq!(read_x("7").expect("scalar"), Tensor::i32(&[], vec![7]).expect("tensor"));
    }

    #[test]
    fn errors_say_at_which_element() {
        let cases = [
            ("[[1, 2], [3, null]]", "`x[1][1]` is null, not a number"),
            ("[[1, 2], [3]]", "`x[1]` has 1 elements, but the arrays before it have 2"),
            ("[[1, 2], 3]", "`x[1]` stands where an array should stand"),
            ("[1, [2]]", "`x[1]` is an array where a single value should stand"),
            ("[]", "`x` is an empty array"),
            ("[[]]", "`x[0]` is an empty array"),
            ("[1, true]", "`x[1]` is a boolean among numbers"),
            ("[true, 1]", "`x[1]` is a number among booleans"),
            (r#"["NaN"]"#, "`x[0]` is the text \"NaN\", not a number"),
            ("{}", "`x` is an object, not a number"),
            ("[1, 2147483648]", "`x[1]` is 2147483648, which does not fit int32 (write 2147483648.0 for a float)"),
            ("[0.5, 1e39]", "`x[1]` is 1e39, which does not fit float32"),
            (r#"[1], "x": [2]"#, "`x` is given twice"),
        ];
        for (value, expected) in cases {
            let error = read_x(value).expect_err(value);
            assert_eq!(error.to_string(), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "[1]", "{\"x\": NaN}", "{\"x\": 1e999}", "{} 1", "{\"x\": [1,]}", &deep] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read_x(&deep).is_err());
        assert!(read(b"{\"x\xff\": 1}").is_err());
    }

    #[test]
    fn rows_stand_on_lines() {
        let tensors = [
            ("x", Tensor::i32(&[2, 2], vec![1, 2, 3, 4]).expect("tensor")),
            ("y \"quoted\"", Tensor::f32(&[1], vec![1e-9]).expect("tensor")),
        ];
        let text = write(&tensors.into_iter().collect()).expect("write");
        let expected = "{\n\"x\": [[1, 2],\n  [3, 4]],\n\"y \\\"quoted\\\"\": [1e-9]\n}\n";
        assert_eq!(String::from_utf8(text).expect("text"), expected);
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        let write_one = |tensor: Tensor| write(&[("x", tensor)].into_iter().collect()).expect_err("cannot be said");
        let error = write_one(Tensor::f32(&[2], vec![1.0, f32::NAN]).expect("tensor"));
        assert_eq!(error.to_string(), "tensor `x`: holds NaN, which JSON cannot say");
        let error = write_one(Tensor::f32(&[0, 4], vec![]).expect("tensor"));
        assert!(error.to_string().contains("no elements"), "{error}");
    }
}
