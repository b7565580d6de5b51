//! Products of matrices and tensors.

use super::argument::Argument;
use super::arguments::Arguments;
use super::axes::{axis_of, mixes_samples, size, sizes};
use super::dtypes::{pair, together};
use super::moves::{batch_dims, positions, without};
use super::operation::{Call, Operation, Outputs};
use super::pads::diagonal_of;
use super::product::{Term, product};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::BinaryFunction;
use crate::tensor::DType;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use serde_json::Value;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Matmul", &["x1", "x2"], matmul),
    Operation::new("Dot", &["x1", "x2"], dot),
    Operation::new("Inner", &["x1", "x2"], |call, given| {
        let operands = pair(call, given, [0, 1], DType::I32)?;
        if operands.iter().any(|&operand| call.rank(operand) == 0) {
            return Ok(vec![call.binary(BinaryFunction::Multiply, operands[0], operands[1])?]);
        }
        let last = operands.map(|operand| call.rank(operand).saturating_sub(1));
        Ok(vec![over_axes(call, operands, [vec![last[0]], vec![last[1]]])?])
    }),
    Operation::new("Tensordot", &["x1", "x2"], tensordot),
    Operation::new("Outer", &["x1", "x2"], |_, _| Err(mixes_samples("multiplies all elements of both batches"))),
    Operation::new("Cross", &["x1", "x2"], cross),
    Operation::new("Einsum", &["x1", "x2?", "x3?", "x4?", "x5?"], einsum),
];

/// A letter for the dimension with this number, apart from those that people write.
fn letter(number: usize) -> char {
    char::from_u32(0xE000 + number as u32).unwrap_or('?')
}

/// The last dimension of the left with the one before the last of the right; TensorFlow may transpose either. The dimensions
/// before those stand beside each other, those of 1 for any number.
fn matmul(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    const ROW: char = 'm';
    const DEPTH: char = 'k';
    const COLUMN: char = 'n';
    let operands = pair(call, given, [0, 1], DType::I32)?;
    let transposed = [call.config.boolean_or("transpose_a", false)?, call.config.boolean_or("transpose_b", false)?];
    let mut last = [[ROW, DEPTH], [DEPTH, COLUMN]];
    for side in [0, 1] {
        if transposed[side] {
            last[side].reverse();
        }
    }
    let ranks = operands.map(|operand| call.rank(operand));
    if ranks.contains(&0) {
        return Err(Error::format("multiplies matrices by a number"));
    }
    let leading = ranks.map(|rank| rank.saturating_sub(2));
    let most = leading[0].max(leading[1]);
    let letters = |side: usize| -> Vec<char> {
        if ranks[side] == 1 {
            return vec![DEPTH];
        }
        (most - leading[side]..most).map(letter).chain(last[side]).collect()
    };
    let mut terms = [0, 1].map(|side| Term { id: operands[side], letters: letters(side) });
    for side in [0, 1] {
        let other = terms[1 - side].letters.clone();
        let is_one = |(axis, letter): &(usize, char)| {
            *axis >= batch_dims(call, operands[side])
                && size(call, operands[side], *axis) == 1
                && other.contains(letter)
        };
        let leads = terms[side].letters.iter().copied().enumerate().take(leading[side]);
        let gone: Vec<usize> = leads.filter(is_one).map(|(axis, _)| axis).collect();
        terms[side].id = without(call, operands[side], &gone)?;
        let mut axis = 0;
        terms[side].letters.retain(|_| {
            axis += 1;
            !gone.contains(&(axis - 1))
        });
    }
    let has = |letter: &char| terms.iter().any(|term| term.letters.contains(letter));
    let answer: Vec<char> = (0..most).map(letter).chain([ROW, COLUMN]).filter(has).collect();
    let [left, right] = terms;
    Ok(vec![product(call, left, right, &answer)?])
}

