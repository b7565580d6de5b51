//! Runs predictions: shared values first, then the blocks of rows, on one or several threads.

use super::blocks::Blocks;
use super::frame::{Arena, Frame, Part};
use super::layout::{Layout, is_once};
use super::memory::{Memories, Memory};
use super::phase::Phase;
use super::threads::Threads;
use crate::deadline::Deadline;
use crate::engine::Call;
use crate::error::Result;
use crate::graph::{Graph, NodeId};
use crate::plan::Retain;
use crate::tensor::{DType, Data, NamedTensors, RecycledOutputs, Tensor};
use pulp::Arch;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A graph that is ready to predict. Threads may share it.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) graph: Arc<Graph>,
    layout: Layout,
    blocks: Blocks,
    threads: Arc<Threads>,
    memories: Memories,
}

impl Engine {
    /// Prepares `graph` for predictions by `threads`.
    pub(super) fn new(graph: &Arc<Graph>, threads: Arc<Threads>, retain: Retain) -> Result<Engine> {
        let layout = Layout::new(graph, retain, Arch::new())?;
        let blocks = Blocks::new(graph, &layout);
        Ok(Engine { graph: Arc::clone(graph), layout, blocks, threads, memories: Memories::default() })
    }

    pub(super) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The bytes that are held between predictions.
    pub(super) fn held_bytes(&self) -> u64 {
        self.memories.idle_bytes()
    }

    /// Computes the outputs. The call has one tensor per input of the graph in its order, and at least one row.
    pub(super) fn predict(&self, call: &Call<'_>, spare: &mut RecycledOutputs) -> Result<NamedTensors> {
        Ok(self.named(self.results(call, spare, None)?))
    }

    fn named(&self, results: Vec<Tensor>) -> NamedTensors {
        self.graph.outputs().iter().map(|(name, _)| name.clone()).zip(results).collect()
    }

    /// Computes all values. The graph must be prepared to retain them.
    pub(super) fn inspect(&self, call: &Call<'_>) -> Result<Vec<Tensor>> {
        self.results(call, &mut RecycledOutputs::default(), None)
    }

    /// Predicts and times the steps: nanoseconds in the order of [`Engine::steps`], summed over blocks and threads.
    pub(super) fn time_steps(&self, call: &Call<'_>, spare: &mut RecycledOutputs) -> Result<(NamedTensors, Vec<u64>)> {
        let clocks = Clocks::new(&self.layout);
        let results = self.results(call, spare, Some(&clocks))?;
        let times_ns = clocks.once.into_iter().chain(clocks.block).map(AtomicU64::into_inner);
        Ok((self.named(results), times_ns.collect()))
    }

    /// The node of each step, and whether the step runs once for all rows; in running order.
    pub(super) fn steps(&self) -> Vec<(NodeId, bool)> {
        let ids: Vec<NodeId> = self.graph.ids().collect();
        let phase = |phase: &Phase, once: bool| phase.nodes.iter().map(|node| (ids[*node], once)).collect::<Vec<_>>();
        [phase(&self.layout.once, true), phase(&self.layout.block, false)].concat()
    }

    /// The results for the whole batch.
    fn results(&self, call: &Call<'_>, spare: &mut RecycledOutputs, clocks: Option<&Clocks>) -> Result<Vec<Tensor>> {
        let types = self.layout.results.iter().map(|&value| &self.graph.values()[value].ty);
        let shapes: Vec<(Vec<usize>, DType)> = types.map(|ty| (ty.shape.resolve(call.batch), ty.dtype)).collect();
        let data = shapes.iter().map(|(shape, dtype)| spare.take(*dtype, shape.iter().product()));
        let mut data: Vec<Data> = data.collect();
        self.fill(call, &mut data, clocks)?;
        shapes.iter().zip(data).map(|((shape, _), data)| Tensor::new(shape, data)).collect()
    }

    fn fill(&self, call: &Call<'_>, data: &mut [Data], clocks: Option<&Clocks>) -> Result<()> {
        let rows = self.blocks.rows(call.batch, self.threads.count());
        let outcome = self.fill_by(rows, call, data, clocks);
        self.memories.predicted(rows, &self.layout);
        outcome
    }

