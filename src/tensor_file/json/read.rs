//! Reads JSON. Tensors are built while the text is parsed, without a tree, so errors name the element.

use super::super::limits::Budget;
use super::gathered::{FORM, Gathered};
use crate::error::{Error, Result};
use crate::tensor::NamedTensors;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::cell::Cell;
use std::fmt;

/// The tensors in `bytes`, in their order.
pub(in crate::tensor_file) fn read(bytes: &[u8], budget: &mut Budget) -> Result<NamedTensors> {
    // Some editors write a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let (hint, beyond) = (Cell::new(NAMES_ON_TOP), Cell::new(None));
    let tensors = deserializer.deserialize_any(Tensors { hint: &hint, budget, beyond: &beyond });
    let tensors = tensors.and_then(|tensors| deserializer.end().map(|()| tensors));
    tensors.map_err(|error| beyond.take().unwrap_or_else(|| refused(&error, bytes, hint.get())))
}

const NAMES_ON_TOP: &str = r#"the input names stand at the top level: {"user_id": [[245]], …}"#;
const NOT_A_NUMBER: &str = "JSON has no NaN; use .safetensors or .npz";
const NULL: &str = "JSON has no NaN, and JavaScript writes it as null; use .safetensors or .npz";

fn refused(error: &serde_json::Error, bytes: &[u8], hint: &str) -> Error {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    match error.classify() {
        Category::Data => {
            Error::format(text.strip_suffix(&place).unwrap_or(&text)).cause(format!("found{place}")).hint(hint)
        }
        Category::Eof => Error::format("is not JSON").cause(text).hint("it is cut short: write the file again"),
        Category::Syntax | Category::Io => {
            let says_nan = ["nan", "inf"].iter().any(|start| word_at(bytes, error).starts_with(start));
            Error::format("is not JSON").cause(text).hint(if says_nan { NOT_A_NUMBER } else { FORM })
        }
    }
}

/// The word at the position of the error, in lower case.
fn word_at(bytes: &[u8], error: &serde_json::Error) -> String {
    let line = bytes.split(|&byte| byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let (before, after) = line.split_at(error.column().saturating_sub(1).min(line.len()));
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
    let start = before.len() - before.iter().rev().take_while(is_letter).count();
    let end = before.len() + after.iter().take_while(is_letter).count();
    String::from_utf8_lossy(&line[start..end]).to_lowercase()
}

/// The whole file.
struct Tensors<'h> {
    /// The hint for an error.
    hint: &'h Cell<&'static str>,
    budget: &'h mut Budget,
    /// The error, if a limit was exceeded.
    beyond: &'h Cell<Option<Error>>,
}

impl<'de> Visitor<'de> for Tensors<'_> {
    type Value = NamedTensors;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<NamedTensors, A::Error> {
        Err(de::Error::custom("is an array, not an object of tensors by name"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedTensors, A::Error> {
        self.hint.set(FORM);
        let mut tensors = NamedTensors::new();
        while let Some(name) = map.next_key::<String>()? {
            if tensors.get(&name).is_some() {
                return Err(de::Error::custom(format!("`{name}` is given twice")));
            }
            let beyond = |error: Error| {
                let message = error.to_string();
                self.beyond.set(Some(error));
                de::Error::custom(message)
            };
            self.budget.take_name(&name).map_err(beyond)?;
            let mut gathered = Gathered::new(name, self.budget);
            map.next_value_seed(Element(&mut gathered)).inspect_err(|_| {
                self.hint.set(gathered.hint);
                self.beyond.set(gathered.beyond.take());
            })?;
            let name = gathered.name.clone();
            tensors.insert(name, gathered.into_tensor().map_err(de::Error::custom)?);
        }
        Ok(tensors)
    }
}

/// A number, a boolean, or an array of elements. It is added to the tensor being parsed.
struct Element<'a, 'b>(&'a mut Gathered<'b>);

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
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
        self.0.hint = NULL;
        Err(E::custom(self.0.here("is null, not a number")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        if value.parse::<f64>().is_ok_and(|value| !value.is_finite()) {
            self.0.hint = NOT_A_NUMBER;
        }
        Err(E::custom(self.0.here(format!("is the text {value:?}, not a number"))))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.0.hint = NAMES_ON_TOP;
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

#[cfg(test)]
mod tests {
    use super::super::gathered::EMPTY;
    use super::*;
    use crate::ErrorKind;
    use crate::tensor::Tensor;
    use crate::tensor_file::ReadLimits;

    fn read(bytes: &[u8]) -> Result<NamedTensors> {
        super::read(bytes, &mut Budget::new(ReadLimits::default()))
    }

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
    fn hints_fit_what_was_written() {
        let cases = [
            (r#"{"inputs": {"x": [[1]]}}"#, NAMES_ON_TOP),
            (r#"{"instances": [{"x": 1}]}"#, NAMES_ON_TOP),
            ("[[1, 2]]", NAMES_ON_TOP),
            ("7", NAMES_ON_TOP),
            (r#"{"x": []}"#, EMPTY),
            (r#"{"x": [null]}"#, NULL),
            (r#"{"x": ["NaN"]}"#, NOT_A_NUMBER),
            (r#"{"x": ["-Infinity"]}"#, NOT_A_NUMBER),
            (r#"{"x": ["shoes"]}"#, FORM),
            ("{\"x\": [1,\n  NaN]}", NOT_A_NUMBER),
            (r#"{"x": [nan, 1]}"#, NOT_A_NUMBER),
            (r#"{"x": [1, -Infinity]}"#, NOT_A_NUMBER),
            (r#"{"x": [1, Infinity]}"#, NOT_A_NUMBER),
            (r#"{"x": [1, inf]}"#, NOT_A_NUMBER),
            (r#"{"x": [1,]}"#, FORM),
            (r#"{"x": [1] "y": [2]}"#, FORM),
            (r#"{"x": [[1], "#, "it is cut short: write the file again"),
            ("", "it is cut short: write the file again"),
        ];
        for (text, expected) in cases {
            let error = read(text.as_bytes()).expect_err(text);
            assert_eq!(error.hint_text(), Some(expected), "{text}: {error:?}");
        }
    }

    #[test]
    fn what_expands_beyond_the_limit_is_refused() {
        let within = |text: &str, tensor_bytes| {
            super::read(text.as_bytes(), &mut Budget::new(ReadLimits { tensor_bytes, ..ReadLimits::default() }))
        };
        let many = format!(r#"{{"x": [{}0]}}"#, "0,".repeat(999));
        assert_eq!(within(&many, 4000 + 300).expect("room").len(), 1);
        let names: Vec<String> = (0..100).map(|index| format!(r#""{index}":1"#)).collect();
        let names = format!("{{{}}}", names.join(","));
        for text in [&many, &names] {
            let error = within(text, 3000).expect_err("no room");
            assert_eq!(error.kind(), ErrorKind::Limit);
            assert!(error.to_string().ends_with("the tensors take more than 3000 bytes"), "{error}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_text() {
        assert_eq!(read("\u{feff}{\"x\": [1]}".as_bytes()).expect("read").len(), 1);
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
}
