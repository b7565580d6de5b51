//! All results as one value. It defines the schema of `--json` and `report.json`, and is the input of `compare`.
//!
//! The schema has a version number. Adding a field keeps it; removing a field or changing its meaning increments it.

use super::machine::Machine;
use super::measurement::{Measurement, StageTime};
use super::profile::{Breakdown, Ceilings};
use super::statistics::{Line, Summary};
use crate::digest::{Digest, Hasher};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Source};
use crate::model::Model;
use crate::session::Profile;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::SystemTime;

/// The schema version that is written.
pub const SCHEMA: u32 = 2;

/// The measurements of one model on one machine. Times are in milliseconds unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The schema version: 2.
    pub schema: u32,
    /// The creation time in UTC, such as `2026-01-31T12:00:00Z`.
    pub created: String,
    /// The model.
    pub model: MeasuredModel,
    /// The machine.
    pub machine: Machine,
    /// The seed of the random inputs.
    pub seed: u64,
    /// Measurements of opening, first and warm predictions, one per device, list of passes and batch size.
    pub results: Vec<Measurement>,
    /// The other results of a study; `None` in a report of `bench`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyResults>,
}

/// The model that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredModel {
    /// The name of the model.
    pub name: String,
    /// Format and origin, such as `layers-model, keras v2.17.0`.
    pub format: String,
    /// The [`ModelIdentity`](crate::ModelIdentity), which does not depend on the location of the files. A model without
    /// one, built by hand or with random weights, has `graph` and the SHA-256 of its operators and constants instead.
    pub identity: String,
    /// The number of layers.
    pub layers: usize,
    /// The number of operators in the graph.
    pub operators: usize,
    /// Bytes of the weights in the file.
    pub weight_bytes: u64,
}

/// The results of a study besides warm predictions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StudyResults {
    /// Whether the study completed. After an interruption the results so far remain.
    pub complete: bool,
    /// Whether the study made only a few runs, so that its numbers are not representative.
    #[serde(default)]
    pub quick: bool,
    /// The steps that failed, and why.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Cold starts in new processes.
    pub cold: Vec<ColdStart>,
    /// Predictions with pauses between them.
    pub sporadic: Vec<Sporadic>,
    /// Time against the number of candidates.
    pub curves: Vec<Curve>,
    /// The numbers of candidates from which one of two curves is faster.
    pub break_even: Vec<BreakEven>,
    /// Time against the number of almost empty dispatches.
    pub dispatch_cost: Option<DispatchCost>,
    /// Ablations from the plan of TF.js to the fused plan, one technique after the other.
    pub ablations: Vec<Ablation>,
    /// The time of a prediction, step by step.
    #[serde(default)]
    pub profiles: Vec<PassesProfile>,
    /// The effect of precision on speed and on the order of candidates.
    pub precision: Vec<Precision>,
    /// Published numbers beside ours.
    pub published: Option<Published>,
}

/// Cold starts: several new processes, each from its start to its first prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColdStart {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The device with its driver, as the text of a [`DeviceStatus`](crate::DeviceStatus).
    pub engine: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The settings that are not the default.
    pub settings: Vec<String>,
    /// Whether compiled pipelines of an earlier process were on disk.
    pub cached: bool,
    /// Loading the model, opening the session and predicting once, in total.
    pub total_ms: Summary,
    /// From the start of the process to its end, including the system's loader and the teardown.
    pub process_ms: Summary,
    /// The median time of reading and decoding the model.
    pub load_ms: f64,
    /// The median time of opening.
    pub open_ms: f64,
    /// The median time of the first prediction.
    pub first_ms: f64,
    /// Medians of the stages of opening.
    pub open_stages: Vec<StageTime>,
    /// Medians of the stages of the first prediction.
    pub first_stages: Vec<StageTime>,
    /// The number of pipelines that were compiled.
    pub pipelines: u64,
    /// The number of dispatches of the prediction.
    pub dispatches: u64,
}

