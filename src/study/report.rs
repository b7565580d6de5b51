//! All results as one value: the schema of `--json` and `report.json`, and the input of `compare`.
//!
//! The schema has a version number. A new field keeps it; removing a field or changing its meaning increments it.

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

/// The number of the schema that is written.
pub const SCHEMA: u32 = 2;

/// What was measured of one model on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`]
    pub schema: u32,
    /// When, in UTC, as `2026-01-31T12:00:00Z`.
    pub created: String,
    /// Of what.
    pub model: MeasuredModel,
    /// Where.
    pub machine: Machine,
    /// The seed of the inputs.
    pub seed: u64,
    /// Opening, first and warm predictions, one for each device, plan and batch size.
    pub results: Vec<Measurement>,
    /// The rest of a study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyResults>,
}

/// Which model it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredModel {
    /// Its own name.
    pub name: String,
    /// Format and origin, as `layers-model, keras v2.17.0`.
    pub format: String,
    /// Which model: its [`ModelIdentity`](crate::ModelIdentity), the same wherever its files are. Of one that has none, made by
    /// hand or with random weights, `graph` and the SHA-256 of its operators and constants.
    pub identity: String,
    /// Layers.
    pub layers: usize,
    /// Operators of the graph.
    pub operators: usize,
    /// Bytes of the weights in the file.
    pub weight_bytes: u64,
}

/// What a study measures besides warm predictions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StudyResults {
    /// Whether it came to its end. What was measured before an interruption stands.
    pub complete: bool,
    /// Whether a few runs stood for many: then its numbers mean little.
    #[serde(default)]
    pub quick: bool,
    /// What could not be measured, and why.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Fresh processes: from nothing to the first answer.
    pub cold: Vec<ColdStart>,
    /// Predictions with pauses between them.
    pub sporadic: Vec<Sporadic>,
    /// Time against the number of candidates.
    pub curves: Vec<Curve>,
    /// From how many candidates on one of two is faster.
    pub break_even: Vec<BreakEven>,
    /// Time against the number of dispatches that do next to nothing.
    pub dispatch_cost: Option<DispatchCost>,
    /// From the plan of TF.js to the fused plan, one technique after the other.
    pub ablations: Vec<Ablation>,
    /// Where the time of a prediction goes, step by step.
    #[serde(default)]
    pub profiles: Vec<PassesProfile>,
    /// What precision costs and what it does to the order.
    pub precision: Vec<Precision>,
    /// The published numbers beside ours.
    pub published: Option<Published>,
}

/// A fresh process, several times: from its start to the first answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColdStart {
    /// `gpu` or `cpu`.
    pub device: String,
    /// Which one.
    pub engine: String,
    /// The list of passes.
    pub passes: String,
    /// What was set otherwise than usual.
    pub settings: Vec<String>,
    /// Whether an earlier process had left its compiled pipelines on disk.
    pub cached: bool,
    /// Reading and decoding the file, opening the session and predicting once, together.
    pub total_ms: Summary,
    /// From the start of the process to its end, which is more: the system's loader, and tearing down.
    pub process_ms: Summary,
    /// The median of reading and decoding the file.
    pub load_ms: f64,
    /// The median of opening.
    pub open_ms: f64,
    /// The median of the first prediction.
    pub first_ms: f64,
    /// Medians of the stages of opening.
    pub open_stages: Vec<StageTime>,
    /// Medians of the stages of the first prediction.
    pub first_stages: Vec<StageTime>,
    /// Pipelines that were made.
    pub pipelines: u64,
    /// Dispatches of the prediction.
    pub dispatches: u64,
}

/// Predictions that come so long after one another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sporadic {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The list of passes.
    pub passes: String,
    /// Milliseconds from one start to the next; 0 for at once.
    pub interval_ms: u64,
    /// The predictions.
    pub warm_ms: Summary,
}

/// Time against the number of candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The list of passes.
    pub passes: String,
    /// The inputs that were given once for all candidates: one user.
    pub shared: Vec<String>,
    /// By the number of candidates.
    pub points: Vec<CurvePoint>,
}

impl Curve {
    /// What it is called in tables and legends.
    pub fn label(&self) -> String {
        let shared = if self.shared.is_empty() { "" } else { ", one user" };
        format!("{} {}{shared}", self.device, self.passes)
    }
}

/// One number of candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Rows of the prediction.
    pub candidates: usize,
    /// Warm predictions.
    pub ms: Summary,
    /// Dispatches of one.
    pub dispatches: u64,
}

/// From how many candidates on one curve is below another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakEven {
    /// The curve that is faster for few candidates.
    pub for_few: String,
    /// The curve that is compared with it.
    pub for_many: String,
    /// The smallest number of candidates that was measured from which on the second is faster; `None` if it never is.
    pub from_candidates: Option<usize>,
}

