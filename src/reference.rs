//! Runs a graph by asking each operator for its plain answer: the definition of right.
//!
//! Every operator accumulates in f64 and rounds once to f32. Nothing here is fast, and nothing here ever will be.

use crate::deadline::Deadline;
use crate::engine::{Call, Engine, Holdings, Prepared, ProfileStep, TimedSteps};
use crate::error::{Error, Place, Result};
use crate::graph::{Graph, NodeId, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::ops::Op;
use crate::plan::{Counts, Plan, Retain};
use crate::tensor::{NamedTensors, Spare, Tensor};
use crate::timeline::Timeline;
use std::sync::Arc;
use std::time::Instant;

/// The outputs of `graph` for `inputs`, which fit it and share one batch size.
pub fn run(graph: &Graph, inputs: &NamedTensors) -> Result<NamedTensors> {
    let values = run_all(graph, inputs, |_, _, value| Ok(value))?;
    Ok(graph.outputs().iter().map(|(name, id)| (name.as_str(), (*values[id.index()]).clone())).collect())
}

/// All values. `adjust` sees each operator's answers and may change them before they are used further.
pub fn run_all(
    graph: &Graph,
    inputs: &NamedTensors,
    mut adjust: impl FnMut(NodeId, &[&Tensor], Vec<Tensor>) -> Result<Vec<Tensor>>,
) -> Result<Vec<Arc<Tensor>>> {
    let mut values: Vec<Arc<Tensor>> = Vec::with_capacity(graph.values().len());
    for (id, node) in graph.ids().zip(graph.nodes()) {
        match &node.source {
            Source::Input => values.push(Arc::new(input(inputs, &node.name)?.clone())),
            Source::Constant(value) => values.push(Arc::clone(value)),
            Source::Op(op) => {
                let operands: Vec<&Tensor> = node.inputs.iter().map(|input| &*values[input.index()]).collect();
                let answers = evaluate(op, &node.name, &operands)?;
                let answers = adjust(id, &operands, answers)?;
                values.extend(answers.into_iter().map(Arc::new));
            }
        }
    }
    Ok(values)
}

/// One operator's plain answer: a tensor for each output.
pub fn evaluate(op: &Op, name: &str, operands: &[&Tensor]) -> Result<Vec<Tensor>> {
    op.operator().eval(operands).at(|| format!("`{name}`: {}", op.operator().name()))
}

/// The tensor given for the input called `name`.
pub(crate) fn input<'t>(inputs: &'t NamedTensors, name: &str) -> Result<&'t Tensor> {
    inputs.get(name).ok_or_else(|| Error::input(format!("no tensor was given for input `{name}`")))
}

/// The reference as an engine.
#[derive(Debug)]
pub(crate) struct Reference;

impl Engine for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn description(&self) -> String {
        "reference".into()
    }

    fn facts(&self) -> &DeviceFacts {
        &DeviceFacts::HOST
    }

    fn takes_rewritten(&self) -> bool {
        false
    }

    fn prepare(
        &self,
        graph: &Arc<Graph>,
        _retain: Retain,
        _deadline: Deadline,
        _timeline: &mut Timeline,
    ) -> Result<Arc<dyn Prepared>> {
        Ok(Arc::new(ReferenceGraph(Arc::clone(graph))))
    }
}

/// A graph whose operators are asked for their plain answers.
#[derive(Debug)]
struct ReferenceGraph(Arc<Graph>);

impl Prepared for ReferenceGraph {
    fn graph(&self) -> &Arc<Graph> {
        &self.0
    }

    fn predict(&self, call: &Call<'_>, _spare: &mut Spare, timeline: &mut Timeline) -> Result<NamedTensors> {
        let inputs = call.named(&self.0);
        timeline.span("compute", || run(&self.0, &inputs))
    }

    fn inspect(&self, call: &Call<'_>, _timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>> {
        let values = run_all(&self.0, &call.named(&self.0), |_, _, value| Ok(value))?;
        Ok(self.0.value_ids().zip(values.into_iter().map(Arc::unwrap_or_clone)).collect())
    }

    fn counts(&self, batch: usize) -> Result<Counts> {
        Plan::new(Arc::clone(&self.0), &DeviceFacts::HOST, Retain::Outputs)?.counts(batch)
    }

    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>> {
        let operators = self.0.ids().filter(|id| matches!(self.0.node(*id).source, Source::Op(_)));
        Ok(operators.map(|id| ProfileStep::of_node(&self.0, id, batch, "plain answer".into())).collect())
    }

    fn time_steps(&self, call: &Call<'_>, _spare: &mut Spare, timeline: &mut Timeline) -> Result<TimedSteps> {
        let inputs = call.named(&self.0);
        let start_ns = timeline.elapsed_ns();
        let (mut times_ns, mut last) = (Vec::new(), Instant::now());
        let take_time = |_, _: &[&Tensor], value| {
            let now = Instant::now();
            times_ns.push(now.duration_since(last).as_nanos() as u64);
            last = now;
            Ok(value)
        };
        timeline.span("compute", || run_all(&self.0, &inputs, take_time))?;
        Ok(TimedSteps::end_to_end(NamedTensors::new(), start_ns, &times_ns))
    }

    fn add_memory(&self, holdings: &mut Holdings) {
        holdings.add_constants(&self.0);
    }
}
