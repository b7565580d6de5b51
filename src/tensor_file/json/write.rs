//! Writes JSON.

use crate::error::{Error, Result};
use crate::tensor::{Data, NamedTensors, Tensor};
use std::fmt::Write;

/// Encodes `tensors`, one row of the leading dimension per line.
pub(in crate::tensor_file) fn write(tensors: &NamedTensors) -> Result<Vec<u8>> {
    let mut text = String::from("{");
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        expect_sayable(tensor).map_err(|error| error.at(format!("tensor `{name}`")))?;
        let values: Vec<String> = match tensor.data() {
            // The shortest decimal that reads back as the same float. It always has a point or an exponent.
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
