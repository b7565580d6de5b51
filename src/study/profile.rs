//! Analysis of a profile: medians, shares, totals per operator, and the fraction of the roofline that each step
//! reaches.
//!
//! The roofline model of Williams, Waterman and Patterson (2009): a step with `i` operations per byte cannot exceed the
//! smaller of the device's operations per second and `i` times its bytes per second. Probes measure both ceilings
//! through the same engine, so a fraction relates to what this device reached, not to its data sheet. Bytes are the
//! minimum that an operator moves: each value once, at four bytes. With caches and packed weights, a step can therefore
//! exceed its roofline.

use super::statistics::median;
use crate::error::{Error, Result};
use crate::graph::{Builder, Graph, ValueId};
use crate::model::Model;
use crate::ops::{Activation, Dense, Function};
use crate::passes::{ActivationPrecision, Passes};
use crate::session::{Device, Profile, ProfileOptions, ProfileStep, Session, SessionOptions};
use crate::tensor::{NamedTensors, Shape, Tensor, TensorType};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Elements per row of the probes.
const PROBE_WIDTH: usize = 1024;

/// Rows of the copy probe: 16 MiB read and 16 MiB written, more than most caches hold.
const COPIED_ROWS: usize = 4096;

/// Rows of the Dense probe: the initial and the maximum number. Each attempt has four times the rows of the previous
/// one.
const MULTIPLIED_ROWS: (usize, usize) = (64, 4096);

/// A run of this length makes the cost of starting and ending it negligible.
const LONG_ENOUGH_NS: f64 = 4e6;

/// The throughput that a device reached in probes, by the clock that profiles use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Billions of floating-point operations per second, in a large Dense layer.
    pub gflop_per_s: f64,
    /// Billions of bytes read and written per second, in a large copy.
    pub gb_per_s: f64,
}

impl Ceilings {
    /// Measures the device of `options` with probes; their passes, activation precision and shared inputs do not apply.
    /// `None` for the reference, which is not meant to be fast, and if the device's clock is too coarse to measure a
    /// probe.
    ///
    /// ```
    /// use tfjs_wgpu::study::Ceilings;
    /// use tfjs_wgpu::{Device, SessionOptions};
    ///
    /// let reference = SessionOptions::default().device(Device::Reference);
    /// assert_eq!(Ceilings::measure(&reference)?, None);
    /// # Ok::<(), tfjs_wgpu::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Session::open_with`] and [`Session::profile`].
    pub fn measure(options: &SessionOptions) -> Result<Option<Ceilings>> {
        if options.device == Device::Reference {
            return Ok(None);
        }
        let open = |probe: Graph| {
            let (passes, activation_precision, shared) = (Passes::PLAIN, ActivationPrecision::F32, Vec::new());
            let options = SessionOptions { passes, activation_precision, shared, ..options.clone() };
            Session::open_with(&Model::from_graph("probe", probe), options)
        };
        let copied = Probe::of(&open(copy_probe()?)?, COPIED_ROWS)?;
        let dense = open(dense_probe()?)?;
        let (mut rows, most) = MULTIPLIED_ROWS;
        let mut multiplied = Probe::of(&dense, rows)?;
        while multiplied.ns < LONG_ENOUGH_NS && rows < most {
            rows *= 4;
            multiplied = Probe::of(&dense, rows)?;
        }
        let ceilings = Ceilings { gflop_per_s: multiplied.flops / multiplied.ns, gb_per_s: copied.bytes / copied.ns };
        Ok(Some(ceilings).filter(|Ceilings { gflop_per_s, gb_per_s }| gflop_per_s.is_finite() && gb_per_s.is_finite()))
    }

    /// The roofline: billions of operations per second that a step with this many operations per byte can reach.
    pub fn roof_gflop_per_s(&self, flops_per_byte: f64) -> f64 {
        self.gflop_per_s.min(flops_per_byte * self.gb_per_s)
    }

    /// The ceiling that limits a step with this many operations per byte.
    pub fn bound(&self, flops_per_byte: f64) -> Bound {
        if flops_per_byte * self.gb_per_s < self.gflop_per_s { Bound::Memory } else { Bound::Compute }
    }
}

/// The resource that limits a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Memory bandwidth.
    Memory,
    /// Floating-point throughput.
    Compute,
}

impl Bound {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Memory => "memory",
            Bound::Compute => "compute",
        }
    }
}

/// The fastest run of a probe.
struct Probe {
    ns: f64,
    flops: f64,
    bytes: f64,
}

impl Probe {
    fn of(session: &Session, rows: usize) -> Result<Probe> {
        let x = Tensor::f32(&[rows, PROBE_WIDTH], vec![0.5; rows * PROBE_WIDTH])?;
        let inputs: NamedTensors = [("x".to_string(), x)].into_iter().collect();
        let profile = session.profile(&inputs, ProfileOptions { warmup_runs: 0, runs: 3 })?;
        // Steps that only copy results to an output belong to the probe.
        let ns = (0..3).map(|run| profile.steps.iter().map(|step| step.times_ns[run]).sum::<u64>()).min();
        let main = profile.steps.first().ok_or_else(|| Error::internal("a probe has no step"))?;
        Ok(Probe { ns: ns.unwrap_or(0) as f64, flops: main.flops as f64, bytes: main.bytes as f64 })
    }
}

