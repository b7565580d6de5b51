//! The stable text form of a plan at one batch size.

use super::Plan;
use crate::error::Result;
use crate::graph::Source;
use crate::kernel::{BufferId, Region};
use crate::ops::Op;
use std::fmt::Write;

impl Plan {
    /// One line for each dispatch, then the totals. The operators of a row program follow its line, and the reason why the
    /// next operator is not among them.
    pub fn text(&self, batch: usize) -> Result<String> {
        let mut text = String::new();
        for (index, dispatch) in self.dispatches(batch)?.iter().enumerate() {
            let name = &self.graph.node(dispatch.node).name;
            let regions: Vec<String> = dispatch.regions.iter().map(region).collect();
            let _ = writeln!(text, "{index:>3}  {}  {}  \"{name}\"", dispatch.kernel, regions.join(" "));
            if let Source::Op(Op::RowProgram(program)) = &self.graph.node(dispatch.node).source {
                let _ = writeln!(text, "     rows of rank {}: {}", program.row_rank, program.operators());
                if !program.end.is_empty() {
                    let _ = writeln!(text, "     ends before {}", program.end);
                }
            }
        }
        let counts = self.counts(batch)?;
        let _ = writeln!(
            text,
            "N = {batch}: {} dispatches, 1 submit, {} slots of {} bytes, weights {} bytes, up {} bytes, down {} bytes, \
             {} flop",
            counts.dispatches,
            self.slots.len(),
            counts.slot_bytes,
            counts.weight_bytes,
            counts.upload_bytes,
            counts.download_bytes,
            counts.work.flops
        );
        Ok(text)
    }
}

fn region(region: &Region) -> String {
    let (start, end) = (region.offset_bytes, region.offset_bytes.saturating_add(region.length_bytes));
    match region.buffer {
        BufferId::ModelInputs => format!("i[{start}..{end}]"),
        BufferId::Tables => format!("t[{start}..{end}]"),
        BufferId::Weights => format!("w[{start}..{end}]"),
        BufferId::Slot(slot) => format!("s{slot}[{start}..{end}]"),
    }
}
