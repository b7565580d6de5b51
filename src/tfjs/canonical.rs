//! JSON in the canonical form of RFC 8785, in which equal values have equal texts. It is hashed, and never read.

use crate::digest::{Digest, Hasher};
use serde_json::{Number, Value};
use std::io::{BufWriter, Result, Write};

/// The SHA-256 of the canonical form.
pub(super) fn digest(value: &Value) -> Digest {
    let mut out = BufWriter::new(Hasher::default());
    // Neither a hasher nor its buffer in memory ever fails.
    let _ = write(&mut out, value);
    out.into_inner().map(Hasher::finish).unwrap_or_else(|_| Digest::of(&[]))
}

/// The canonical form.
pub(super) fn text(value: &Value) -> String {
    let mut out = Vec::new();
    let _ = write(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

/// The parser bounds how deep a value is.
fn write(out: &mut impl Write, value: &Value) -> Result<()> {
    match value {
        Value::Null => out.write_all(b"null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Number(number) => out.write_all(number_text(number).as_bytes()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.write_all(b"[")?;
            for (at, item) in items.iter().enumerate() {
                out.write_all(if at == 0 { b"" } else { b"," })?;
                write(out, item)?;
            }
            out.write_all(b"]")
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.write_all(b"{")?;
            for (at, (name, value)) in members.into_iter().enumerate() {
                out.write_all(if at == 0 { b"" } else { b"," })?;
                write_string(out, name)?;
                out.write_all(b":")?;
                write(out, value)?;
            }
            out.write_all(b"}")
        }
    }
}

/// serde_json escapes what RFC 8785 escapes, and in the same way.
fn write_string(out: &mut impl Write, text: &str) -> Result<()> {
    serde_json::to_writer(out, text).map_err(Into::into)
}

/// As JavaScript writes it (`Number.prototype.toString`), which has only f64.
fn number_text(number: &Number) -> String {
    let value = number.as_f64().unwrap_or_default();
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    // Where the point stands, counted from before the first digit.
    let point = exponent.parse::<i32>().unwrap_or_default() + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let text = match point {
        _ if count <= point && point <= 21 => format!("{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, rest) = digits.split_at(point as usize);
            format!("{whole}.{rest}")
        }
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
            format!("{first}{rest}e{:+}", point - 1)
        }
    };
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What JavaScript makes of each: `JSON.stringify(JSON.parse(text))`.
    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (json, expected) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1", "1"),
            ("1.0", "1"),
            ("-17.50", "-17.5"),
            ("0.001", "0.001"),
            ("1e-6", "0.000001"),
            ("1e-7", "1e-7"),
            ("-1.25e-9", "-1.25e-9"),
            ("123456789012345680000", "123456789012345680000"),
            ("1e21", "1e+21"),
            ("1.5e300", "1.5e+300"),
            ("9007199254740993", "9007199254740992"),
            ("333333333.33333329", "333333333.3333333"),
            ("5e-324", "5e-324"),
        ] {
            let value: Value = serde_json::from_str(json).expect(json);
            assert_eq!(text(&value), expected, "{json}");
        }
    }

    #[test]
    fn members_are_sorted_and_nothing_stands_between_them() {
        // U+FB33 sorts behind U+1F600 in UTF-16, and before it by code points.
        let json = r#" { "b" : [ 1, true, null ] , "a\n" : "\u0007\"é/", "\ufb33": {}, "😀": [] } "#;
        let value: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(text(&value), "{\"a\\n\":\"\\u0007\\\"é/\",\"b\":[1,true,null],\"😀\":[],\"\u{fb33}\":{}}");
        assert_eq!(digest(&value), Digest::of(text(&value).as_bytes()));
    }
}