fn copy_probe() -> Result<Graph> {
    probe(|builder, x| builder.op("y", Activation { function: Function::RELU }, &[x]))
}

fn dense_probe() -> Result<Graph> {
    let weights = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        Tensor::f32(shape, (0..count).map(|index| (index % 7) as f32 / 8.0 - 0.375).collect()).map(Arc::new)
    };
    let (kernel, bias) = (weights(&[PROBE_WIDTH, PROBE_WIDTH])?, weights(&[PROBE_WIDTH])?);
    probe(|builder, x| {
        let (kernel, bias) = (builder.constant("kernel", kernel)?, builder.constant("bias", bias)?);
        builder.op("y", Dense::default(), &[x, kernel, bias])
    })
}

fn probe(operator: impl FnOnce(&mut Builder, ValueId) -> Result<ValueId>) -> Result<Graph> {
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&[PROBE_WIDTH])))?;
    let y = operator(&mut builder, x)?;
    builder.finish(vec![("y".into(), y)])
}

/// The time and throughput of a step, or of all steps of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The median of all runs in nanoseconds. For an operator, the sum of the medians of its steps.
    pub median_ns: f64,
    /// The fastest run in nanoseconds.
    pub min_ns: f64,
    /// The fraction of the sum of all steps' medians, 0 to 1.
    pub share: f64,
    /// Billions of floating-point operations per second, at the median.
    pub gflop_per_s: f64,
    /// Billions of bytes per second, at the median.
    pub gb_per_s: f64,
    /// Floating-point operations per byte.
    pub flops_per_byte: f64,
    /// The limiting resource, if ceilings are known.
    pub bound: Option<Bound>,
    /// The fraction of the roofline that was reached, if ceilings are known.
    pub reached: Option<f64>,
}

/// The total of all steps of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorShare {
    /// The operator.
    pub operator: String,
    /// The number of steps.
    pub steps: usize,
    /// Their time and throughput.
    #[serde(flatten)]
    pub share: Share,
}

/// The analysis of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// One entry per step of the profile, in execution order.
    pub steps: Vec<Share>,
    /// Totals by operator, longest first.
    pub operators: Vec<OperatorShare>,
    /// The sum of all steps' medians in nanoseconds.
    pub steps_ns: f64,
    /// The median time from the start of the first step to the end of the last in nanoseconds, including gaps.
    pub elapsed_ns: f64,
    /// The median of a usual prediction in nanoseconds.
    pub usual_ns: f64,
    /// The median of a prediction with timed steps in nanoseconds.
    pub timed_ns: f64,
    /// `timed_ns` divided by `usual_ns`: the overhead of timing.
    pub distortion: f64,
}

/// The summed time and work of steps.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    median_ns: f64,
    min_ns: f64,
    flops: u64,
    bytes: u64,
}

impl Total {
    fn of(step: &ProfileStep) -> Total {
        let times: Vec<f64> = step.times_ns.iter().map(|&ns| ns as f64).collect();
        let min_ns = times.iter().copied().fold(f64::INFINITY, f64::min);
        Total { median_ns: median(&times), min_ns, flops: step.flops, bytes: step.bytes }
    }

    fn add(&mut self, other: &Total) {
        self.median_ns += other.median_ns;
        self.min_ns += other.min_ns;
        self.flops += other.flops;
        self.bytes += other.bytes;
    }

    fn share(&self, all_ns: f64, ceilings: Option<&Ceilings>) -> Share {
        // A step whose measured time is 0 has no throughput.
        let per_ns = |amount: u64| if self.median_ns > 0.0 { amount as f64 / self.median_ns } else { 0.0 };
        let (gflop_per_s, gb_per_s) = (per_ns(self.flops), per_ns(self.bytes));
        let flops_per_byte = self.flops as f64 / self.bytes.max(1) as f64;
        let bound = ceilings.map(|ceilings| ceilings.bound(flops_per_byte));
        let reached = ceilings.zip(bound).map(|(ceilings, bound)| match bound {
            Bound::Memory => gb_per_s / ceilings.gb_per_s,
            Bound::Compute => gflop_per_s / ceilings.gflop_per_s,
        });
        let share = if all_ns > 0.0 { self.median_ns / all_ns } else { 0.0 };
        let Total { median_ns, min_ns, .. } = *self;
        Share { median_ns, min_ns, share, gflop_per_s, gb_per_s, flops_per_byte, bound, reached }
    }
}

