//! The options of a TensorFlow function in the terms of Keras 3.

use super::table::Function;
use crate::error::{Error, Result};
use crate::tfjs::json::show;
use serde_json::{Map, Value};

/// Arguments that have no say.
const WITHOUT_EFFECT: &[&str] = &["name", "validate_indices", "conjugate", "a_is_sparse", "b_is_sparse"];

/// The options by the names of Keras 3, in its terms; an error for those that the operation does not have.
pub(super) fn of_keras_3(function: &Function, given: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut options = Map::new();
    for (name, value) in given {
        let known = function.options.iter().find(|(known, _)| *known == name);
        match known {
            Some((_, keras)) => {
                options.insert((*keras).into(), value);
            }
            None if matches!(value, Value::Null | Value::Bool(false)) || WITHOUT_EFFECT.contains(&name.as_str()) => {}
            None => {
                return Err(Error::unsupported(format!("its argument `{name}` = {} is not supported", show(&value))));
            }
        }
    }
    default_axis(function.operation, &mut options);
    match function.operation {
        "Gelu" => {
            options.entry("approximate").or_insert(false.into());
        }
        // The least square of the length, not the least length.
        "Normalize" => {
            let floor = options.get("epsilon").and_then(Value::as_f64).unwrap_or(1e-12);
            options.insert("epsilon".into(), floor.sqrt().into());
        }
        "Split" => ends_of_sizes(&mut options)?,
        "Pad" => {
            let mode = options.get("mode").and_then(Value::as_str).unwrap_or("constant").to_ascii_lowercase();
            options.insert("mode".into(), mode.into());
        }
        // The norm of a matrix too, if it has one axis or two and no order.
        "Norm" | "NormalizeAndNorm" if options.get("ord").is_some_and(|order| order == "euclidean") => {
            options.remove("ord");
        }
        "Bincount" if options.get("axis").and_then(Value::as_i64) != Some(-1) => {
            return Err(Error::unsupported("counts over the batch too, which is not supported")
                .hint("give it axis=-1, build the model again and convert it"));
        }
        _ => {}
    }
    Ok(options)
}

/// What TensorFlow means where no axis is given.
fn default_axis(operation: &str, options: &mut Map<String, Value>) {
    let axis: Value = match operation {
        "Argmax" | "Argmin" | "Cumsum" | "Cumprod" | "CumulativeLogsumexp" | "Stack" | "Unstack" | "Split" => 0.into(),
        "Normalize" | "NormalizeAndNorm" => Value::Null,
        _ => return,
    };
    options.entry("axis").or_insert(axis);
}

/// Sizes of parts, not where parts end; the last part ends where the dimension does.
fn ends_of_sizes(options: &mut Map<String, Value>) -> Result<()> {
    let Some(Value::Array(sizes)) = options.get("indices_or_sections") else { return Ok(()) };
    let mut end = 0u64;
    let ends = sizes[..sizes.len().saturating_sub(1)].iter().map(|size| {
        end = end.checked_add(size.as_u64()?)?;
        Some(Value::from(end))
    });
    let ends = ends.collect::<Option<Value>>();
    let is_size = |size: &Value| size.is_u64() || size.as_i64() == Some(-1);
    let ends = ends.filter(|_| sizes.last().is_some_and(is_size));
    let ends = ends.ok_or_else(|| Error::unsupported("splits into parts of sizes that are not given"))?;
    options.insert("indices_or_sections".into(), ends);
    Ok(())
}
