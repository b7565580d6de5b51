//! The stable text form of a graph: one line per node.

use super::{Graph, Source};
use std::fmt;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in self.nodes() {
            write!(f, "{} = ", joined(&node.outputs))?;
            match &node.source {
                Source::Input => f.write_str("input")?,
                Source::Constant(_) => f.write_str("constant")?,
                Source::Op(op) => write!(f, "{op}")?,
            }
            if !node.inputs.is_empty() {
                write!(f, " ({})", joined(&node.inputs))?;
            }
            writeln!(f, " -> {} \"{}\"", joined(&self.types(&node.outputs)), node.name)?;
        }
        for (name, id) in self.outputs() {
            writeln!(f, "output \"{name}\" = {id}")?;
        }
        Ok(())
    }
}

fn joined(parts: &[impl ToString]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
