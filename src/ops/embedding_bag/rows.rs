//! The steps that assemble one row in a [`RowProgram`](super::super::RowProgram).

use super::super::binary::BinaryFunction;
use super::super::row_form::{Pair, RowForm, RowStep, RowValue, View, Work};
use super::{Block, Combine, EmbeddingBag, Feature, Lookup, Pooling};

pub(super) fn form(bag: &EmbeddingBag, form: &mut RowForm<'_>) -> Option<()> {
    if form.row_rank != 1 {
        return None;
    }
    bag.blocks.iter().filter(|block| block.width > 0).try_for_each(|block| assemble(block, form))
}

/// The first feature is written into the columns, and the others are combined with it through scratch space.
fn assemble(block: &Block, form: &mut RowForm<'_>) -> Option<()> {
    let columns = (RowValue::Output, block.column);
    let width = block.width;
    let (first, others) = block.features.split_first()?;
    read(first, width, columns, false, form)?;
    let pair = match block.combine {
        Combine::Product => BinaryFunction::Multiply,
        Combine::Sum | Combine::FactorizationMachine => BinaryFunction::Add,
    };
    let squares = (block.combine == Combine::FactorizationMachine).then(|| (form.scratch(width), 0));
    if let Some(squares) = squares {
        combine(BinaryFunction::Multiply, [columns, columns, squares], width, form)?;
    }
    for feature in others {
        if feature.lookup.is_some() && block.combine == Combine::Sum {
            read(feature, width, columns, true, form)?;
            continue;
        }
        let other = (form.scratch(width), 0);
        read(feature, width, other, false, form)?;
        combine(pair, [columns, other, columns], width, form)?;
        if let Some(squares) = squares {
            combine(BinaryFunction::Multiply, [other, other, other], width, form)?;
            combine(BinaryFunction::Add, [squares, other, squares], width, form)?;
        }
    }
    let Some(squares) = squares else { return Some(()) };
    combine(BinaryFunction::Multiply, [columns, columns, columns], width, form)?;
    combine(BinaryFunction::Subtract, [columns, squares, columns], width, form)
}

fn combine(
    function: BinaryFunction,
    operands: [(RowValue, usize); 3],
    width: usize,
    form: &mut RowForm<'_>,
) -> Option<()> {
    let work = Work::Elementwise { pair: Pair::Of(function), function: None };
    form.elementwise(work, &[width], &operands.map(|(value, first)| (value, first, vec![1])))
}

/// Reads one feature into `width` columns, or adds it to them.
fn read(
    feature: &Feature,
    width: usize,
    (to, column): (RowValue, usize),
    adds: bool,
    form: &mut RowForm<'_>,
) -> Option<()> {
    let source = RowValue::Input(feature.source);
    form.numbers(feature.source)?;
    let Some(Lookup { table, pooling, bad_id }) = feature.lookup else {
        return form.copy(&[width], (source, feature.first, vec![1]), (to, column, vec![1]));
    };
    // The columns are those of each step, one after another, or of all steps together.
    let (rows, depth) = if pooling == Pooling::Flatten { (feature.steps, 1) } else { (1, feature.steps) };
    if form.inputs[feature.source].is_computed || rows == 0 {
        return None;
    }
    let dim = width / rows;
    form.steps.push(RowStep {
        work: Work::Lookup { table, pooling, bad_id, adds },
        size: [1, rows, dim],
        depth,
        output: View {
            value: to,
            offset: column as isize,
            strides: [0, dim as isize, 1],
            step: 0,
            is_of_sample: false,
        },
        left: View { value: source, offset: feature.first as isize, strides: [0, 1, 0], step: 1, is_of_sample: false },
        right: None,
    });
    Some(())
}
