//! The two files of one model, such as its TF.js and its ONNX form: do they answer the same inputs alike?
//!
//! Converters rename inputs and outputs, and change the dtype of ids. Inputs and outputs are matched by name, then by
//! name without what converters add, then by order.

use super::ranking::{RankAgreement, rank_agreement};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::session::Session;
use crate::tensor::{DType, Dim, NamedTensors, Tensor, TensorType};

/// The number of top positions that a ranking is compared at.
pub const TOP: usize = 10;

/// Why two inputs or two outputs are taken for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    /// Their names are equal.
    Name,
    /// Their names are equal without case, separators and `:0`.
    SimilarName,
    /// They are the next of those left over, and of one type.
    Order,
}

/// An input or an output of the first file, and the same of the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name in the first file.
    pub first: String,
    /// The name in the second file.
    pub second: String,
    /// Why they are taken for the same.
    pub matched_by: MatchedBy,
}

/// How an output of the second file differs from that of the first.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinOutput {
    /// The names of the output.
    pub names: Pair,
    /// The largest difference; infinite where only one of the two is a number.
    pub max_absolute: f64,
    /// The largest magnitude of the output in the first file.
    pub largest: f64,
    /// The agreement of the two rankings, if the output is one number a row, and there are several rows.
    pub ranking: Option<RankAgreement>,
}

/// How two files answer the same inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinReport {
    /// The inputs.
    pub inputs: Vec<Pair>,
    /// The outputs.
    pub outputs: Vec<TwinOutput>,
    /// The number of rows.
    pub batch: usize,
}

impl MatchedBy {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            MatchedBy::Name => "name",
            MatchedBy::SimilarName => "similar name",
            MatchedBy::Order => "order",
        }
    }
}

impl TwinOutput {
    /// The largest difference as a part of the largest magnitude.
    pub fn relative(&self) -> f64 {
        if self.max_absolute == 0.0 { 0.0 } else { self.max_absolute / self.largest }
    }
}

impl TwinReport {
    /// Whether no output differs by more than this part of its largest magnitude.
    pub fn is_within(&self, tolerance: f64) -> bool {
        self.outputs.iter().all(|output| output.relative() <= tolerance)
    }
}

/// Predicts with both sessions, the inputs being under the names of the first, and compares the answers.
///
/// # Errors
///
/// [`ErrorKind::Shape`](crate::ErrorKind::Shape) if inputs or outputs cannot be matched; those of a prediction.
pub fn twin(first: &Session, second: &Session, inputs: &NamedTensors) -> Result<TwinReport> {
    let input_pairs = pairs("input", &types(first.model().inputs()), &types(second.model().inputs()))?;
    let output_pairs = pairs("output", &types(first.model().outputs()), &types(second.model().outputs()))?;
    let renamed = renamed(inputs, &input_pairs, second.model())?;
    let (answer, other) = (first.predict(inputs)?.outputs, second.predict(&renamed)?.outputs);
    let output = |names: Pair| compared(names, &answer, &other);
    let outputs = output_pairs.into_iter().map(output).collect::<Result<Vec<_>>>()?;
    let batch = answer.iter().next().and_then(|(_, tensor)| tensor.shape().first().copied()).unwrap_or(0);
    Ok(TwinReport { inputs: input_pairs, outputs, batch })
}

type Typed = (String, TensorType);

/// Whether two inputs or outputs are the same.
type Rule = dyn Fn(&Typed, &Typed) -> bool;

fn types<'m>(items: impl Iterator<Item = (&'m str, &'m TensorType)>) -> Vec<Typed> {
    items.map(|(name, ty)| (name.to_string(), ty.clone())).collect()
}

/// The name without what converters add or change.
fn plain(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What of the second file is the same as each of the first.
fn pairs(what: &str, first: &[Typed], second: &[Typed]) -> Result<Vec<Pair>> {
    let mut found: Vec<Option<(usize, MatchedBy)>> = vec![None; first.len()];
    let mut is_taken = vec![false; second.len()];
    let by_name = |a: &Typed, b: &Typed| a.0 == b.0;
    let by_similar_name = |a: &Typed, b: &Typed| plain(&a.0) == plain(&b.0);
    let by_order = |a: &Typed, b: &Typed| a.1 == b.1;
    let rules: [(MatchedBy, &Rule); 3] =
        [(MatchedBy::Name, &by_name), (MatchedBy::SimilarName, &by_similar_name), (MatchedBy::Order, &by_order)];
    for (matched_by, is_same) in rules {
        for (item, found) in first.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            // By order, only the next one that is left may be the same.
            let mut left = (0..second.len()).filter(|&other| !is_taken[other]);
            let other = match matched_by {
                MatchedBy::Order => left.next().filter(|&other| is_same(item, &second[other])),
                _ => left.find(|&other| is_same(item, &second[other])),
            };
            if let Some(other) = other {
                is_taken[other] = true;
                *found = Some((other, matched_by));
            }
        }
    }
    let pair = |(item, found): (&Typed, &Option<(usize, MatchedBy)>)| {
        let (other, matched_by) = found.filter(|_| first.len() == second.len())?;
        Some(Pair { first: item.0.clone(), second: second[other].0.clone(), matched_by })
    };
    let pairs: Option<Vec<Pair>> = first.iter().zip(&found).map(pair).collect();
    pairs.filter(|_| first.len() == second.len()).ok_or_else(|| unmatched(what, first, second))
}

