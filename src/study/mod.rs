//! Checking and measuring a model: are its outputs correct, and where does its time go?
//!
//! [`check`] compares a device with the reference, operator by operator and end to end. [`measure`] times opening and
//! predicting. [`study`] runs the whole protocol and fills a [`Report`], which is available as JSON, CSV and HTML.
//! [`compare`] says which differences between two reports are significant. [`Breakdown`] gives the cost of each step of
//! a [`Profile`](crate::Profile), and [`Ceilings`] the limits of the device.

mod check;
mod compare;
mod csv;
mod digits;
pub(crate) mod machine;
mod measurement;
mod page;
pub(crate) mod process;
mod profile;
pub(crate) mod protocol;
mod ranking;
pub(crate) mod report;
pub(crate) mod statistics;
mod trace;
mod twin;

pub use crate::tensor::Difference;
pub use check::{CheckDevice, CheckReport, NodeCheck, OutputCheck, check, check_with};
pub use compare::{CompareOptions, Comparison, CountChange, Effect, ResultKey, Row, Verdict, WarmComparison, compare};
pub use machine::{Adapter, Machine};
pub use measurement::{Measurement, Pace, Progress, RunOptions, StageTime, measure};
pub use profile::{Bound, Breakdown, Ceilings, OperatorShare, Share};
pub use protocol::{Step, StepProgress, StudyOptions, Technique, study};
pub use report::{
    Ablation, BreakEven, ColdStart, Curve, CurvePoint, DispatchCost, DispatchPoint, MeasuredModel, PassesProfile,
    Precision, Published, PublishedRow, Report, Sporadic, StudyResults,
};
pub use statistics::Summary;
pub use trace::chrome_trace;

#[doc(hidden)]
pub use check::output_allowances;
#[doc(hidden)]
pub use digits::digits;
#[doc(hidden)]
pub use ranking::RankAgreement;
#[doc(hidden)]
pub use twin::{MatchedBy, Pair, TOP, TwinOutput, TwinReport, twin};
