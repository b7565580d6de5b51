//! The profile as text.

use super::object::medians;
use super::{By, Sort};
use crate::table::{Align, Table};
use std::io::{self, Write};
use tfjs_wgpu::study::{Breakdown, Ceilings, Share};
use tfjs_wgpu::{Profile, StepClock};

/// Writes the table of steps or operators, followed by the rest of the time.
pub(super) fn write(
    profile: &Profile,
    breakdown: &Breakdown,
    ceilings: Option<&Ceilings>,
    by: By,
    sort: Sort,
    out: &mut impl Write,
) -> io::Result<()> {
    match by {
        By::Step => write_steps(profile, breakdown, sort, out)?,
        By::Operator => write_operators(profile, breakdown, sort, out)?,
    }
    writeln!(out)?;
    let clock = match profile.clock {
        StepClock::Device => "by the GPU's timestamps",
        StepClock::HostPerSubmit => {
            "by the host, each submitted and waited for alone, because the device takes no timestamps"
        }
        _ => "by the host, summed over blocks of rows and threads",
    };
    let Breakdown { steps_ns, elapsed_ns, usual_ns, timed_ns, distortion, .. } = breakdown;
    let (steps, elapsed) = (milliseconds(*steps_ns), milliseconds(*elapsed_ns));
    writeln!(out, "{} steps, together {steps} of {elapsed} ms from first to last, {clock}", profile.steps.len())?;
    writeln!(
        out,
        "a prediction takes {} ms as usual and {} ms with timed steps: {distortion:.2} times as long",
        milliseconds(*usual_ns),
        milliseconds(*timed_ns)
    )?;
    if let Some(Ceilings { gflop_per_s, gb_per_s }) = ceilings {
        writeln!(
            out,
            "the device reached {} GFLOP/s in a large Dense and {} GB/s in a large copy; `reached` is the share of the \
             lower roof",
            rate(*gflop_per_s),
            rate(*gb_per_s)
        )?;
    }
    writeln!(out)?;
    let mut stages =
        Table::with_header(&[("host", Align::Left), ("usual ms", Align::Right), ("timed ms", Align::Right)]);
    for stage in &profile.stages {
        let [usual, timed] = medians(stage).map(milliseconds);
        stages.row([stage.name.clone(), usual, timed]);
    }
    stages.write(out, "")
}

const SHARE_COLUMNS: [(&str, Align); 8] = [
    ("median µs", Align::Right),
    ("min µs", Align::Right),
    ("share", Align::Right),
    ("GFLOP/s", Align::Right),
    ("GB/s", Align::Right),
    ("flop/byte", Align::Right),
    ("bound", Align::Left),
    ("reached", Align::Right),
];

fn cells(share: &Share) -> [String; 8] {
    [
        microseconds(share.median_ns),
        microseconds(share.min_ns),
        percent(share.share),
        rate(share.gflop_per_s),
        rate(share.gb_per_s),
        rate(share.flops_per_byte),
        share.bound.map_or("-", |bound| bound.name()).into(),
        share.reached.map_or_else(|| "-".into(), percent),
    ]
}

fn write_steps(profile: &Profile, breakdown: &Breakdown, sort: Sort, out: &mut impl Write) -> io::Result<()> {
    let own = [("step", Align::Right), ("name", Align::Left), ("kernel", Align::Left), ("shape", Align::Left)];
    let mut table = Table::with_header(&[&own[..], &SHARE_COLUMNS[..]].concat());
    let mut order: Vec<usize> = (0..profile.steps.len()).collect();
    if sort == Sort::Time {
        order.sort_by(|a, b| breakdown.steps[*b].median_ns.total_cmp(&breakdown.steps[*a].median_ns));
    }
    for index in order {
        let step = &profile.steps[index];
        let [median, min, share, gflops, gigabytes, intensity, bound, reached] = cells(&breakdown.steps[index]);
        let kernel = match profile.clock {
            StepClock::Host => format!("{}, {}", step.operator, step.kernel),
            // Without its constants, of which a kernel may have many. `--json` has them.
            _ => step.kernel.split(' ').filter(|word| !word.contains('=')).collect::<Vec<_>>().join(" "),
        };
        let (index, name, shape) = (index.to_string(), step.name.clone(), format!("{:?}", step.shape));
        table.row([index, name, kernel, shape, median, min, share, gflops, gigabytes, intensity, bound, reached]);
    }
    table.write(out, "")
}