/// The last dimension of the left with the one before the last of the right, or its only one.
fn dot(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let operands = pair(call, given, [0, 1], DType::I32)?;
    let is_number = |argument: &Argument<'_>| argument.as_number().is_some();
    let ranks = operands.map(|operand| call.rank(operand));
    if ranks.contains(&0) || is_number(given.get(0)?) || is_number(given.get(1)?) {
        return Ok(vec![call.binary(BinaryFunction::Multiply, operands[0], operands[1])?]);
    }
    Ok(vec![over_axes(call, operands, [vec![ranks[0] - 1], vec![ranks[1].saturating_sub(2)]])?])
}

/// What is left of both dimensions, those of the left first.
fn over_axes(call: &mut LayerCall<'_, '_>, operands: [ValueId; 2], axes: [Vec<usize>; 2]) -> Result<ValueId> {
    let ranks = operands.map(|operand| call.rank(operand));
    let left: Vec<char> = (0..ranks[0]).map(letter).collect();
    let mut right: Vec<char> = (0..ranks[1]).map(|axis| letter(ranks[0] + axis)).collect();
    for (&of_left, &of_right) in axes[0].iter().zip(&axes[1]) {
        right[of_right] = left[of_left];
    }
    let is_kept = |letter: &char| !(left.contains(letter) && right.contains(letter));
    let answer: Vec<char> = left.iter().chain(&right).copied().filter(is_kept).collect();
    let [x, y] = operands;
    product(call, Term { id: x, letters: left }, Term { id: y, letters: right }, &answer)
}

/// Over the last dimensions of the left and the first of the right, or over those that are listed.
fn tensordot(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let operands = pair(call, given, [0, 1], DType::I32)?;
    let axes = match call.config.get("axes") {
        Some(Value::Array(axes)) if axes.len() == 2 => {
            let listed = |side: usize| -> Result<Vec<usize>> {
                let axes = json::integers("axes", &axes[side])?;
                axes.iter().map(|&axis| axis_of(call, operands[side], axis)).collect()
            };
            [listed(0)?, listed(1)?]
        }
        count => {
            let count = count.map_or(Ok(2), |count| json::size("axes", count))?;
            let rank = call.rank(operands[0]);
            if count > rank || count > call.rank(operands[1]) {
                return Err(Error::format(format!("`axes` = {count} is too many")));
            }
            [(rank - count..rank).collect(), (0..count).collect()]
        }
    };
    if axes[0].len() != axes[1].len() {
        return Err(Error::format(format!("`axes` are {axes:?}, not as many of both")));
    }
    Ok(vec![over_axes(call, operands, axes)?])
}

/// Of vectors of 3, the last dimension.
fn cross(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let operands = pair(call, given, [0, 1], DType::I32)?;
    for key in ["axis", "axisa", "axisb", "axisc"] {
        if call.config.integers(key)?.is_some_and(|axis| axis != [-1]) {
            return Err(Error::unsupported(format!("its option `{key}` is supported as -1 only")));
        }
    }
    let mut products = Vec::new();
    for turns in [[[1, 2, 0], [2, 0, 1]], [[2, 0, 1], [1, 2, 0]]] {
        let mut turned = Vec::new();
        for (operand, turn) in operands.into_iter().zip(turns) {
            let last = axis_of(call, operand, -1)?;
            if size(call, operand, last) != 3 {
                return Err(Error::unsupported(format!("{} holds no vectors of 3", call.shape(operand))));
            }
            turned.push(positions(call, operand, last, &turn)?);
        }
        products.push(call.binary(BinaryFunction::Multiply, turned[0], turned[1])?);
    }
    Ok(vec![call.binary(BinaryFunction::Subtract, products[0], products[1])?])
}

