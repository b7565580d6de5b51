//! Checks a device against the reference, operator by operator and end to end.
//!
//! Each operator's result on the device is compared with its reference implementation *on the device's own inputs* to that
//! operator, within its tolerance class. An error is therefore attributed to the operator that made it. The outputs are
//! then compared with an end-to-end run of the reference. The allowed difference of outputs is measured: the reference
//! runs again with every operator's result perturbed at random within its tolerance, and the spread of the outputs is
//! the effect of rounding on this model and these inputs. Decisions (masks, ids) are not perturbed, because a flipped
//! decision would allow any output.

use crate::deadline::Deadline;
use crate::engine::Call;
use crate::error::{Context, Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::limits_preset::LimitsPreset;
use crate::model::Model;
use crate::passes::{self, Passes};
use crate::plan::Retain;
use crate::session::{BadIdCount, CheckedInputs, Device, DeviceStatus, SessionOptions};
use crate::telemetry::Timeline;
use crate::tensor::{Data, Difference, NamedTensors, Tensor, compare, perturb};
use crate::{reference, session};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Runs of the reference with perturbed results. The largest spread is taken.
const PERTURBED_RUNS: u64 = 4;

/// The factor on the largest spread: a few runs do not reach the worst case.
const SPREAD_FACTOR: f64 = 2.0;

/// The largest allowed difference, as a fraction of the largest magnitude of the output, however large the spread is.
const MOST_ALLOWED_SHARE: f64 = 1e-3;

/// The device that is checked against the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckDevice {
    /// The GPU, opened with these limits.
    Gpu(LimitsPreset),
    /// The CPU engine.
    Cpu,
}

/// The comparison of one operator's result on the device with its reference implementation on the same inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeCheck {
    /// The name of the node.
    pub name: String,
    /// The operator with its attributes, as text.
    pub operator: String,
    /// The tolerance class of the operator, as text.
    pub tolerance: String,
    /// The difference of the two values.
    pub difference: Difference,
}

/// The end-to-end comparison of one output with an expected value.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputCheck {
    /// The name of the output.
    pub name: String,
    /// The source of the expected value: `reference` or `expected`.
    pub against: &'static str,
    /// The difference of the two values.
    pub difference: Difference,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The device that was checked, as the text of a [`DeviceStatus`](crate::DeviceStatus).
    pub device: String,
    /// The passes that rewrote the graph for the device.
    pub passes: Passes,
    /// The batch size.
    pub batch: usize,
    /// Ids that were outside their tables.
    pub bad_ids: Vec<BadIdCount>,
    /// Every output of every operator, in execution order.
    pub nodes: Vec<NodeCheck>,
    /// Every output compared with the reference, then those compared with the expected tensors.
    pub outputs: Vec<OutputCheck>,
}

impl CheckReport {
    /// Whether every operator and every output is within its tolerance.
    pub fn is_right(&self) -> bool {
        self.first_wrong_node().is_none() && self.outputs.iter().all(|output| output.difference.is_within())
    }

    /// The first operator whose result is outside its tolerance.
    pub fn first_wrong_node(&self) -> Option<&NodeCheck> {
        self.nodes.iter().find(|node| !node.difference.is_within())
    }
}

/// [`check_with`] for a device and a list of passes, with default options.
///
/// ```
/// use tfjs_wgpu::study::{CheckDevice, check};
/// use tfjs_wgpu::{LoadOptions, Model, Passes, tensor_file};
///
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let inputs = tensor_file::read("examples/shop_rank/input.safetensors")?;
/// let expected = tensor_file::read("examples/shop_rank/expected.tfjs.safetensors")?;
/// let report = check(&model, &inputs, Some(&expected), CheckDevice::Cpu, Passes::default())?;
/// assert!(report.is_right(), "{:?}", report.first_wrong_node());
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`check_with`].
pub fn check(
    model: &Model,
    inputs: &NamedTensors,
    expected: Option<&NamedTensors>,
    device: CheckDevice,
    passes: Passes,
) -> Result<CheckReport> {
    let options = SessionOptions::default().passes(passes);
    let options = match device {
        CheckDevice::Cpu => options.device(Device::Cpu),
        CheckDevice::Gpu(limits) => options.device(Device::Gpu).limits(limits),
    };
    check_with(model, inputs, expected, &options)
}

