//! The result of a comparison of two reports, as plain values: the schema of `compare --json`.

use crate::study::measurement::Measurement;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of the schema of a [`Comparison`].
pub(super) const SCHEMA: u32 = 1;

/// Two reports, result by result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The number of the schema: 1.
    pub schema: u32,
    /// When the two reports were made.
    pub created: [String; 2],
    /// [`super::CompareOptions::threshold_percent`]
    pub threshold_percent: f64,
    /// [`super::CompareOptions::alpha`]
    pub alpha: f64,
    /// What both reports have, in the order of the first.
    pub rows: Vec<Row>,
    /// What only the first has.
    pub only_before: Vec<ResultKey>,
    /// What only the second has.
    pub only_after: Vec<ResultKey>,
    /// What makes the two less comparable.
    pub warnings: Vec<String>,
}

impl Comparison {
    /// The rows that are slower by more than the threshold, and not by accident.
    pub fn regressions(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.warm.as_ref().is_some_and(|warm| warm.is_regression))
    }
}

/// What tells one result of a report from the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultKey {
    /// `gpu`, `cpu` or `reference`.
    pub device: String,
    /// The list of passes.
    pub passes: String,
    /// What was set otherwise than usual.
    pub settings: Vec<String>,
    /// Rows of a prediction.
    pub batch: usize,
    /// The inputs that were given with one row for the whole batch.
    pub shared: Vec<String>,
}

impl From<&Measurement> for ResultKey {
    fn from(measurement: &Measurement) -> Self {
        let Measurement { device, passes, settings, batch, shared, .. } = measurement.clone();
        ResultKey { device, passes, settings, batch, shared }
    }
}

impl fmt::Display for ResultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, batch {}", self.device, self.passes, self.batch)?;
        if !self.shared.is_empty() {
            write!(f, ", shared {}", self.shared.join(" "))?;
        }
        self.settings.iter().try_for_each(|setting| write!(f, ", {setting}"))
    }
}

/// One result of both reports; of every pair, the first report's value comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    #[serde(flatten)]
    pub key: ResultKey,
    /// Warm predictions; `None` if one report has none.
    pub warm: Option<WarmComparison>,
    /// Opening: one sample each, from which nothing follows.
    pub open_ms: [f64; 2],
    /// The first prediction, likewise.
    pub first_ms: [f64; 2],
    /// The counts that changed.
    pub changed: Vec<CountChange>,
}

/// Warm predictions of two reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WarmComparison {
    /// Samples.
    pub n: [usize; 2],
    /// Their medians.
    pub p50_ms: [f64; 2],
    /// The second median over the first: above 1 the second is slower.
    pub ratio: f64,
    /// The interval in which the ratio lies with a confidence of 95 %, by the bootstrap.
    pub ratio_ci95: [f64; 2],
    /// Of Mann and Whitney's rank test, corrected for the number of rows as Holm does.
    pub p_value: f64,
    /// Cliff's delta: above 0 the second tends to be slower.
    pub delta: f64,
    /// How large that is.
    pub effect: Effect,
    /// What follows.
    pub verdict: Verdict,
    /// Whether it is slower by more than the threshold.
    pub is_regression: bool,
}

/// The size of an effect, by Cliff's delta (Romano et al. 2006).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Below 0.147.
    Negligible,
    /// Below 0.33.
    Small,
    /// Below 0.474.
    Medium,
    /// All else.
    Large,
}

impl Effect {
    /// The size of `delta`.
    pub fn of(delta: f64) -> Effect {
        match delta.abs() {
            size if size < 0.147 => Effect::Negligible,
            size if size < 0.33 => Effect::Small,
            size if size < 0.474 => Effect::Medium,
            _ => Effect::Large,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::Negligible => "negligible",
            Effect::Small => "small",
            Effect::Medium => "medium",
            Effect::Large => "large",
        })
    }
}

/// What follows from two sets of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second is faster, and not by accident.
    Faster,
    /// The second is slower, and not by accident.
    Slower,
    /// There is none, or there are too few samples to show it.
    NoDifferenceShown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifferenceShown => "no difference shown",
        })
    }
}

/// A count that is another now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountChange {
    /// The name of the field in the report.
    pub name: String,
    /// In the first report.
    pub before: u64,
    /// In the second.
    pub after: u64,
}
