//! Products of two tensors summed over dimensions, each named by a letter: what matmul, dot, tensordot and einsum are.
//!
//! A product is one operator where there is one for it: [`BatchMatmul`] of two tensors of samples, [`Dense`] where one of them is
//! the same for all samples, a multiplication where nothing is summed. What is left, and integers, are multiplied with every
//! letter as a dimension, and then summed.

use super::axes::{mixes_samples, sizes};
use super::moves::{batch_dims, merged, permuted};
use super::reductions::over;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BatchMatmul, BinaryFunction, Dense, Heads, Reduction};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;

/// A tensor with a letter for each of its dimensions, no letter twice.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) id: ValueId,
    pub(super) letters: Vec<char>,
}

/// Stand for several dimensions seen as one.
const SUMMED: char = '\u{E100}';
const SHARED: char = '\u{E101}';

impl Term {
    fn has(&self, letter: char) -> bool {
        self.letters.contains(&letter)
    }

    fn place(&self, letter: char) -> usize {
        self.letters.iter().position(|known| *known == letter).unwrap_or_default()
    }

    /// The letter of the batch.
    fn batch(&self, call: &LayerCall<'_, '_>) -> Option<char> {
        self.letters.first().copied().filter(|_| call.shape(self.id).is_batched())
    }

    /// With its dimensions in this order.
    pub(super) fn ordered(self, call: &mut LayerCall<'_, '_>, letters: &[char]) -> Result<Term> {
        let order: Vec<usize> = letters.iter().map(|&letter| self.place(letter)).collect();
        Ok(Term { id: permuted(call, self.id, &order)?, letters: letters.to_vec() })
    }

    /// Without the dimensions that `kept` does not name, which are summed.
    pub(super) fn summed(self, call: &mut LayerCall<'_, '_>, kept: &[char]) -> Result<Term> {
        let gone: Vec<usize> = (0..self.letters.len()).filter(|&axis| !kept.contains(&self.letters[axis])).collect();
        if gone.first() == Some(&0) && call.shape(self.id).is_batched() {
            return Err(mixes_samples("sums over the batch"));
        }
        let id = over(call, self.id, &gone, Reduction::Sum, false)?;
        Ok(Term { id, letters: self.letters.into_iter().filter(|letter| kept.contains(letter)).collect() })
    }

    /// With the dimensions of some letters, which follow each other, as one called `name`.
    fn merged(self, call: &mut LayerCall<'_, '_>, letters: &[char], name: char) -> Result<Term> {
        let start = self.place(letters[0]);
        let id = merged(call, self.id, start, start + letters.len())?;
        let mut merged = self.letters;
        merged.splice(start..start + letters.len(), [name]);
        Ok(Term { id, letters: merged })
    }
}

/// The product of two terms of one dtype, with the dimensions `answer`.
pub(super) fn product(call: &mut LayerCall<'_, '_>, left: Term, right: Term, answer: &[char]) -> Result<ValueId> {
    let kept = |other: &Term| [other.letters.as_slice(), answer].concat();
    let (of_left, of_right) = (kept(&right), kept(&left));
    let (left, right) = (left.summed(call, &of_left)?, right.summed(call, &of_right)?);
    let batches = [left.batch(call), right.batch(call)];
    let batch = batches[0].or(batches[1]);
    if batch.is_some()
        && (answer.first().copied() != batch
            || batches[0] != batches[1] && batches[0].is_some() && batches[1].is_some())
    {
        return Err(mixes_samples("multiplies every sample of the batch by every other"));
    }
    if [(0, &right), (1, &left)].iter().any(|(side, other)| {
        batches[*side].is_some() && batches[1 - *side].is_none() && batches[*side].is_some_and(|batch| other.has(batch))
    }) {
        return Err(mixes_samples("has other numbers for each sample of the batch"));
    }
    let both: Vec<char> =
        left.letters.iter().copied().filter(|&letter| right.has(letter) && Some(letter) != batch).collect();
    let (shared, summed): (Vec<char>, Vec<char>) = both.into_iter().partition(|letter| answer.contains(letter));
    let is_float = call.dtype(left.id) == DType::F32 && !summed.is_empty();
    let found = match batches {
        [Some(_), Some(_)] if is_float => of_samples(call, left, right, &shared, &summed)?,
        [Some(_), None] if is_float && shared.is_empty() => with_kernel(call, left, right, &summed)?,
        [None, Some(_)] if is_float && shared.is_empty() => with_kernel(call, right, left, &summed)?,
        _ => multiplied(call, left, right, answer, &summed)?,
    };
    Ok(found.ordered(call, answer)?.id)
}

