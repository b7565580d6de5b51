//! Passes: graph rewrites that preserve the outputs and reduce the number of operators.
//!
//! A pass is a function from graph to graph, with one rewrite per file. [`Passes`] is a named list of passes. A pass
//! sees the graph and a description of the device as plain data. It does not depend on plans or files, and it preserves
//! the outputs of a model within the tolerances of its operators.

mod cse;
#[cfg(test)]
mod example;
mod fold_batch_normalization;
mod fold_constants;
mod fold_padding;
mod fold_permute;
mod fuse_activation;
mod fuse_dot_interaction;
mod fuse_elementwise;
mod fuse_embedding_bag;
mod fuse_rows;
mod pattern;
mod recognize_functions;
mod recognize_masks;
mod recognize_normalization;
mod rewrite;
mod round_activations;
mod share_inputs;
mod simplify;
mod split_shared_dense;
mod split_target_attention;

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::kernel::DeviceFacts;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "study")]
pub(crate) use rewrite::uses;
pub use round_activations::ActivationPrecision;
pub use share_inputs::{expect_shareable, share};

/// A named list of passes.
///
/// Two lists are equal if their names are.
///
/// ```
/// use tfjs_wgpu::Passes;
///
/// assert_eq!("plain".parse::<Passes>()?, Passes::PLAIN);
/// assert_eq!(Passes::default().name(), "fused");
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Passes {
    name: &'static str,
    description: &'static str,
    run: fn(&Arc<Graph>, &DeviceFacts) -> Result<Arc<Graph>>,
    shares: bool,
    max_rows: Option<usize>,
}

impl Passes {
    /// No passes: each step of a layer remains a separate operator.
    pub const PLAIN: Passes = Passes {
        name: "plain",
        description: "One operator for each step of a layer, as the model was read",
        run: |graph, _| Ok(Arc::clone(graph)),
        shares: false,
        max_rows: None,
    };

    /// All passes that save dispatches or memory traffic.
    pub const FUSED: Passes = Passes {
        name: "fused",
        description: "The same answers in as few dispatches as possible",
        run: fuse,
        shares: true,
        max_rows: None,
    };

    /// A list that rewrites a graph as another framework would run it, with at most `max_rows` rows at a time.
    pub(crate) const fn emulating(
        name: &'static str,
        description: &'static str,
        run: fn(&Arc<Graph>, &DeviceFacts) -> Result<Arc<Graph>>,
        max_rows: usize,
    ) -> Passes {
        Passes { name, description, run, shares: false, max_rows: Some(max_rows) }
    }

    /// The name used in options and reports.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What the list does, in one line.
    pub const fn description(self) -> &'static str {
        self.description
    }

    /// Whether values that all rows of a batch share are computed once.
    #[doc(hidden)]
    pub fn shares(self) -> bool {
        self.shares
    }

    /// Maximum number of rows that a session computes at a time on a GPU; `None` for as many as the device supports.
    #[doc(hidden)]
    pub fn max_rows(self) -> Option<usize> {
        self.max_rows
    }

    /// Applies the passes for a device.
    #[doc(hidden)]
    pub fn run(self, graph: &Arc<Graph>, facts: &DeviceFacts) -> Result<Arc<Graph>> {
        (self.run)(graph, facts)
    }
}

impl Default for Passes {
    fn default() -> Self {
        Passes::FUSED
    }
}

impl PartialEq for Passes {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Passes {}

impl Hash for Passes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passes({})", self.name)
    }
}

impl fmt::Display for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Passes {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = [Passes::PLAIN, Passes::FUSED].into_iter().find(|passes| passes.name == name);
        found.ok_or_else(|| {
            Error::input(format!("no list of passes is called `{name}`")).hint("the lists are plain and fused")
        })
    }
}

fn fuse(graph: &Arc<Graph>, facts: &DeviceFacts) -> Result<Arc<Graph>> {
    let mut fused = simplify::simplify(graph)?;
    for pass in FUSED {
        fused = pass(&fused, facts)?;
    }
    Ok(Arc::new(fused))
}

type Pass = fn(&Graph, &DeviceFacts) -> Result<Graph>;

/// The passes of [`Passes::FUSED`] after simplification. Order matters: enabling passes come first.
const FUSED: &[Pass] = &[
    |graph, _| fold_constants::fold(graph),
    |graph, _| cse::merge(graph),
    |graph, _| recognize_functions::recognize(graph),
    |graph, _| recognize_masks::recognize(graph),
    |graph, _| recognize_normalization::recognize(graph),
    |graph, _| fold_permute::fold(graph),
    |graph, _| simplify::simplify(graph),
    |graph, _| cse::merge(graph),
    |graph, _| fold_padding::fold(graph),
    |graph, _| fold_batch_normalization::fold(graph),
    |graph, _| fuse_activation::fuse(graph),
    |graph, _| split_shared_dense::split(graph),
    |graph, _| split_target_attention::split(graph),
    |graph, _| fuse_dot_interaction::fuse(graph),
    |graph, _| fuse_dot_interaction::fold(graph),
    fuse_embedding_bag::fuse,
    fuse_rows::fuse,
    |graph, _| fuse_elementwise::fuse(graph),
];