impl Breakdown {
    /// The breakdown of a profile. With the ceilings of its device it includes bounds and fractions of the roofline.
    pub fn of(profile: &Profile, ceilings: Option<&Ceilings>) -> Breakdown {
        let totals: Vec<Total> = profile.steps.iter().map(Total::of).collect();
        let steps_ns = totals.iter().map(|total| total.median_ns).sum();
        let mut operators: Vec<(&str, usize, Total)> = Vec::new();
        for (step, total) in profile.steps.iter().zip(&totals) {
            let known = operators.iter().position(|(operator, ..)| *operator == step.operator);
            let position = known.unwrap_or_else(|| {
                operators.push((&step.operator, 0, Total::default()));
                operators.len() - 1
            });
            operators[position].1 += 1;
            operators[position].2.add(total);
        }
        operators.sort_by(|left, right| right.2.median_ns.total_cmp(&left.2.median_ns));
        let operator = |(operator, steps, total): (&str, usize, Total)| OperatorShare {
            operator: operator.into(),
            steps,
            share: total.share(steps_ns, ceilings),
        };
        let median_of = |ns: &[u64]| median(&ns.iter().map(|&ns| ns as f64).collect::<Vec<_>>());
        let (usual_ns, timed_ns) = (median_of(&profile.usual_ns), median_of(&profile.timed_ns));
        Breakdown {
            steps: totals.iter().map(|total| total.share(steps_ns, ceilings)).collect(),
            operators: operators.into_iter().map(operator).collect(),
            steps_ns,
            elapsed_ns: median_of(&profile.elapsed_ns),
            usual_ns,
            timed_ns,
            distortion: timed_ns / usual_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Recording, StepClock};

    fn profile() -> Profile {
        let step = |operator: &str, flops, bytes, times_ns: &[u64]| ProfileStep {
            name: format!("{operator} of the model"),
            operator: operator.into(),
            kernel: "kernel".into(),
            shape: vec![2, 3],
            flops,
            bytes,
            times_ns: times_ns.to_vec(),
        };
        Profile {
            device: "test".into(),
            batch: 2,
            clock: StepClock::Device,
            tick_ns: Some(1.0),
            steps: vec![
                step("dense", 4000, 100, &[100, 300, 200]),
                step("reshape", 0, 400, &[100, 90, 110]),
                step("dense", 0, 0, &[0, 0, 0]),
            ],
            elapsed_ns: vec![250, 420, 330],
            usual_ns: vec![500, 300, 400],
            timed_ns: vec![1000, 900, 1100],
            stages: Vec::new(),
            recording: Recording::default(),
        }
    }

    #[test]
    fn steps_and_operators_stand_against_the_ceilings() {
        let ceilings = Ceilings { gflop_per_s: 40.0, gb_per_s: 8.0 };
        let breakdown = Breakdown::of(&profile(), Some(&ceilings));
        assert_eq!((breakdown.steps_ns, breakdown.usual_ns, breakdown.timed_ns), (300.0, 400.0, 1000.0));
        assert_eq!((breakdown.distortion, breakdown.elapsed_ns), (2.5, 330.0));
        let dense = &breakdown.steps[0];
        assert_eq!(
            (dense.median_ns, dense.min_ns, dense.gflop_per_s, dense.flops_per_byte),
            (200.0, 100.0, 20.0, 40.0)
        );
        assert_eq!((dense.bound, dense.reached), (Some(Bound::Compute), Some(0.5)));
        let moved = &breakdown.steps[1];
        assert_eq!((moved.gb_per_s, moved.bound, moved.reached), (4.0, Some(Bound::Memory), Some(0.5)));
        assert_eq!(breakdown.steps[2].gflop_per_s, 0.0, "no time and no work is no number that is none");
        let operators: Vec<_> =
            breakdown.operators.iter().map(|all| (all.operator.as_str(), all.steps, all.share.median_ns)).collect();
        assert_eq!(operators, [("dense", 2, 200.0), ("reshape", 1, 100.0)]);
        let shares: f64 = breakdown.operators.iter().map(|all| all.share.share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
        assert_eq!(Breakdown::of(&profile(), None).steps[0].reached, None);
    }

    #[test]
    fn the_roof_is_the_lower_of_two_ceilings() {
        let ceilings = Ceilings { gflop_per_s: 40.0, gb_per_s: 8.0 };
        assert_eq!((ceilings.roof_gflop_per_s(1.0), ceilings.bound(1.0)), (8.0, Bound::Memory));
        assert_eq!((ceilings.roof_gflop_per_s(5.0), ceilings.bound(5.0)), (40.0, Bound::Compute));
    }

    #[test]
    fn a_profile_survives_json() {
        let text = serde_json::to_string(&profile()).expect("JSON");
        assert_eq!(serde_json::from_str::<Profile>(&text).expect("a profile"), profile());
        let breakdown = Breakdown::of(&profile(), None);
        let text = serde_json::to_string(&breakdown).expect("JSON");
        assert_eq!(serde_json::from_str::<Breakdown>(&text).expect("a breakdown"), breakdown);
    }

    #[test]
    fn ceilings_are_measured_where_something_is_meant_to_be_fast() {
        let measure =
            |device| Ceilings::measure(&SessionOptions { device, ..SessionOptions::default() }).expect("a measurement");
        let cpu = measure(Device::Cpu).expect("ceilings");
        assert!(cpu.gflop_per_s > 0.0 && cpu.gb_per_s > 0.0, "{cpu:?}");
        assert_eq!(measure(Device::Reference), None);
    }
}