/// Sums of products of any number of tensors: `bij,bj->bi`.
fn einsum(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let operands: Vec<&Argument<'_>> =
        (0..5).filter(|&index| given.has(index)).map(|index| given.get(index)).collect::<Result<_>>()?;
    let ids = together(call, operands, DType::I32)?;
    let subscripts: String = call.config.string("subscripts")?.unwrap_or_default().split_whitespace().collect();
    let (sides, answer) = subscripts.split_once("->").map_or((subscripts.as_str(), None), |(l, r)| (l, Some(r)));
    let sides: Vec<&str> = sides.split(',').collect();
    if sides.len() != ids.len() {
        return Err(Error::format(format!("`{subscripts}` is for {} tensors, not {}", sides.len(), ids.len())));
    }
    let letters = |side: &str| side.replace("...", "").chars().count();
    let elided = |(side, &id): (&&str, &ValueId)| {
        let rest = call.rank(id).checked_sub(letters(side)).filter(|&rest| rest == 0 || side.contains("..."));
        rest.ok_or_else(|| Error::format(format!("`{side}` does not name the dimensions of {}", call.shape(id))))
    };
    let elided: Vec<usize> = sides.iter().zip(&ids).map(elided).collect::<Result<_>>()?;
    let most = elided.iter().copied().max().unwrap_or_default();
    let spelled = |side: &str, count: usize| -> Vec<char> {
        let dots: String = (most - count..most).map(letter).collect();
        side.replacen("...", &dots, 1).chars().collect()
    };
    let mut terms = Vec::new();
    for ((side, &id), &count) in sides.iter().zip(&ids).zip(&elided) {
        terms.push(without_repeats(call, Term { id, letters: spelled(side, count) })?);
    }
    let answer = answer.map_or_else(|| implied(&sides, most), |answer| spelled(answer, most));
    let known = |letter: &char| terms.iter().any(|term| term.letters.contains(letter));
    if !answer.iter().all(known) || (1..answer.len()).any(|index| answer[..index].contains(&answer[index])) {
        return Err(Error::format(format!("`{subscripts}` cannot be read")));
    }
    Ok(vec![multiply_all(call, terms, &answer)?])
}

/// What is meant where no answer is named: the letters that stand once, in the order of the alphabet.
fn implied(sides: &[&str], elided: usize) -> Vec<char> {
    let all: Vec<char> = sides.concat().chars().filter(|letter| *letter != '.').collect();
    let is_single = |letter: &&char| all.iter().filter(|other| other == letter).count() == 1;
    let mut single: Vec<char> = all.iter().filter(is_single).copied().collect();
    single.sort_unstable();
    (0..elided).map(letter).chain(single).collect()
}

/// The diagonal where a tensor has a letter twice.
fn without_repeats(call: &mut LayerCall<'_, '_>, mut term: Term) -> Result<Term> {
    while let Some(second) = (1..term.letters.len()).find(|&place| term.letters[..place].contains(&term.letters[place]))
    {
        let repeated = term.letters[second];
        let first = term.letters.iter().position(|letter| *letter == repeated).unwrap_or_default();
        let dims = sizes(call, term.id);
        if first < batch_dims(call, term.id) || dims[first] != dims[second] {
            return Err(mixes_samples("takes a diagonal of the batch"));
        }
        term.id = diagonal_of(call, term.id, [first, second], 0)?;
        term.letters.remove(second);
        term.letters.remove(first);
        term.letters.push(repeated);
    }
    Ok(term)
}

/// The terms one after the other, each product with what a later one or the answer needs.
fn multiply_all(call: &mut LayerCall<'_, '_>, terms: Vec<Term>, answer: &[char]) -> Result<ValueId> {
    let mut rest = terms.into_iter();
    let Some(mut whole) = rest.next() else { return Err(Error::format("multiplies nothing")) };
    while let Some(next) = rest.next() {
        let later: Vec<char> = rest.as_slice().iter().flat_map(|term| term.letters.iter().copied()).collect();
        if later.is_empty() && rest.as_slice().is_empty() {
            return product(call, whole, next, answer);
        }
        let batched = [&whole, &next].into_iter().find(|term| call.shape(term.id).is_batched());
        let mut kept: Vec<char> = batched.and_then(|term| term.letters.first().copied()).into_iter().collect();
        for &letter in whole.letters.iter().chain(&next.letters) {
            if !kept.contains(&letter) && (answer.contains(&letter) || later.contains(&letter)) {
                kept.push(letter);
            }
        }
        let id = product(call, whole, next, &kept)?;
        whole = Term { id, letters: kept };
    }
    let summed = whole.summed(call, answer)?;
    if call.shape(summed.id).is_batched() && summed.letters.first() != answer.first() {
        return Err(mixes_samples("moves the batch to another place"));
    }
    Ok(summed.ordered(call, answer)?.id)
}