/// Predictions with pauses between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sporadic {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The name of the list of passes.
    pub passes: String,
    /// Milliseconds from the start of one prediction to the start of the next; 0 for back to back.
    pub interval_ms: u64,
    /// The times of the predictions.
    pub warm_ms: Summary,
}

/// Time against the number of candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The names of the inputs that had one row for all candidates.
    pub shared: Vec<String>,
    /// The points, by number of candidates.
    pub points: Vec<CurvePoint>,
}

impl Curve {
    /// The label in tables and legends.
    pub fn label(&self) -> String {
        let shared = if self.shared.is_empty() { "" } else { ", one user" };
        format!("{} {}{shared}", self.device, self.passes)
    }
}

/// A point of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The number of candidates: rows of the prediction.
    pub candidates: usize,
    /// Warm predictions.
    pub ms: Summary,
    /// The number of dispatches of one prediction.
    pub dispatches: u64,
}

/// The number of candidates from which one curve is below another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakEven {
    /// The label of the curve that is faster for few candidates.
    pub for_few: String,
    /// The label of the curve that is compared with it.
    pub for_many: String,
    /// The smallest measured number of candidates from which the second curve stays faster; `None` if there is none.
    pub from_candidates: Option<usize>,
}

/// Time against the number of almost empty dispatches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchCost {
    /// The device with its driver.
    pub engine: String,
    /// The points, by number of dispatches.
    pub points: Vec<DispatchPoint>,
    /// The line through the points, in milliseconds. Its slope is the cost of a dispatch, its intercept the cost of
    /// submitting, waiting and reading back.
    pub line: Option<Line>,
}

/// A point of a [`DispatchCost`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchPoint {
    /// The number of dispatches of a prediction.
    pub dispatches: u64,
    /// Warm predictions.
    pub ms: Summary,
}

/// One ablation between the plan of TF.js and the fused plan. Ablations are cumulative: each includes those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// The name of the change.
    pub name: String,
    /// A description of the change.
    pub about: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The settings that are not the default.
    pub settings: Vec<String>,
    /// The batch size.
    pub batch: usize,
    /// The median time of opening in a new process; `None` if no process could be started.
    pub open_ms: Option<f64>,
    /// The median time of the first prediction in a new process; `None` if no process could be started.
    pub first_ms: Option<f64>,
    /// Warm predictions.
    pub warm_ms: Summary,
    /// The number of pipelines compiled up to the end of the first prediction.
    pub pipelines: u64,
    /// The number of dispatches of a prediction.
    pub dispatches: u64,
    /// The number of submits of a prediction.
    pub submits: u64,
    /// The number of waits for the device in a prediction.
    pub waits: u64,
}

/// The profile of a prediction with one list of passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassesProfile {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The profile.
    pub profile: Profile,
    /// The analysis of the profile.
    pub breakdown: Breakdown,
    /// The throughput that the device reached in probes.
    pub ceilings: Option<Ceilings>,
}

/// An execution mode compared with the reference: its speed, its error, and its effect on the order of candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// The name of the execution mode.
    pub name: String,
    /// `gpu` or `cpu`.
    pub device: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The settings that are not the default.
    pub settings: Vec<String>,
    /// The name of the output that ranks.
    pub output: String,
    /// The number of rankings that were compared, each of other inputs.
    pub rankings: usize,
    /// The number of candidates in each ranking.
    pub candidates: usize,
    /// The number of top positions that the fields below look at.
    pub k: usize,
    /// The largest absolute difference of a score from the reference's.
    pub max_abs_difference: f64,
    /// Kendall's τ-b: the mean and the minimum over the rankings.
    pub kendall_tau: [f64; 2],
    /// NDCG@k: the mean and the minimum.
    pub ndcg: [f64; 2],
    /// The fraction of the reference's first k among the first k: the mean and the minimum.
    pub top_k_overlap: [f64; 2],
    /// The number of rankings with the same best candidate.
    pub same_best: usize,
    /// Times of warm predictions. With emulated half-float activations they are not those of a device with half floats:
    /// rounding is added, and memory traffic is not halved.
    pub warm_ms: Summary,
}