    /// Fills the results in blocks of `rows` rows.
    fn fill_by(&self, rows: usize, call: &Call<'_>, data: &mut [Data], clocks: Option<&Clocks>) -> Result<()> {
        let (inputs, batch, deadline) = (&call.references()[..], call.batch, call.deadline);
        let clock = clocks.map(|clocks| clocks.once.as_slice());
        let mut memory = self.memories.take(&self.layout);
        let Memory { once, block } = &mut *memory;
        let results = data.iter_mut().map(Part::whole).collect();
        let frame = Frame { inputs, first: 0, rows: 1, is_alone: true, arena: once, once: None, results };
        run(&self.layout.once, frame, clock)?;
        let mut rest = Rest { parts: data.iter_mut().map(Part::whole).collect(), widths: self.result_widths() };
        let clock = clocks.map(|clocks| clocks.block.as_slice());
        let blocks = Pass { phase: &self.layout.block, inputs, batch, deadline, rows, once, clock };
        let firsts = (0..batch).step_by(rows);
        let pool = if rows < batch { self.threads.pool() } else { None };
        let Some(pool) = pool else {
            let mut parts = Vec::new();
            for first in firsts {
                parts = blocks.run(first, rest.split_off(rows, parts), block)?;
            }
            return Ok(());
        };
        let parts: Vec<_> = firsts.map(|first| (first, rest.split_off(rows, Vec::new()))).collect();
        pool.install(|| {
            parts.into_par_iter().try_for_each(|(first, results)| {
                let mut memory = self.memories.take(&self.layout);
                blocks.run(first, results, &mut memory.block).map(drop)
            })
        })
    }

    /// The elements per row of the batch in each result; 0 for results that all rows share.
    fn result_widths(&self) -> Vec<usize> {
        let types = self.layout.results.iter().map(|&value| &self.graph.values()[value].ty);
        types.map(|ty| if is_once(ty) { 0 } else { ty.shape.sample_len() }).collect()
    }
}

/// A batch that runs block by block.
struct Pass<'f> {
    phase: &'f Phase,
    inputs: &'f [&'f Tensor],
    batch: usize,
    /// Checked before each block.
    deadline: Deadline,
    /// The rows of a block. The last one may have fewer.
    rows: usize,
    /// Values that all rows share.
    once: &'f Arena,
    clock: Option<&'f [AtomicU64]>,
}

impl Pass<'_> {
    /// Runs the block from row `first` on. Returns the list of the results' parts for reuse.
    fn run<'r>(&self, first: usize, results: Vec<Part<'r>>, arena: &mut Arena) -> Result<Vec<Part<'r>>> {
        let &Pass { phase, inputs, batch, deadline, rows, once, clock } = self;
        deadline.expect_ahead("the CPU was computing a prediction")?;
        let rows = rows.min(batch - first);
        run(phase, Frame { inputs, first, rows, is_alone: batch == 1, arena, once: Some(once), results }, clock)
    }
}

/// Nanoseconds of each step.
struct Clocks {
    once: Vec<AtomicU64>,
    block: Vec<AtomicU64>,
}

impl Clocks {
    fn new(layout: &Layout) -> Self {
        let zeros = |phase: &Phase| phase.steps.iter().map(|_| AtomicU64::new(0)).collect();
        Clocks { once: zeros(&layout.once), block: zeros(&layout.block) }
    }
}

/// Runs all steps, and adds their times to `clock`. Returns the list of the results' parts for reuse.
fn run<'r>(phase: &Phase, mut frame: Frame<'_, 'r>, clock: Option<&[AtomicU64]>) -> Result<Vec<Part<'r>>> {
    let Some(clock) = clock else {
        phase.steps.iter().try_for_each(|step| step.run(&mut frame))?;
        return Ok(frame.results);
    };
    let mut last = Instant::now();
    for (step, total) in phase.steps.iter().zip(clock) {
        step.run(&mut frame)?;
        let now = Instant::now();
        total.fetch_add(now.duration_since(last).as_nanos() as u64, Ordering::Relaxed);
        last = now;
    }
    Ok(frame.results)
}

/// The rows of the results that no block has claimed yet.
struct Rest<'r> {
    parts: Vec<Part<'r>>,
    /// The elements per row of each result.
    widths: Vec<usize>,
}

impl<'r> Rest<'r> {
    /// The parts of the next block, in the memory of an earlier list.
    fn split_off(&mut self, rows: usize, mut list: Vec<Part<'r>>) -> Vec<Part<'r>> {
        list.clear();
        list.extend(self.parts.iter_mut().zip(&self.widths).map(|(rest, width)| rest.split_off(rows * width)));
        list
    }
}
