//! Runs a graph with the reference implementations of its operators. Their results define what is correct.
//!
//! Every operator accumulates in f64 and rounds once to f32. Speed is not a goal.

mod engine;

pub(crate) use engine::Reference;

use crate::error::{Context, Error, Result};
use crate::graph::{Graph, Node, NodeId, Source, ValueId};
use crate::ops::Op;
use crate::tensor::{NamedTensors, Tensor, element_count};
use std::sync::Arc;

/// Maximum number of elements of computed values that are held at once: 4 GiB. Without it, a small file could declare
/// values of any size.
const MOST_ELEMENTS: usize = 1 << 30;

/// Computes the outputs of `graph` for `inputs`, which must match its types and share one batch size. Other values are
/// dropped after their last use.
///
/// # Errors
///
/// If an operator fails, or if the values exceed the memory limit.
pub fn run(graph: &Graph, inputs: &NamedTensors) -> Result<NamedTensors> {
    let mut uses = vec![0usize; graph.values().len()];
    let read = graph.nodes().iter().flat_map(|node| &node.inputs);
    read.chain(graph.outputs().iter().map(|(_, id)| id)).for_each(|id| uses[id.index()] += 1);
    let mut held = Held::new(graph, inputs);
    for (id, node) in graph.ids().zip(graph.nodes()) {
        held.compute(id, inputs, &mut |_, _, answers| Ok(answers))?;
        node.inputs.iter().for_each(|input| uses[input.index()] -= 1);
        let unused = node.inputs.iter().chain(&node.outputs).filter(|value| uses[value.index()] == 0);
        unused.for_each(|value| held.drop_value(*value));
    }
    graph.outputs().iter().map(|(name, id)| Ok((name.as_str(), Tensor::clone(held.tensor(*id)?)))).collect()
}

/// Computes all values. `adjust` receives the results of each operator, and returns the values that later operators
/// read. All values are held until the end.
///
/// # Errors
///
/// Those of [`run`], and those of `adjust`.
pub fn run_all(
    graph: &Graph,
    inputs: &NamedTensors,
    mut adjust: impl FnMut(NodeId, &[&Tensor], Vec<Tensor>) -> Result<Vec<Tensor>>,
) -> Result<Vec<Arc<Tensor>>> {
    let mut held = Held::new(graph, inputs);
    for id in graph.ids() {
        held.compute(id, inputs, &mut adjust)?;
    }
    graph.value_ids().map(|id| held.tensor(id).map(Arc::clone)).collect()
}

/// The values that are held while a graph runs.
struct Held<'g> {
    graph: &'g Graph,
    batch: usize,
    values: Vec<Option<Arc<Tensor>>>,
    /// The number of elements that operators computed.
    elements: usize,
}

impl<'g> Held<'g> {
    fn new(graph: &'g Graph, inputs: &NamedTensors) -> Self {
        let per_sample = graph.inputs().filter(|(id, _)| graph.ty(*id).shape.is_per_sample());
        let rows = per_sample.filter_map(|(_, node)| inputs.get(&node.name)?.shape().first().copied());
        let batch = rows.max().unwrap_or(1);
        Held { graph, batch, values: vec![None; graph.values().len()], elements: 0 }
    }

    /// Computes the values of a node, and applies `adjust`.
    fn compute(
        &mut self,
        id: NodeId,
        inputs: &NamedTensors,
        adjust: &mut impl FnMut(NodeId, &[&Tensor], Vec<Tensor>) -> Result<Vec<Tensor>>,
    ) -> Result<()> {
        let node = self.graph.node(id);
        let answers = match &node.source {
            Source::Input => vec![Arc::new(input(inputs, &node.name)?.clone())],
            Source::Constant(value) => vec![Arc::clone(value)],
            Source::Op(op) => {
                self.make_room(node)?;
                let operands = node.inputs.iter().map(|input| self.tensor(*input).map(Arc::as_ref));
                let operands: Vec<&Tensor> = operands.collect::<Result<_>>()?;
                let answers = adjust(id, &operands, evaluate(op, &node.name, &operands)?)?;
                answers.into_iter().map(Arc::new).collect()
            }
        };
        for (id, answer) in node.outputs.iter().zip(answers) {
            self.values[id.index()] = Some(answer);
        }
        Ok(())
    }