/// Compares a device with the reference for `inputs`, one tensor per model input, batch first. If `expected` has
/// outputs recorded elsewhere, the outputs of the device are compared with these too.
///
/// The device runs the graph that a session with these options runs for these inputs. Its operators are checked one by
/// one. Its outputs are compared with those of the reference for the graph as it was read. Open dimensions without a
/// size take the sizes of `inputs`.
///
/// There is no fallback: [`Device::Auto`] is a hardware GPU. The activation precision and the timeout of the options do
/// not apply.
///
/// # Errors
///
/// - [`ErrorKind::Input`](crate::ErrorKind::Input): the inputs do not fit the model, `expected` names an output that
///   the model lacks, an option has no effect on the device, or there is nothing to check (a batch of 0, or a model
///   without outputs).
/// - [`ErrorKind::Shape`](crate::ErrorKind::Shape): an expected output has another shape or dtype than the model's
///   output.
/// - [`ErrorKind::Limit`](crate::ErrorKind::Limit): a value is too large at this batch.
/// - [`ErrorKind::Device`](crate::ErrorKind::Device): the device does not open, or fails.
pub fn check_with(
    model: &Model,
    inputs: &NamedTensors,
    expected: Option<&NamedTensors>,
    options: &SessionOptions,
) -> Result<CheckReport> {
    let passes = options.passes;
    session::expect_effect(options)?;
    if model.graph().outputs().is_empty() {
        return Err(Error::input("there is nothing to check: the model has no outputs").hint("name its outputs"));
    }
    let model = &model.with_sizes_of(inputs)?;
    let CheckedInputs { repeated, given, shared, batch, bad_ids } = session::checked_inputs(model, inputs)?;
    if batch == 0 {
        return Err(Error::input("there is nothing to check in a batch of 0").hint("give at least one row"));
    }
    let plain = model.graph();
    let once = passes.shares() && !shared.is_empty();
    let rewritten = |facts: &DeviceFacts| {
        let names: Vec<&str> = shared.iter().map(String::as_str).collect();
        let graph = if once { Arc::new(passes::share(plain, &names)?) } else { Arc::clone(plain) };
        passes.run(&graph, facts)
    };
    let computed = compute(if once { &given } else { &repeated }, batch, options, rewritten)?;
    let nodes = check_nodes(&computed.graph, &computed.values)?;
    let right = reference::run(plain, &repeated)?;
    let allowances = output_allowances(plain, &repeated)?;
    let mut outputs = Vec::new();
    for ((name, _), allowance) in plain.outputs().iter().zip(&allowances) {
        let (Some(right), Some(value)) = (right.get(name), computed.output(name)) else { continue };
        let difference = compare(right, value, allowance)?;
        outputs.push(OutputCheck { name: name.clone(), against: "reference", difference });
    }
    if let Some(expected) = expected {
        outputs.extend(check_expected(plain, &computed, expected, &allowances)?);
    }
    Ok(CheckReport { device: computed.device, passes, batch, bad_ids, nodes, outputs })
}

/// All values of a graph, as computed by a device.
struct Computed {
    graph: Arc<Graph>,
    values: Vec<Arc<Tensor>>,
    device: String,
}

impl Computed {
    fn output(&self, name: &str) -> Option<&Tensor> {
        let (_, id) = self.graph.outputs().iter().find(|(output, _)| output == name)?;
        Some(&self.values[id.index()])
    }
}

/// Runs the graph that `rewritten` returns for the device, and retains all values.
fn compute(
    inputs: &NamedTensors,
    batch: usize,
    options: &SessionOptions,
    rewritten: impl FnOnce(&DeviceFacts) -> Result<Arc<Graph>>,
) -> Result<Computed> {
    let (deadline, mut timeline) = (Deadline::NEVER, Timeline::start());
    let engine = session::open_engine(options.device, options, deadline, &mut timeline)?;
    let graph = rewritten(engine.facts())?;
    let prepared = engine.prepare(&graph, Retain::All, deadline, &mut timeline)?;
    let given = |(_, node): (_, &Node)| reference::input(inputs, &node.name).map(Cow::Borrowed);
    let given: Vec<Cow<'_, Tensor>> = graph.inputs().map(given).collect::<Result<_>>()?;
    // Only predicting in pieces needs to know which inputs are shared, and an inspected batch is not split.
    let per_sample = vec![true; given.len()];
    let call = Call { inputs: &given, per_sample: &per_sample, batch, deadline };
    let computed: HashMap<ValueId, Tensor> = prepared.inspect(&call, &mut timeline)?.into_iter().collect();
    let mut given = given.into_iter();
    let mut values = Vec::with_capacity(graph.values().len());
    let missing = || Error::internal("a value was not kept");
    for id in graph.value_ids() {
        values.push(match &graph.maker(id).source {
            Source::Input => Arc::new(given.next().ok_or_else(missing)?.into_owned()),
            Source::Constant(value) => Arc::clone(value),
            Source::Op(_) => Arc::new(computed.get(&id).cloned().ok_or_else(missing)?),
        });
    }
    Ok(Computed { graph, values, device: DeviceStatus::open(&*engine, None).to_string() })
}

