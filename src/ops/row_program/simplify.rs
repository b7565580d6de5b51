//! Fewer instructions: copies whose source can be written where they would write it, and functions of what a step
//! before has computed.

use super::super::row_form::{Pair, Work};
use super::assembly::Action;
use super::drafts::{Draft, Drafts, Value, is_flat, overlap};

const COPY: Action = Action::Work(Work::Elementwise { pair: Pair::Left, function: None });

impl Drafts<'_> {
    /// Removes copies and joins functions.
    pub(super) fn simplify(&mut self) {
        let mut at = 0;
        while at < self.drafts.len() {
            if self.is_needless(at) {
                self.write_in_place(at);
            } else if at > 0 && self.applies_function(at) {
                self.apply_at_once(at);
            } else {
                at += 1;
            }
        }
        self.store_at_once();
    }

    /// Lets dense layers whose result is only an output write it there.
    pub(super) fn store_at_once(&mut self) {
        let mut at = 0;
        while at < self.drafts.len() {
            let Draft { action, left: (value, _), depth: output, .. } = self.drafts[at];
            let makers: Vec<usize> = (0..at).filter(|&before| self.drafts[before].uses(value)).collect();
            let are_dense = !makers.is_empty() && makers.iter().all(|&maker| self.writes_by_dense(maker, value));
            let is_only_stored = action == Action::Store
                && matches!(value, Value::Node(_))
                && !self.drafts[at + 1..].iter().any(|draft| draft.uses(value));
            if is_only_stored && are_dense {
                makers.iter().for_each(|&maker| self.drafts[maker].output.0 = Value::Output(output));
                self.drafts.remove(at);
                self.sizes.retain(|(known, _)| *known != value);
            } else {
                at += 1;
            }
        }
    }

    fn writes_by_dense(&self, at: usize, value: Value) -> bool {
        let draft = &self.drafts[at];
        matches!(draft.action, Action::Work(Work::Dense { .. })) && draft.writes(value)
    }

    /// The number of elements of a value.
    pub(super) fn elements(&self, value: Value) -> usize {
        self.sizes.iter().find(|(known, _)| *known == value).map_or(0, |(_, size)| *size)
    }

    /// Whether a draft copies a whole value, element after element, into elements that nothing else writes, and the
    /// value has not been changed or is not changed later.
    fn is_needless(&self, at: usize) -> bool {
        let Draft { action, size, output: (to, to_view), left: (from, from_view), .. } = self.drafts[at];
        let count: usize = size.iter().product();
        let is_whole = action == COPY
            && to != from
            && from_view.offset == 0
            && from_view.strides == to_view.strides
            && count == self.elements(from)
            && is_flat(&size, &to_view);
        let target = self.drafts[at].written();
        let others =
            |(index, draft): (usize, &Draft)| index != at && draft.writes(to) && overlap(&draft.written(), &target);
        let is_changed_later = |draft: &Draft| draft.writes(from);
        is_whole
            && !self.drafts.iter().enumerate().any(others)
            && !self.drafts[at + 1..].iter().any(is_changed_later)
            && self.drafts.iter().all(|draft| can_move(draft, from))
    }

    /// Makes a value the elements of another one to which it would be copied.
    fn write_in_place(&mut self, at: usize) {
        let Draft { output: (to, to_view), left: (from, _), .. } = self.drafts.remove(at);
        for draft in &mut self.drafts {
            let operands = [Some(&mut draft.output), Some(&mut draft.left), draft.right.as_mut()];
            let reads_input = reads_input(&draft.action);
            for (place, operand) in operands.into_iter().flatten().enumerate() {
                // What a load reads is the input itself.
                if operand.0 == from && !(place == 1 && reads_input) {
                    operand.0 = to;
                    operand.1.offset += to_view.offset;
                }
            }
        }
        self.sizes.retain(|(value, _)| *value != from);
    }

    /// Whether a draft applies a function to exactly what the draft before has computed, and nothing else reads that.
    fn applies_function(&self, at: usize) -> bool {
        let (before, draft) = (&self.drafts[at - 1], &self.drafts[at]);
        let is_function =
            matches!(draft.action, Action::Work(Work::Elementwise { pair: Pair::Left, function: Some(_) }));
        let has_none = matches!(before.action, Action::Work(Work::Elementwise { function: None, .. }));
        let (from, to) = (draft.left, draft.output);
        let count = |draft: &Draft| draft.size.iter().product::<usize>();
        let is_in_place = from == to;
        let is_alone = count(before) == self.elements(from.0)
            && self
                .drafts
                .iter()
                .enumerate()
                .all(|(index, other)| index + 1 == at || index == at || !other.uses(from.0));
        is_function
            && has_none
            && (is_in_place || is_alone)
            && before.output.0 == from.0
            && before.output.1.offset == from.1.offset
            && count(before) == count(draft)
            && is_flat(&before.size, &before.output.1)
            && is_flat(&draft.size, &from.1)
            && is_flat(&draft.size, &to.1)
    }

    fn apply_at_once(&mut self, at: usize) {
        let draft = self.drafts.remove(at);
        if let (
            Action::Work(Work::Elementwise { function: of_before, .. }),
            Action::Work(Work::Elementwise { function, .. }),
        ) = (&mut self.drafts[at - 1].action, draft.action)
        {
            *of_before = function;
        }
        let before = &mut self.drafts[at - 1].output;
        before.0 = draft.output.0;
        before.1.offset = draft.output.1.offset;
    }
}

/// Whether the left operand of an action is an input of the program and not what was loaded of it.
fn reads_input(action: &Action) -> bool {
    matches!(action, Action::Load | Action::Work(Work::Lookup { .. }))
}

/// Whether a draft can read and write a value elsewhere in the arena. A product may read an input from memory.
fn can_move(draft: &Draft, value: Value) -> bool {
    let is_product = matches!(draft.action, Action::Work(Work::Product { .. }));
    let reads_input = matches!(draft.right, Some((right @ Value::Input(..), _)) if right == value);
    !(is_product && reads_input)
}