    /// Counts the elements that an operator will compute. Returns an error if the total exceeds the limit.
    fn make_room(&mut self, node: &Node) -> Result<()> {
        for id in &node.outputs {
            self.elements = self.elements.saturating_add(self.elements_of(*id).at(|| format!("`{}`", node.name))?);
        }
        if self.elements > MOST_ELEMENTS {
            return Err(Error::limit(format!("the reference would hold {} numbers at once", self.elements))
                .at(format!("`{}`", node.name))
                .cause(format!("this exceeds the limit of {MOST_ELEMENTS}"))
                .hint("use a smaller batch, or a smaller model"));
        }
        Ok(())
    }

    fn elements_of(&self, id: ValueId) -> Result<usize> {
        element_count(&self.graph.ty(id).shape.resolve(self.batch))
    }

    fn tensor(&self, id: ValueId) -> Result<&Arc<Tensor>> {
        self.values[id.index()].as_ref().ok_or_else(|| Error::internal("a value was dropped too early"))
    }

    /// Drops a value after its last use.
    fn drop_value(&mut self, id: ValueId) {
        let dropped = self.values[id.index()].take();
        if let (Some(_), Source::Op(_), Ok(count)) = (dropped, &self.graph.maker(id).source, self.elements_of(id)) {
            self.elements -= count;
        }
    }
}

/// Evaluates an operator with its reference implementation. Returns one tensor per output.
///
/// # Errors
///
/// If the operands do not fit the operator.
pub fn evaluate(op: &Op, name: &str, operands: &[&Tensor]) -> Result<Vec<Tensor>> {
    op.operator().eval(operands).at(|| format!("`{name}`: {}", op.operator().name()))
}

/// The tensor given for the input called `name`.
pub(crate) fn input<'t>(inputs: &'t NamedTensors, name: &str) -> Result<&'t Tensor> {
    inputs.get(name).ok_or_else(|| Error::input(format!("no tensor was given for input `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Binary, BinaryFunction, RepeatVector};
    use crate::tensor::{Shape, TensorType};

    /// A graph of `length` consecutive sums over `count` elements, each adding the one before.
    fn sums(count: usize, length: usize) -> Graph {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[1]))).expect("an input");
        let many = builder.op("many", RepeatVector { count }, &[x]).expect("an operator");
        let mut sum = many;
        for index in 0..length {
            let function = BinaryFunction::Add;
            sum = builder.op(&format!("sum{index}"), Binary { function }, &[sum, many]).expect("an operator");
        }
        builder.finish(vec![("y".into(), sum)]).expect("a graph")
    }

    fn one_row() -> NamedTensors {
        [("x", Tensor::f32(&[1, 1], vec![1.0]).expect("a tensor"))].into_iter().collect()
    }

    #[test]
    fn values_are_dropped_after_their_last_use() {
        let graph = sums(4, 100);
        let mut held = Held::new(&graph, &one_row());
        held.compute(NodeId(0), &one_row(), &mut |_, _, answers| Ok(answers)).expect("an input");
        held.compute(NodeId(1), &one_row(), &mut |_, _, answers| Ok(answers)).expect("four numbers");
        assert_eq!(held.elements, 4);
        held.drop_value(ValueId(1));
        assert_eq!((held.elements, held.tensor(ValueId(1)).is_err()), (0, true));
        let y = run(&graph, &one_row()).expect("an answer");
        assert_eq!(y.get("y").map(Tensor::to_f64), Some(vec![101.0; 4]));
        assert_eq!(run_all(&graph, &one_row(), |_, _, answers| Ok(answers)).expect("all").len(), 102);
    }

    #[test]
    fn values_beyond_the_limit_are_refused_before_they_are_computed() {
        let graph = sums(1 << 32, 1);
        for answer in [run(&graph, &one_row()).err(), run_all(&graph, &one_row(), |_, _, all| Ok(all)).err()] {
            let error = answer.expect("beyond the limit");
            assert_eq!(error.kind(), crate::ErrorKind::Limit);
            assert_eq!(error.to_string(), "`many`: the reference would hold 4294967296 numbers at once");
        }
    }

    #[test]
    fn the_total_counts_only_values_that_are_held() {
        let graph = sums(1 << 10, 3);
        let inputs = one_row();
        let mut held = Held::new(&graph, &inputs);
        held.elements = MOST_ELEMENTS - 2048;
        let mut same = |_: NodeId, _: &[&Tensor], answers| Ok(answers);
        for node in 0..3 {
            held.compute(NodeId(node), &inputs, &mut same).expect("there is room for two");
        }
        assert!(held.compute(NodeId(3), &inputs, &mut same).is_err(), "there is no room for three");
    }
}