fn write_operators(profile: &Profile, breakdown: &Breakdown, sort: Sort, out: &mut impl Write) -> io::Result<()> {
    let own = [("operator", Align::Left), ("steps", Align::Right)];
    let mut table = Table::with_header(&[&own[..], &SHARE_COLUMNS[..]].concat());
    let mut operators: Vec<_> = breakdown.operators.iter().collect();
    if sort == Sort::Run {
        operators.sort_by_key(|all| profile.steps.iter().position(|step| step.operator == all.operator));
    }
    for all in operators {
        let [median, min, share, gflops, gigabytes, intensity, bound, reached] = cells(&all.share);
        let (operator, steps) = (all.operator.clone(), all.steps.to_string());
        table.row([operator, steps, median, min, share, gflops, gigabytes, intensity, bound, reached]);
    }
    table.write(out, "")
}

fn milliseconds(ns: f64) -> String {
    format!("{:.3}", ns / 1e6)
}

fn microseconds(ns: f64) -> String {
    format!("{:.1}", ns / 1e3)
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// A number with three digits, from thousands to hundredths.
fn rate(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfjs_wgpu::{ProfileStage, ProfileStep, Recording};

    fn text(by: By, sort: Sort, clock: StepClock) -> String {
        let step = |name: &str, operator: &str, flops, bytes, ns: u64| ProfileStep {
            name: name.into(),
            operator: operator.into(),
            kernel: format!("{operator}.main function=1 grid 1x1x1"),
            shape: vec![4, 8],
            flops,
            bytes,
            times_ns: vec![ns],
        };
        let profile = Profile {
            device: "gpu".into(),
            batch: 4,
            clock,
            tick_ns: None,
            steps: vec![
                step("rows", "embedding", 0, 4000, 1000),
                step("fc1", "dense", 400_000, 10_000, 40_000),
                step("fc2", "dense", 200, 100, 9000),
            ],
            elapsed_ns: vec![61_000],
            usual_ns: vec![200_000],
            timed_ns: vec![250_000],
            stages: vec![ProfileStage { name: "wait".into(), usual_ns: vec![150_000], timed_ns: vec![190_000] }],
            recording: Recording::default(),
        };
        let ceilings = Ceilings { gflop_per_s: 20.0, gb_per_s: 8.0 };
        let breakdown = Breakdown::of(&profile, Some(&ceilings));
        let mut out = Vec::new();
        write(&profile, &breakdown, Some(&ceilings), by, sort, &mut out).expect("write");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn steps_stand_in_the_order_asked_for() {
        let expected = "\
step  name  kernel                    shape   median µs  min µs  share  GFLOP/s  GB/s  flop/byte  bound    reached
   1  fc1   dense.main grid 1x1x1     [4, 8]       40.0    40.0  80.0%     10.0  0.25       40.0  compute    50.0%
   2  fc2   dense.main grid 1x1x1     [4, 8]        9.0     9.0  18.0%     0.02  0.01       2.00  memory      0.1%
   0  rows  embedding.main grid 1x1x1  [4, 8]        1.0     1.0   2.0%     0.00  4.00       0.00  memory     50.0%

3 steps, together 0.050 of 0.061 ms from first to last, by the GPU's timestamps
a prediction takes 0.200 ms as usual and 0.250 ms with timed steps: 1.25 times as long
the device reached 20.0 GFLOP/s in a large Dense and 8.00 GB/s in a large copy; `reached` is the share of the lower roof

host  usual ms  timed ms
wait     0.150     0.190
";
        let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        assert_eq!(words(&text(By::Step, Sort::Time, StepClock::Device)), words(expected));
        let first = |sort| text(By::Step, sort, StepClock::Device).lines().nth(1).map(str::to_string).expect("a row");
        assert!(first(Sort::Run).contains(" rows "), "{}", first(Sort::Run));
    }

    #[test]
    fn operators_stand_for_all_their_steps() {
        let rows = |sort| {
            let text = text(By::Operator, sort, StepClock::HostPerSubmit);
            assert!(text.contains("because the device takes no timestamps"), "{text}");
            let rows =
                text.lines().skip(1).take(2).map(|row| row.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
            rows.collect::<Vec<_>>()
        };
        assert_eq!(rows(Sort::Run), ["embedding 1 1.0", "dense 2 49.0"]);
        assert_eq!(rows(Sort::Time), ["dense 2 49.0", "embedding 1 1.0"]);
    }
}