/// The averages that a deployment published, and ours in the same stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The source of the published numbers.
    pub source: String,
    /// The published rows, then ours.
    pub rows: Vec<PublishedRow>,
    /// The differences between what the two sets of numbers include.
    pub missing: Vec<String>,
}

/// The stages of one engine in milliseconds; `None` if the engine lacks the stage or it was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedRow {
    /// The engine.
    pub engine: String,
    /// Whether the row is published rather than measured here.
    pub is_published: bool,
    /// The time of fetching and evaluating the engine's own code.
    pub package_ms: Option<f64>,
    /// The time from the model's file to a session.
    pub init_ms: f64,
    /// The time of the first prediction.
    pub run_ms: f64,
    /// The sum of the stages.
    pub total_ms: f64,
}

impl Report {
    /// An empty report, created now on this machine. `adapter` is part of the name of the GPU adapter
    /// ([`Machine::here`]).
    pub fn new(model: &Model, seed: u64, adapter: Option<&str>) -> Report {
        let created = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let (model, machine) = (MeasuredModel::of(model), Machine::here(adapter));
        Report { schema: SCHEMA, created, model, machine, seed, results: Vec::new(), study: None }
    }

    /// Parses the JSON that [`Report::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] if the text is not a report of this schema version.
    pub fn from_json(text: &str) -> Result<Report> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|cause| Error::format("is not a report").because(cause).hint(REPORT_HINT))?;
        let found = value.get("schema").and_then(serde_json::Value::as_u64);
        if found != Some(u64::from(SCHEMA)) {
            let found = found.map_or("none".to_string(), |number| number.to_string());
            return Err(Error::format(format!("the schema of a report is {SCHEMA} here, not {found}"))
                .hint("measure again with this version"));
        }
        serde_json::from_value(value).map_err(|cause| Error::format("is not a report").because(cause).hint(REPORT_HINT))
    }

    /// Reads a report from a file that `bench --json` or a study wrote.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file cannot be read, [`ErrorKind::Format`] if it is not a report of this schema
    /// version.
    pub fn read(path: &Path) -> Result<Report> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::io(path, cause).hint("give the path of a report that you may read"))?;
        Report::from_json(&text).map_err(|error| error.at(place()))
    }

    /// The report as indented JSON.
    ///
    /// ```
    /// use tfjs_wgpu::study::Report;
    /// use tfjs_wgpu::{LoadOptions, Model};
    ///
    /// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
    /// let report = Report::new(&model, 1, None);
    /// assert_eq!(Report::from_json(&report.to_json()?)?.model, report.model);
    /// # Ok::<(), tfjs_wgpu::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if a value cannot be serialised.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|cause| Error::new(ErrorKind::Io, "the report cannot be written").because(cause))
    }
}

const REPORT_HINT: &str = "give the JSON that `bench` printed, or the report.json of a study";

impl MeasuredModel {
    /// The description of `model` in a report.
    pub fn of(model: &Model) -> MeasuredModel {
        let graph = model.graph();
        let operators = graph.nodes().iter().filter(|node| matches!(node.source, Source::Op(_))).count();
        MeasuredModel {
            name: model.name().into(),
            format: model.format().into(),
            identity: model.identity().map_or_else(|| format!("graph {}", graph_digest(graph)), ToString::to_string),
            layers: model.layers().len(),
            operators,
            weight_bytes: model.weights().iter().map(|weight| weight.stored_bytes).sum(),
        }
    }
}

fn graph_digest(graph: &Graph) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(graph.to_string().as_bytes());
    for node in graph.nodes() {
        if let Source::Constant(tensor) = &node.source {
            hasher.update(bytemuck::cast_slice(&tensor.words()));
        }
    }
    hasher.finish()
}
