//! The result of a comparison of two reports, as plain values: the schema of `compare --json`.

use crate::study::measurement::Measurement;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The schema version of a [`Comparison`].
pub(super) const SCHEMA: u32 = 1;

/// The comparison of two reports, result by result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The schema version: 1.
    pub schema: u32,
    /// The creation times of the two reports, in UTC.
    pub created: [String; 2],
    /// The threshold used: [`CompareOptions::threshold_percent`](super::CompareOptions::threshold_percent).
    pub threshold_percent: f64,
    /// The significance level used: [`CompareOptions::alpha`](super::CompareOptions::alpha).
    pub alpha: f64,
    /// The results that both reports have, in the order of the first.
    pub rows: Vec<Row>,
    /// The results that only the first report has.
    pub only_before: Vec<ResultKey>,
    /// The results that only the second report has.
    pub only_after: Vec<ResultKey>,
    /// Reasons why the reports are less comparable, for a person to read.
    pub warnings: Vec<String>,
}

impl Comparison {
    /// The rows that are significantly slower, by more than the threshold.
    pub fn regressions(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.warm.as_ref().is_some_and(|warm| warm.is_regression))
    }
}

/// The key of a result: the configuration that it measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultKey {
    /// `gpu`, `cpu` or `reference`.
    pub device: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The settings that are not the default.
    pub settings: Vec<String>,
    /// The batch size.
    pub batch: usize,
    /// The names of the inputs that had one row for the whole batch.
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

/// One result that both reports have. In every pair, the value of the first report comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The configuration.
    #[serde(flatten)]
    pub key: ResultKey,
    /// The comparison of warm predictions; `None` if one report has none.
    pub warm: Option<WarmComparison>,
    /// The times of opening in milliseconds. They are single samples and are not tested.
    pub open_ms: [f64; 2],
    /// The times of the first prediction in milliseconds. They are single samples and are not tested.
    pub first_ms: [f64; 2],
    /// The counts that differ.
    pub changed: Vec<CountChange>,
}

/// The comparison of the warm predictions of two reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WarmComparison {
    /// The numbers of samples.
    pub n: [usize; 2],
    /// The medians in milliseconds.
    pub p50_ms: [f64; 2],
    /// The second median divided by the first. Above 1 the second is slower.
    pub ratio: f64,
    /// The 95 % confidence interval of the ratio, by the bootstrap.
    pub ratio_ci95: [f64; 2],
    /// The p-value of the Mann-Whitney rank test, with Holm's correction for the number of rows.
    pub p_value: f64,
    /// Cliff's delta, -1 to 1. Above 0 the second tends to be slower.
    pub delta: f64,
    /// The size of the effect, by `delta`.
    pub effect: Effect,
    /// The verdict at the significance level of the comparison.
    pub verdict: Verdict,
    /// Whether the second is significantly slower, by more than the threshold.
    pub is_regression: bool,
}

/// The size of an effect, by the absolute value of Cliff's delta (Romano et al. 2006).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Below 0.147.
    Negligible,
    /// Below 0.33.
    Small,
    /// Below 0.474.
    Medium,
    /// 0.474 and above.
    Large,
}

impl Effect {
    /// The size of the effect `delta`, which is from -1 to 1.
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

/// The verdict on two sets of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second is significantly faster.
    Faster,
    /// The second is significantly slower.
    Slower,
    /// No significant difference: there is none, or there are too few samples to show it.
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

/// A count that differs between two reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountChange {
    /// The name of the field in the report.
    pub name: String,
    /// The value in the first report.
    pub before: u64,
    /// The value in the second report.
    pub after: u64,
}
