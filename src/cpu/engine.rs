//! Prediction by prediction: blocks of rows, the memory they need, and the threads that take them.

use super::frame::{Arena, Frame, Part};
use super::layout::{Layout, Phase, is_once};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::plan::Retain;
use crate::tensor::{DType, Data, NamedTensors, Spare, Tensor};
use pulp::Arch;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Rows that go through all steps together: few enough for the second level cache, many enough that reading the
/// weights does not count. A multiple of the height of a tile of [`super::matrix`].
const BLOCK_ROWS: usize = 96;

/// Floating-point operations that a thread must be given for waking it to pay: several times the ten microseconds or so
/// that this takes.
const OPERATIONS_PER_THREAD: u64 = 8_000_000;

/// A graph, ready to answer. May be shared by threads.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) graph: Arc<Graph>,
    layout: Layout,
    /// Of one row, without what is computed once.
    operations: u64,
    /// Whether all rows go through the steps as one block.
    whole: bool,
    /// None where the calling thread does all work.
    threads: Option<Arc<ThreadPool>>,
    /// Memory between predictions: as many as there were at one time.
    memory: Mutex<Vec<Memory>>,
}

#[derive(Debug)]
struct Memory {
    once: Arena,
    block: Arena,
}

impl Engine {
    /// Prepares `graph` for predictions by `threads` threads: all cores if `None`.
    pub(crate) fn new(graph: &Arc<Graph>, threads: Option<usize>, retain: Retain) -> Result<Engine> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = match threads.unwrap_or_else(cores) {
            0 | 1 => None,
            count => {
                let pool =
                    ThreadPoolBuilder::new().num_threads(count).thread_name(|index| format!("tfjs-wgpu {index}"));
                let failed = |cause: rayon::ThreadPoolBuildError| {
                    Error::internal(format!("{count} threads could not be started")).because(cause)
                };
                Some(Arc::new(pool.build().map_err(failed)?))
            }
        };
        Engine::on(graph, threads, retain)
    }

    fn on(graph: &Arc<Graph>, threads: Option<Arc<ThreadPool>>, retain: Retain) -> Result<Engine> {
        let layout = Layout::new(graph, retain, Arch::new())?;
        let (operations, whole) = (operations(graph), graph.mixes_rows());
        Ok(Engine { graph: Arc::clone(graph), layout, operations, whole, threads, memory: Mutex::default() })
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The bytes of the memory between predictions.
    pub(crate) fn held_bytes(&self) -> u64 {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let arenas = memory.iter().flat_map(|memory| [&memory.once, &memory.block]);
        arenas.flat_map(|arena| &arena.buffers).map(Data::bytes).sum()
    }

    /// The outputs for `inputs`: one tensor for each input of the graph in its order, of `batch` rows, at least one.
    pub(crate) fn predict(&self, inputs: &[&Tensor], batch: usize, spare: &mut Spare) -> Result<NamedTensors> {
        Ok(self.named(self.results(inputs, batch, spare, None)?))
    }

    fn named(&self, results: Vec<Tensor>) -> NamedTensors {
        self.graph.outputs().iter().map(|(name, _)| name.clone()).zip(results).collect()
    }

    /// All values, of an engine that retains them.
    pub(crate) fn inspect(&self, inputs: &[&Tensor], batch: usize) -> Result<Vec<Tensor>> {
        self.results(inputs, batch, &mut Spare::default(), None)
    }

    /// Predicts and tells how long each step took: nanoseconds in the order of [`Engine::steps`], summed over blocks of rows and
    /// the threads that took them.
    pub(crate) fn time_steps(
        &self,
        inputs: &[&Tensor],
        batch: usize,
        spare: &mut Spare,
    ) -> Result<(NamedTensors, Vec<u64>)> {
        let clocks = Clocks::new(&self.layout);
        let results = self.results(inputs, batch, spare, Some(&clocks))?;
        let times_ns = clocks.once.into_iter().chain(clocks.block).map(AtomicU64::into_inner);
        Ok((self.named(results), times_ns.collect()))
    }

    /// The node that each step computes, and whether it is computed once for all rows; in running order.
    pub(crate) fn steps(&self) -> Vec<(NodeId, bool)> {
        let ids: Vec<NodeId> = self.graph.ids().collect();
        let phase = |phase: &Phase, once: bool| phase.nodes.iter().map(|node| (ids[*node], once)).collect::<Vec<_>>();
        [phase(&self.layout.once, true), phase(&self.layout.block, false)].concat()
    }

    /// The results for the whole batch.
    fn results(
        &self,
        inputs: &[&Tensor],
        batch: usize,
        spare: &mut Spare,
        clocks: Option<&Clocks>,
    ) -> Result<Vec<Tensor>> {
        let types = self.layout.results.iter().map(|&value| &self.graph.values()[value].ty);
        let shapes: Vec<(Vec<usize>, DType)> = types.map(|ty| (ty.shape.resolve(batch), ty.dtype)).collect();
        let data = shapes.iter().map(|(shape, dtype)| spare.take(*dtype, shape.iter().product()));
        let mut data: Vec<Data> = data.collect();
        self.fill(inputs, batch, &mut data, clocks)?;
        shapes.iter().zip(data).map(|((shape, _), data)| Tensor::new(shape, data)).collect()
    }

    fn fill(&self, inputs: &[&Tensor], batch: usize, data: &mut [Data], clocks: Option<&Clocks>) -> Result<()> {
        let once_clock = clocks.map(|clocks| clocks.once.as_slice());
        let block_clock = clocks.map(|clocks| clocks.block.as_slice());
        let mut memory = self.take_memory();
        let Memory { once, block } = &mut memory;
        let results = data.iter_mut().map(Part::whole).collect();
        run(&self.layout.once, Frame { inputs, first: 0, rows: 1, arena: once, once: None, results }, once_clock)?;
        let once = Some(&*once);
        let rows = self.block_rows(batch);
        let mut rest = Rest { parts: data.iter_mut().map(Part::whole).collect(), widths: self.result_widths() };
        let rows_from = |first: usize| rows.min(batch - first);
        let firsts = (0..batch).step_by(rows);
        match &self.threads {
            Some(pool) if rows < batch => {
                let blocks: Vec<_> = firsts.map(|first| (first, rest.split_off(rows, Vec::new()))).collect();
                pool.install(|| {
                    blocks.into_par_iter().try_for_each(|(first, results)| {
                        let mut memory = self.take_memory();
                        let (rows, arena) = (rows_from(first), &mut memory.block);
                        run(&self.layout.block, Frame { inputs, first, rows, arena, once, results }, block_clock)?;
                        self.give_back(memory);
                        Ok(())
                    })
                })?;
            }
            _ => {
                let mut parts = Vec::new();
                for first in firsts {
                    let (rows, results) = (rows_from(first), rest.split_off(rows, parts));
                    let frame = Frame { inputs, first, rows, arena: block, once, results };
                    parts = run(&self.layout.block, frame, block_clock)?;
                }
            }
        }
        self.give_back(memory);
        Ok(())
    }

    /// The elements that a row of the batch has in each result: none of what all rows share.
    fn result_widths(&self) -> Vec<usize> {
        let types = self.layout.results.iter().map(|&value| &self.graph.values()[value].ty);
        types.map(|ty| if is_once(ty) { 0 } else { ty.shape.sample_len() }).collect()
    }

    /// Rows of a block: as many as caches like, or fewer so that all threads that pay have work; all where steps need them
    /// together.
    fn block_rows(&self, batch: usize) -> usize {
        if self.whole {
            return batch;
        }
        let threads = self.threads.as_ref().map_or(1, |pool| pool.current_num_threads());
        let work = self.operations.saturating_mul(batch as u64) / OPERATIONS_PER_THREAD;
        let paying = usize::try_from(work).unwrap_or(usize::MAX).clamp(1, threads);
        batch.div_ceil(paying).clamp(1, BLOCK_ROWS)
    }

    fn take_memory(&self) -> Memory {
        let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
        known.unwrap_or_else(|| {
            let arena =
                |phase: &Phase| Arena { buffers: phase.slots.iter().map(|slot| Data::empty(slot.dtype)).collect() };
            Memory { once: arena(&self.layout.once), block: arena(&self.layout.block) }
        })
    }

    fn give_back(&self, memory: Memory) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
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

/// Runs all steps, and adds to `clock` how long they take; gives back the list of the results' parts, to be used again.
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

/// The rows of the results that no block has yet.
struct Rest<'r> {
    parts: Vec<Part<'r>>,
    /// The elements of a row of each.
    widths: Vec<usize>,
}

impl<'r> Rest<'r> {
    /// The parts of the next block, in the memory of a list that is no longer needed.
    fn split_off(&mut self, rows: usize, mut list: Vec<Part<'r>>) -> Vec<Part<'r>> {
        list.clear();
        list.extend(self.parts.iter_mut().zip(&self.widths).map(|(rest, width)| rest.split_off(rows * width)));
        list
    }
}

/// The floating-point operations that one row needs.
fn operations(graph: &Graph) -> u64 {
    let ids = graph.ids().filter(|id| graph.is_per_sample(graph.node(*id)));
    ids.map(|id| graph.cost(id, 1).flops).sum()
}