/// Time against the number of dispatches that do next to nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchCost {
    /// Which device.
    pub engine: String,
    /// By the number of dispatches.
    pub points: Vec<DispatchPoint>,
    /// In milliseconds: the slope is what a dispatch costs, the intercept what submitting, waiting and reading back do.
    pub line: Option<Line>,
}

/// A prediction with this number of dispatches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchPoint {
    /// Dispatches.
    pub dispatches: u64,
    /// Warm predictions.
    pub ms: Summary,
}

/// One step of the way from the shape of TF.js to the fused plan. Steps add up: each has what the ones before it have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// What this step changes.
    pub name: String,
    /// What that means.
    pub about: String,
    /// The list of passes.
    pub passes: String,
    /// What is set otherwise than usual.
    pub settings: Vec<String>,
    /// Rows of a prediction.
    pub batch: usize,
    /// Opening in a fresh process, the median; `None` where no process could be started.
    pub open_ms: Option<f64>,
    /// The first prediction in a fresh process likewise.
    pub first_ms: Option<f64>,
    /// Warm predictions.
    pub warm_ms: Summary,
    /// Pipelines made until the first answer.
    pub pipelines: u64,
    /// Dispatches of a prediction.
    pub dispatches: u64,
    /// Submits of a prediction.
    pub submits: u64,
    /// Waits for the device.
    pub waits: u64,
}

/// The steps of a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassesProfile {
    /// `gpu` or `cpu`.
    pub device: String,
    /// The list of passes.
    pub passes: String,
    /// What was measured.
    pub profile: Profile,
    /// What it means.
    pub breakdown: Breakdown,
    /// What the device reached in probes.
    pub ceilings: Option<Ceilings>,
}

/// One way to compute, against the reference: how fast, how far off, and what becomes of the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// What it is called.
    pub name: String,
    /// `gpu` or `cpu`.
    pub device: String,
    /// The list of passes.
    pub passes: String,
    /// What is set otherwise than usual.
    pub settings: Vec<String>,
    /// The output by which is ranked.
    pub output: String,
    /// Rankings that were compared, each of other inputs.
    pub rankings: usize,
    /// Candidates in each.
    pub candidates: usize,
    /// The k of the next fields.
    pub k: usize,
    /// The largest difference of a score from the reference's.
    pub max_abs_difference: f64,
    /// Kendall's τ-b, the mean and the least over the rankings.
    pub kendall_tau: [f64; 2],
    /// NDCG@k likewise.
    pub ndcg: [f64; 2],
    /// The share of the reference's first k, likewise.
    pub top_k_overlap: [f64; 2],
    /// Rankings whose best is the same.
    pub same_best: usize,
    /// Warm predictions. With half-float storage not those of a device that has it: rounding is added, traffic is not
    /// halved.
    pub warm_ms: Summary,
}

/// The averages that a deployment published, and ours in the same stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Who published them, and when.
    pub source: String,
    /// Theirs, then ours.
    pub rows: Vec<PublishedRow>,
    /// What their numbers hold and ours lack, and the other way round.
    pub missing: Vec<String>,
}

/// One engine's stages in milliseconds; `None` for what it does not have or was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedRow {
    /// Whose numbers.
    pub engine: String,
    /// Whether it is published rather than measured here.
    pub is_published: bool,
    /// Fetching and evaluating the engine's own code.
    pub package_ms: Option<f64>,
    /// From the model's file to a session.
    pub init_ms: f64,
    /// The first prediction.
    pub run_ms: f64,
    /// All of them.
    pub total_ms: f64,
}

impl Report {
    /// A report without results, of now and of this machine with the adapter of that name ([`Machine::here`]).
    pub fn new(model: &Model, seed: u64, adapter: Option<&str>) -> Report {
        let created = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let (model, machine) = (MeasuredModel::of(model), Machine::here(adapter));
        Report { schema: SCHEMA, created, model, machine, seed, results: Vec::new(), study: None }
    }

    /// Reads what [`Report::to_json`] wrote.
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

    /// Reads a file that `bench --json` or a study wrote.
    pub fn read(path: &Path) -> Result<Report> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::io(path, cause).hint("give the path of a report that you may read"))?;
        Report::from_json(&text).map_err(|error| error.at(place()))
    }

    /// The report as JSON over several lines.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|cause| Error::new(ErrorKind::Io, "the report cannot be written").because(cause))
    }
}

const REPORT_HINT: &str = "give the JSON that `bench` printed, or the report.json of a study";

impl MeasuredModel {
    /// What is to be said of `model`.
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