fn unmatched(what: &str, first: &[Typed], second: &[Typed]) -> Error {
    let list = |items: &[Typed]| {
        let items: Vec<String> = items.iter().map(|(name, ty)| format!("`{name}` {ty}")).collect();
        items.join(", ")
    };
    Error::shape(format!("the {what}s of the two files cannot be matched"))
        .cause(format!("the first has {}; the second has {}", list(first), list(second)))
        .hint("give two files of the same model")
}

/// The inputs under the names of the second model, in its types and shapes.
fn renamed(inputs: &NamedTensors, pairs: &[Pair], second: &Model) -> Result<NamedTensors> {
    let mut renamed = NamedTensors::new();
    for pair in pairs {
        let Some(tensor) = inputs.get(&pair.first) else { continue };
        let Some((_, ty)) = second.inputs().find(|(name, _)| *name == pair.second) else { continue };
        let tensor = converted(tensor, ty).map_err(|error| error.at(format!("input `{}`", pair.second)))?;
        renamed.insert(pair.second.clone(), tensor);
    }
    Ok(renamed)
}

fn converted(tensor: &Tensor, ty: &TensorType) -> Result<Tensor> {
    let is_whole = |value: &f64| value.fract() == 0.0 && value.abs() <= f64::from(i32::MAX);
    if ty.dtype == DType::I32 && !tensor.to_f64().iter().all(is_whole) {
        return Err(Error::input("takes integers, and the same input of the first file has other numbers")
            .hint("give whole numbers (ids) as its inputs"));
    }
    let tensor = if tensor.dtype() == ty.dtype { tensor.clone() } else { tensor.cast(ty.dtype) };
    let batch = tensor.shape().first().copied().unwrap_or(1);
    let is_open = ty.shape.dims().contains(&Dim::Open);
    if is_open || ty.shape.rank() == tensor.shape().len() {
        return Ok(tensor);
    }
    // One keeps a dimension of 1 that the other does not.
    tensor.reshaped(&ty.shape.resolve(batch))
}

fn compared(names: Pair, answer: &NamedTensors, other: &NamedTensors) -> Result<TwinOutput> {
    let missing = || Error::input(format!("the answer has no output `{}`", names.first));
    let (first, second) = answer.get(&names.first).zip(other.get(&names.second)).ok_or_else(missing)?;
    let (a, b) = (first.to_f64(), second.to_f64());
    if a.len() != b.len() {
        let error = Error::input(format!("output `{}` has another size in the second file", names.first));
        return Err(error.cause(format!("{:?} and {:?}", first.shape(), second.shape())));
    }
    let apart = |(a, b): (&f64, &f64)| match a - b {
        _ if a == b || (a.is_nan() && b.is_nan()) => 0.0,
        apart if apart.is_nan() => f64::INFINITY,
        apart => apart.abs(),
    };
    let finite = a.iter().filter(|value| value.is_finite());
    let rows = first.shape().first().copied().unwrap_or(1);
    let ranking = if rows > 1 && rows == a.len() { rank_agreement(&a, &b, TOP) } else { None };
    Ok(TwinOutput {
        max_absolute: a.iter().zip(&b).map(apart).fold(0.0, f64::max),
        largest: finite.fold(0.0, |largest, value| largest.max(value.abs())),
        ranking,
        names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn typed(name: &str, sizes: &[usize], dtype: DType) -> Typed {
        (name.into(), TensorType::new(Shape::fixed(sizes), dtype))
    }

    fn matched(first: &[Typed], second: &[Typed]) -> Option<Vec<(String, String, MatchedBy)>> {
        let pairs = pairs("input", first, second).ok()?;
        Some(pairs.into_iter().map(|pair| (pair.first, pair.second, pair.matched_by)).collect())
    }

    #[test]
    fn inputs_are_matched_by_name_then_by_similar_name_then_by_order() {
        let first = [typed("user", &[1], DType::I32), typed("item_id", &[1], DType::F32), typed("x", &[2], DType::F32)];
        let second = [typed("input_3", &[2], DType::F32), typed("ItemId:0", &[1], DType::I32), first[0].clone()];
        let expected = [
            ("user", "user", MatchedBy::Name),
            ("item_id", "ItemId:0", MatchedBy::SimilarName),
            ("x", "input_3", MatchedBy::Order),
        ];
        let expected = expected.map(|(a, b, by)| (a.to_string(), b.to_string(), by));
        assert_eq!(matched(&first, &second), Some(expected.to_vec()));
        assert_eq!(matched(&first[..2], &second), None, "one is left over");
        assert_eq!(matched(&first[2..], &[typed("y", &[3], DType::F32)]), None, "another shape");
    }

    #[test]
    fn a_value_that_is_a_number_in_one_file_alone_is_infinitely_far() {
        let pair = Pair { first: "y".into(), second: "z".into(), matched_by: MatchedBy::Order };
        let output = |name: &str, values: [f32; 3]| {
            [(name, Tensor::f32(&[3, 1], values.to_vec()).expect("a tensor"))].into_iter().collect::<NamedTensors>()
        };
        let (nan, answer) = (f32::NAN, output("y", [1.0, 4.0, f32::NAN]));
        let found = compared(pair.clone(), &answer, &output("z", [1.0, 3.0, nan])).expect("compared");
        assert_eq!((found.max_absolute, found.largest, found.relative()), (1.0, 4.0, 0.25));
        assert!(found.ranking.is_some_and(|ranking| ranking.same_best));
        let found = compared(pair, &answer, &output("z", [nan, 4.0, nan])).expect("compared");
        assert_eq!(found.relative(), f64::INFINITY);
    }
}