fn check_nodes(graph: &Graph, values: &[Arc<Tensor>]) -> Result<Vec<NodeCheck>> {
    let mut nodes = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let operands: Vec<&Tensor> = node.inputs.iter().map(|id| &*values[id.index()]).collect();
        let expected = reference::evaluate(op, &node.name, &operands)?;
        let allowances = op.operator().allowance(&operands, &expected)?;
        for ((id, expected), allowance) in node.outputs.iter().zip(&expected).zip(&allowances) {
            let value = &values[id.index()];
            nodes.push(NodeCheck {
                name: node.name.clone(),
                operator: match node.outputs.len() {
                    1 => op.to_string(),
                    _ => format!("{op}, output {}", graph.value(*id).position),
                },
                tolerance: op.operator().tolerance(&operands).to_string(),
                difference: compare(expected, value, allowance).at(|| format!("`{}`", node.name))?,
            });
        }
    }
    Ok(nodes)
}

fn check_expected(
    graph: &Graph,
    computed: &Computed,
    expected: &NamedTensors,
    allowances: &[Vec<f64>],
) -> Result<Vec<OutputCheck>> {
    let mut outputs = Vec::new();
    for (name, tensor) in expected.iter() {
        let Some(index) = graph.outputs().iter().position(|(output, _)| output == name) else {
            let outputs: Vec<&str> = graph.outputs().iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::input(format!("the model has no output called `{name}`"))
                .hint(format!("the model's outputs are: {}", outputs.join(", "))));
        };
        let Some(value) = computed.output(name) else { continue };
        // Both sides round, each within the allowance of the output.
        let allowance: Vec<f64> = allowances[index].iter().map(|allowed| 2.0 * allowed).collect();
        let difference = compare(tensor, value, &allowance).at(|| format!("output `{name}`"))?;
        outputs.push(OutputCheck { name: name.into(), against: "expected", difference });
    }
    Ok(outputs)
}

/// For each output of `graph`, the difference from the reference that rounding alone can cause, per element.
pub fn output_allowances(graph: &Graph, inputs: &NamedTensors) -> Result<Vec<Vec<f64>>> {
    let mut own: Vec<Vec<f64>> = vec![Vec::new(); graph.values().len()];
    let right = reference::run_all(graph, inputs, |id, operands, answers| {
        let node = graph.node(id);
        if let Source::Op(op) = &node.source {
            let allowances = op.operator().allowance(operands, &answers)?;
            node.outputs.iter().zip(allowances).for_each(|(id, allowance)| own[id.index()] = allowance);
        }
        Ok(answers)
    })?;
    let mut spread = vec![0.0f64; graph.outputs().len()];
    for run in 0..PERTURBED_RUNS {
        let moved = reference::run_all(graph, inputs, |id, _, answers| {
            let outputs = graph.node(id).outputs.iter().zip(answers);
            let moved = outputs.map(|(id, answer)| match answer.data() {
                Data::F32(_) => perturb(&answer, &own[id.index()], [run, id.index() as u64]),
                Data::I32(_) | Data::Bool(_) => Ok((*right[id.index()]).clone()),
            });
            moved.collect()
        })?;
        for (spread, (_, id)) in spread.iter_mut().zip(graph.outputs()) {
            let pairs = right[id.index()].to_f64().into_iter().zip(moved[id.index()].to_f64());
            let widest = pairs.map(|(right, moved)| (right - moved).abs()).filter(|distance| distance.is_finite());
            *spread = widest.fold(*spread, f64::max);
        }
    }
    let allowance = |(spread, (_, id)): (f64, &(String, ValueId))| {
        let magnitudes = right[id.index()].to_f64().into_iter().map(f64::abs).filter(|value| value.is_finite());
        let most = MOST_ALLOWED_SHARE * magnitudes.fold(0.0, f64::max);
        let own = &own[id.index()];
        let own = (0..right[id.index()].len()).map(|index| own.get(index).copied().unwrap_or(0.0));
        let most = most.max(f64::from(f32::MIN_POSITIVE));
        // An infinite tolerance stays infinite: the result depends on the order of summation.
        let allowed = |own: f64| if own == f64::INFINITY { own } else { (SPREAD_FACTOR * spread + own).min(most) };
        own.map(allowed).collect()
    };
    Ok(spread.into_iter().zip(graph.outputs()).map(allowance).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::tensor::{Shape, TensorType};

    #[test]
    fn a_model_without_outputs_is_not_right() {
        let mut builder = Builder::new();
        builder.input("x", TensorType::f32(Shape::batched(&[1]))).expect("an input");
        let model = Model::from_graph("empty", builder.finish(Vec::new()).expect("a graph"));
        let inputs = [("x", Tensor::f32(&[1, 1], vec![1.0]).expect("a tensor"))].into_iter().collect();
        let error = check(&model, &inputs, None, CheckDevice::Cpu, Passes::PLAIN).expect_err("nothing to check");
        assert_eq!(error.to_string(), "there is nothing to check: the model has no outputs");
    }
}