/// Of two tensors of samples.
fn of_samples(call: &mut LayerCall<'_, '_>, left: Term, right: Term, shared: &[char], summed: &[char]) -> Result<Term> {
    let batch = left.letters[0];
    let [left_sizes, right_sizes] = [&left, &right].map(|term| sizes(call, term.id));
    let own = |term: &Term| -> Vec<char> {
        let taken = |letter: &char| *letter == batch || shared.contains(letter) || summed.contains(letter);
        term.letters.iter().copied().filter(|letter| !taken(letter)).collect()
    };
    let rest = [own(&left), own(&right)];
    let size = |letter: &char| {
        if left.has(*letter) { left_sizes[left.place(*letter)] } else { right_sizes[right.place(*letter)] }
    };
    let sample: Vec<usize> = shared.iter().chain(rest.iter().flatten()).map(size).collect();
    let mut terms = [left, right];
    let (mut head, mut sum) = (shared.first().copied(), summed[0]);
    if shared.len() > 1 || summed.len() > 1 {
        // Each side as [batch, what is shared, its own, what is summed].
        for (term, own) in terms.iter_mut().zip(&rest) {
            let order = [&[batch], shared, own.as_slice(), summed].concat();
            let mut whole = term.clone().ordered(call, &order)?.merged(call, summed, SUMMED)?;
            if !shared.is_empty() {
                whole = whole.merged(call, shared, SHARED)?;
            }
            *term = whole;
        }
        (head, sum) = (head.map(|_| SHARED), SUMMED);
    }
    let heads = head.map(|head| Heads { inputs: [terms[0].place(head), terms[1].place(head)], output: 1 });
    let axes = [terms[0].place(sum), terms[1].place(sum)];
    let id = call.op(BatchMatmul { heads, ..BatchMatmul::new(axes) }, &[terms[0].id, terms[1].id])?;
    let letters = [&[batch], shared, &rest.concat()].concat();
    Ok(Term { id: call.reshape(id, &sample)?, letters })
}

/// Of samples and what is the same for all of them.
fn with_kernel(call: &mut LayerCall<'_, '_>, x: Term, kernel: Term, summed: &[char]) -> Result<Term> {
    let others =
        |term: &Term| -> Vec<char> { term.letters.iter().copied().filter(|letter| !summed.contains(letter)).collect() };
    let (kept, new) = (others(&x), others(&kernel));
    let kernel = kernel.ordered(call, &[summed, &new].concat())?;
    let kernel_sizes = sizes(call, kernel.id);
    let (depth, units) = kernel_sizes.split_at(summed.len());
    let (flat, units_in_all) = ([depth.iter().product(), units.iter().product()], units.iter().product());
    let kernel = call.reshape(kernel.id, &flat)?;
    let x = x.ordered(call, &[kept.as_slice(), summed].concat())?.merged(call, summed, SUMMED)?;
    let bias = call.filled(&format!("no_bias_{units_in_all}"), &[units_in_all], 0.0)?;
    let id = call.op(Dense::default(), &[x.id, kernel, bias])?;
    let answer = sizes(call, id);
    let sample = [&answer[1..answer.len() - 1], units].concat();
    Ok(Term { id: call.reshape(id, &sample)?, letters: [kept, new].concat() })
}

/// Element by element with every letter as a dimension, and then summed.
fn multiplied(call: &mut LayerCall<'_, '_>, left: Term, right: Term, answer: &[char], summed: &[char]) -> Result<Term> {
    let all: Vec<char> = [answer, summed].concat();
    let mut ids = Vec::new();
    for term in [left, right] {
        let own: Vec<char> = all.iter().copied().filter(|&letter| term.has(letter)).collect();
        if own.len() != term.letters.len() {
            return Err(Error::format("multiplies dimensions that the answer does not name"));
        }
        let term = term.ordered(call, &own)?;
        let (batch, own_sizes) = (batch_dims(call, term.id), sizes(call, term.id));
        let stretched =
            all.iter().skip(batch).map(|&letter| if term.has(letter) { own_sizes[term.place(letter)] } else { 1 });
        let stretched: Vec<usize> = stretched.collect();
        ids.push(call.reshape(term.id, &stretched)?);
    }
    let id = call.binary(BinaryFunction::Multiply, ids[0], ids[1])?;
    let axes: Vec<usize> = (answer.len()..all.len()).collect();
    Ok(Term { id: over(call, id, &axes, Reduction::Sum, false)?, letters: answer.to_vec() })
}
