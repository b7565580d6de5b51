//! Prediction by prediction: blocks of rows, the memory they need, and the threads that take them.

use super::frame::{Arena, Frame, empty};
use super::layout::{Layout, Phase, Value};
use crate::error::{Error, Result};
use crate::graph::{Graph, Source};
use crate::ops::ConcreteType;
use crate::plan::Retain;
use crate::tensor::{Data, NamedTensors, Tensor, TensorType};
use pulp::Arch;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, PoisonError};

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
                    Error::device(format!("{count} threads could not be started")).cause(cause.to_string())
                };
                Some(Arc::new(pool.build().map_err(failed)?))
            }
        };
        Engine::on(graph, threads, retain)
    }

    /// Another graph on the same threads.
    pub(crate) fn share(&self, graph: &Arc<Graph>) -> Result<Engine> {
        Engine::on(graph, self.threads.clone(), Retain::Outputs)
    }

    fn on(graph: &Arc<Graph>, threads: Option<Arc<ThreadPool>>, retain: Retain) -> Result<Engine> {
        let layout = Layout::new(graph, retain, Arch::new())?;
        let operations = operations(graph);
        Ok(Engine { graph: Arc::clone(graph), layout, operations, threads, memory: Mutex::default() })
    }

    /// The outputs for `inputs`: one tensor for each input of the graph in its order, of `batch` rows, at least one.
    pub(crate) fn predict(&self, inputs: &[&Tensor], batch: usize) -> Result<NamedTensors> {
        let nodes: Vec<usize> = self.graph.outputs().iter().map(|(_, id)| id.index()).collect();
        let tensors = self.values(inputs, batch, &nodes)?;
        let names = self.graph.outputs().iter().map(|(name, _)| name.clone());
        Ok(names.zip(tensors).collect())
    }

    /// The values of all nodes, of an engine that retains them.
    pub(crate) fn inspect(&self, inputs: &[&Tensor], batch: usize) -> Result<Vec<Tensor>> {
        self.values(inputs, batch, &(0..self.graph.nodes().len()).collect::<Vec<_>>())
    }

    /// The values of `nodes` for the whole batch.
    fn values(&self, inputs: &[&Tensor], batch: usize, nodes: &[usize]) -> Result<Vec<Tensor>> {
        let ty = |node: usize| &self.graph.nodes()[node].ty;
        let mut results: Vec<Data> = nodes.iter().map(|&node| zeros(ty(node), batch)).collect();
        let mut memory = self.take_memory();
        let Memory { once, block } = &mut memory;
        run(&self.layout.once, Frame { inputs, first: 0, rows: 1, arena: once, once: None })?;
        let once = &*once;
        let rows = self.block_rows(batch);
        let results_of = Mutex::new(&mut results);
        let compute = |first: usize, arena: &mut Arena| -> Result<()> {
            let rows = rows.min(batch - first);
            run(&self.layout.block, Frame { inputs, first, rows, arena, once: Some(once) })?;
            let frame = Frame { inputs, first, rows, arena, once: Some(once) };
            let mut results = results_of.lock().unwrap_or_else(PoisonError::into_inner);
            let values = nodes.iter().map(|&node| &self.layout.values[node]);
            values.zip(results.iter_mut()).try_for_each(|(value, result)| frame.copy(value, result))
        };
        match &self.threads {
            Some(pool) if rows < batch => pool.install(|| {
                (0..batch.div_ceil(rows)).into_par_iter().try_for_each(|index| {
                    let mut memory = self.take_memory();
                    compute(index * rows, &mut memory.block)?;
                    self.give_back(memory);
                    Ok(())
                })
            })?,
            _ => (0..batch).step_by(rows).try_for_each(|first| compute(first, block))?,
        }
        self.give_back(memory);
        let tensors = nodes.iter().zip(results);
        tensors.map(|(&node, data)| Tensor::new(&ty(node).shape.resolve(batch), data)).collect()
    }

    /// Rows of a block: as many as caches like, or fewer so that all threads that pay have work.
    fn block_rows(&self, batch: usize) -> usize {
        let threads = self.threads.as_ref().map_or(1, |pool| pool.current_num_threads());
        let work = self.operations.saturating_mul(batch as u64) / OPERATIONS_PER_THREAD;
        let paying = usize::try_from(work).unwrap_or(usize::MAX).clamp(1, threads);
        batch.div_ceil(paying).clamp(1, BLOCK_ROWS)
    }

    fn take_memory(&self) -> Memory {
        let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
        known.unwrap_or_else(|| {
            let arena = |phase: &Phase| Arena { buffers: phase.slots.iter().map(|slot| empty(slot.dtype)).collect() };
            Memory { once: arena(&self.layout.once), block: arena(&self.layout.block) }
        })
    }

    fn give_back(&self, memory: Memory) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

fn run(phase: &Phase, mut frame: Frame<'_>) -> Result<()> {
    phase.steps.iter().try_for_each(|step| step.run(&mut frame))
}

/// The floating-point operations that one row needs.
fn operations(graph: &Graph) -> u64 {
    let concrete = |ty: &TensorType| ConcreteType { shape: ty.shape.resolve(1), dtype: ty.dtype };
    let batched = graph.nodes().iter().filter(|node| node.ty.shape.is_batched() && !node.ty.shape.is_shared());
    let operations = batched.map(|node| {
        let Source::Op(op) = &node.source else { return 0 };
        let inputs: Vec<ConcreteType> = node.inputs.iter().map(|id| concrete(&graph.node(*id).ty)).collect();
        op.operator().flops(&inputs, &concrete(&node.ty))
    });
    operations.sum()
}

fn zeros(ty: &TensorType, batch: usize) -> Data {
    let count = ty.shape.resolve(batch).iter().product();
    match empty(ty.dtype) {
        Data::F32(_) => Data::F32(vec![0.0; count]),
        Data::I32(_) => Data::I32(vec![0; count]),
        Data::Bool(_) => Data::Bool(vec![false; count]),
    }
}

impl Frame<'_> {
    /// Copies the block's rows of a value to their place in the value of the whole batch.
    fn copy(&self, value: &Value, result: &mut Data) -> Result<()> {
        match result {
            Data::F32(result) => self.copy_rows(value, result),
            Data::I32(result) => self.copy_rows(value, result),
            Data::Bool(result) => self.copy_rows(value, result),
        }
    }

    fn copy_rows<T: super::frame::Element>(&self, value: &Value, result: &mut [T]) -> Result<()> {
        let (first, rows) = if value.operand.once { (0, 1) } else { (self.first, self.rows) };
        let width = value.operand.width;
        let whole = super::frame::Operand { width: value.stride, ..value.operand.clone() };
        let values = self.read::<T>(&whole)?;
        let result = &mut result[first * width..(first + rows) * width];
        if value.stride == width {
            result.copy_from_slice(values);
        } else {
            let rows = values.chunks(value.stride.max(1)).zip(result.chunks_mut(width.max(1)));
            rows.for_each(|(from, to)| to.copy_from_slice(&from[value.offset..value.offset + width]));
        }
        Ok(())
    }
}
