//! The stable text form of a graph: one line a node.

use super::{Graph, Source};
use std::fmt;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, node) in self.ids().zip(self.nodes()) {
            write!(f, "{id} = ")?;
            match &node.source {
                Source::Input => f.write_str("input")?,
                Source::Constant(_) => f.write_str("constant")?,
                Source::Op(op) => write!(f, "{op}")?,
            }
            if !node.inputs.is_empty() {
                let inputs: Vec<String> = node.inputs.iter().map(ToString::to_string).collect();
                write!(f, " ({})", inputs.join(", "))?;
            }
            writeln!(f, " -> {} \"{}\"", node.ty, node.name)?;
        }
        for (name, id) in self.outputs() {
            writeln!(f, "output \"{name}\" = {id}")?;
        }
        Ok(())
    }
}
