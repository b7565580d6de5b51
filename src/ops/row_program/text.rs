//! The text form of instructions: one line each, as in `dense [1, 1, 64] depth 16 a[0] = a[64]`.

use super::super::row_form::{Pair, Work};
use super::assembly::{Action, Assembly, Instruction, Operand, Place};
use std::fmt;

impl fmt::Display for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} instructions, {} elements", self.instructions.len(), self.elements)?;
        self.instructions.iter().try_for_each(|instruction| writeln!(f, "{instruction}"))
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waits {
            f.write_str("barrier, ")?;
        }
        match self.action {
            Action::Load => f.write_str("load")?,
            Action::Store => f.write_str("store")?,
            Action::Work(work) => write!(f, "{work}")?,
        }
        write!(f, " {:?}", self.size)?;
        if self.depth != 1 {
            write!(f, " depth {}", self.depth)?;
        }
        write!(f, " {} = {}", self.output, self.left)?;
        match &self.right {
            Some(right) => write!(f, ", {right}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (space, first) = match self.place {
            Place::Arena(first) => ("a", first as isize + self.view.offset),
            Place::Input(input) => ("i", input as isize),
            Place::Output(output) => ("o", output as isize),
        };
        write!(f, "{space}[{first}]")
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Elementwise { pair, function } => {
                match pair {
                    Pair::Left if function.is_none() => f.write_str("copy")?,
                    Pair::Left => {}
                    Pair::Of(function) => write!(f, "{function:?}")?,
                    Pair::IsNotZero => f.write_str("is not zero")?,
                }
                function.map_or(Ok(()), |function| write!(f, "{function:?}"))
            }
            Work::Dense { relu, .. } => f.write_str(if *relu { "dense relu" } else { "dense" }),
            Work::Product { triangle: Some(_), .. } => f.write_str("product of pairs"),
            Work::Product { .. } => f.write_str("product"),
            Work::Reduce { reduction } => write!(f, "{reduction:?}"),
            Work::Softmax { .. } => f.write_str("softmax"),
            Work::LayerNormalization { .. } => f.write_str("layer normalization"),
            Work::ChannelNormalization { .. } => f.write_str("channel normalization"),
            Work::L2Normalize { .. } => f.write_str("l2 normalize"),
            Work::Lookup { table, pooling, .. } => write!(f, "lookup {pooling:?} in i[{table}]"),
        }
    }
}
