//! Rewrites of graphs: the same answers by fewer operators.
//!
//! A pass is a function from graph to graph, one rewrite a file. A [`Pipeline`] is a named list of passes. Passes look
//! at graphs and at plain facts about the device; they know neither plans nor files, and they keep what a model
//! answers within the tolerances of its operators.

mod activation;
mod batch_normalization;
mod constants;
mod elementwise;
mod embedding_bag;
mod equals;
#[cfg(test)]
mod example;
mod half_storage;
mod identities;
mod padding;
mod pair_dense;
mod pairwise_dot;
mod rewrite;
mod shared;
mod tower;
pub mod webgl;

use crate::error::Result;
use crate::graph::Graph;
use crate::kernel::DeviceFacts;
use std::fmt;
use std::sync::Arc;

pub use half_storage::Storage;
pub use shared::{expect_shareable, share};

/// A named list of passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pipeline {
    /// None: an operator of the graph for each step of a layer.
    Plain,
    /// All that save dispatches and memory traffic.
    #[default]
    Fused,
    /// The work of TF.js on WebGL 2, program by program ([`webgl`]).
    TfjsWebgl2,
    /// The same on WebGL 1, which the plugin for mini-programs forces.
    TfjsWebgl1,
}

impl Pipeline {
    /// All pipelines.
    pub const ALL: [Pipeline; 4] = [Pipeline::Plain, Pipeline::Fused, Pipeline::TfjsWebgl2, Pipeline::TfjsWebgl1];

    /// The name in options and messages.
    pub fn name(self) -> &'static str {
        match self {
            Pipeline::Plain => "plain",
            Pipeline::Fused => "fused",
            Pipeline::TfjsWebgl2 => "tfjs-webgl2",
            Pipeline::TfjsWebgl1 => "tfjs-webgl1",
        }
    }

    /// Whether what samples of a batch share is computed once.
    pub fn shares(self) -> bool {
        self == Pipeline::Fused
    }

    /// Rows that a session computes at a time on a GPU; `None` for as many as the device takes.
    pub fn most_rows(self) -> Option<usize> {
        matches!(self, Pipeline::TfjsWebgl2 | Pipeline::TfjsWebgl1).then_some(webgl::ROWS_OF_A_PREDICT)
    }

    /// Applies the passes for a device.
    pub fn run(self, graph: &Arc<Graph>, facts: &DeviceFacts) -> Result<Arc<Graph>> {
        match self {
            Pipeline::Plain => return Ok(Arc::clone(graph)),
            Pipeline::TfjsWebgl2 | Pipeline::TfjsWebgl1 => {
                return Ok(Arc::new(webgl::as_tfjs(graph, webgl::ROWS_OF_A_PREDICT)?));
            }
            Pipeline::Fused => (),
        }
        let mut fused = identities::remove(graph)?;
        for pass in FUSED {
            fused = pass(&fused, facts)?;
        }
        Ok(Arc::new(fused))
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

type Pass = fn(&Graph, &DeviceFacts) -> Result<Graph>;

/// The passes of [`Pipeline::Fused`] behind the removal of identities. What prepares comes before what it prepares.
const FUSED: &[Pass] = &[
    |graph, _| constants::fold(graph),
    |graph, _| equals::merge(graph),
    |graph, _| padding::fold(graph),
    |graph, _| batch_normalization::fold(graph),
    |graph, _| activation::fuse(graph),
    |graph, _| shared::split_dense(graph),
    |graph, _| pair_dense::split(graph),
    |graph, _| pairwise_dot::fuse(graph),
    |graph, _| pairwise_dot::fold(graph),
    embedding_bag::fuse,
    tower::fuse,
    |graph, _| elementwise::fuse(graph),
];
