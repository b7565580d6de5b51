//! Tensors as text for people and as JSON for programs.

use serde_json::Value;
use std::io::{self, Write};
use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::tensor::Data;

/// The maximum number of elements shown of an array before its middle is elided: rows, or numbers in a row.
const SHOWN: usize = 8;

/// The same for nested arrays within a row, whose counts multiply.
const SHOWN_NESTED: usize = 3;

/// One element as text. A float has the shortest digits that read back as the same float.
pub(crate) fn text(tensor: &Tensor, index: usize) -> String {
    match tensor.data() {
        Data::F32(values) => format!("{:?}", values[index]),
        Data::I32(values) => values[index].to_string(),
        Data::Bool(values) => values[index].to_string(),
    }
}

/// One element as JSON. NaN and infinities are the strings `NaN`, `Infinity` and `-Infinity`.
pub(crate) fn json(tensor: &Tensor, index: usize) -> Value {
    match tensor.data() {
        Data::F32(values) => float_json(values[index]),
        Data::I32(values) => values[index].into(),
        Data::Bool(values) => values[index].into(),
    }
}

pub(crate) fn float_json(value: f32) -> Value {
    // Through the shortest decimal: converted directly, 0.1 would be 0.10000000149011612.
    format!("{value:?}").parse().map_or(Value::Null, double_json)
}

pub(crate) fn double_json(value: f64) -> Value {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    value.into()
}

/// All elements as nested arrays.
pub(crate) fn nested_json(tensor: &Tensor) -> Value {
    nest(tensor, tensor.shape(), 0)
}

fn nest(tensor: &Tensor, shape: &[usize], start: usize) -> Value {
    match shape.split_first() {
        None => json(tensor, start),
        Some((&length, inner)) => {
            let stride: usize = inner.iter().product();
            (0..length).map(|index| nest(tensor, inner, start + index * stride)).collect()
        }
    }
}

/// Writes `name: float32[2, 3]`, followed by one line per row. The middle of a long array is elided as `…`.
pub(crate) fn write_readable(out: &mut impl Write, name: &str, tensor: &Tensor) -> io::Result<()> {
    writeln!(out, "{}: {}{:?}", crate::message::printable(name), tensor.dtype(), tensor.shape())?;
    let Some((&rows, inner)) = tensor.shape().split_first() else {
        return writeln!(out, "  {}", text(tensor, 0));
    };
    let stride: usize = inner.iter().product();
    let digits = rows.saturating_sub(1).to_string().len();
    let limit = if inner.len() > 1 { SHOWN_NESTED } else { SHOWN };
    let mut last = None;
    for row in shown(rows, SHOWN) {
        if last.is_some_and(|last| last + 1 != row) {
            writeln!(out, "  {:>digits$}", "…")?;
        }
        writeln!(out, "  {row:>digits$}  {}", elided(tensor, inner, row * stride, limit))?;
        last = Some(row);
    }
    Ok(())
}

fn elided(tensor: &Tensor, shape: &[usize], start: usize, limit: usize) -> String {
    let Some((&length, inner)) = shape.split_first() else {
        return text(tensor, start);
    };
    let stride: usize = inner.iter().product();
    let mut parts = Vec::new();
    let mut last = None;
    for index in shown(length, limit) {
        if last.is_some_and(|last| last + 1 != index) {
            parts.push("…".to_string());
        }
        parts.push(elided(tensor, inner, start + index * stride, limit));
        last = Some(index);
    }
    format!("[{}]", parts.join(", "))
}

/// The indices that are shown of an array of `length` elements. A single element is never elided, because `…` takes as
/// much space.
fn shown(length: usize, limit: usize) -> impl Iterator<Item = usize> {
    let at_the_end = (limit / 4).max(1);
    let (head, tail) = if length <= limit + 1 { (length, length) } else { (limit - at_the_end, length - at_the_end) };
    (0..head).chain(tail..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(tensor: &Tensor) -> String {
        let mut out = Vec::new();
        write_readable(&mut out, "y", tensor).expect("write");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn long_arrays_are_elided_in_both_directions() {
        let short = Tensor::i32(&[2, 3], vec![1, 2, 3, 4, 5, 6]).expect("tensor");
        assert_eq!(readable(&short), "y: int32[2, 3]\n  0  [1, 2, 3]\n  1  [4, 5, 6]\n");
        let long = Tensor::i32(&[1, 20], (0..20).collect()).expect("tensor");
        assert_eq!(readable(&long), "y: int32[1, 20]\n  0  [0, 1, 2, 3, 4, 5, …, 18, 19]\n");
        let tall = Tensor::bool(&[12], vec![true; 12]).expect("tensor");
        assert_eq!(readable(&tall).lines().count(), 1 + 6 + 1 + 2);
        let deep = Tensor::i32(&[1, 6, 2], (0..12).collect()).expect("tensor");
        assert_eq!(readable(&deep), "y: int32[1, 6, 2]\n  0  [[0, 1], [2, 3], …, [10, 11]]\n");
        assert_eq!(readable(&Tensor::f32(&[0, 3], vec![]).expect("tensor")), "y: float32[0, 3]\n");
        assert_eq!(readable(&Tensor::f32(&[], vec![1e-9]).expect("tensor")), "y: float32[]\n  1e-9\n");
    }

    #[test]
    fn json_floats_are_short_and_always_valid() {
        let tensor = Tensor::f32(&[2, 2], vec![0.1, 1e-20, f32::NAN, f32::NEG_INFINITY]).expect("tensor");
        assert_eq!(nested_json(&tensor).to_string(), r#"[[0.1,1e-20],["NaN","-Infinity"]]"#);
    }
}
