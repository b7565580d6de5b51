//! The section about the steps of a prediction.

use super::markup::{escape, paragraph, section, table, time};
use super::plot::{Bar, bars};
use crate::session::StepClock;
use crate::study::digits;
use crate::study::profile::Share;
use crate::study::report::{PassesProfile, Report};
use crate::study::statistics::median;
use crate::telemetry::Stage;

/// The consecutive stages of a prediction on the host, and their names on the page.
const STAGES: [(&str, &[Stage]); 6] = [
    ("checking inputs", &[Stage::CheckInputs, Stage::CheckIds]),
    ("writing inputs", &[Stage::WriteInputs]),
    ("recording commands", &[Stage::Prepare, Stage::Encode]),
    ("submitting", &[Stage::Submit]),
    ("waiting or computing", &[Stage::Wait, Stage::Compute]),
    ("reading back", &[Stage::ReadBack]),
];

/// Bars of host stages, bars by operator, and expandable tables of all steps.
pub(super) fn profiles(report: &Report) -> Option<String> {
    let all = &report.study.as_ref()?.profiles;
    let first = all.first()?;
    let label = |each: &PassesProfile| format!("{} {}", each.device, each.passes);
    let host = |each: &PassesProfile| {
        let parts = host_stages(each);
        Bar { label: label(each), total: time(each.breakdown.usual_ns / 1e6), parts }
    };
    let names = STAGES.map(|(name, _)| name);
    let mut body = vec![
        paragraph(&format!("A warm prediction of {} rows, as the host sees it:", first.profile.batch)),
        bars("Stages of a warm prediction", &names, &all.iter().map(host).collect::<Vec<_>>()),
    ];
    for each in all {
        body.push(format!("<h3>{}</h3>", escape(&label(each))));
        body.push(paragraph(&said(each)));
        let bar = |operator: &crate::study::profile::OperatorShare| {
            let ms = operator.share.median_ns / 1e6;
            let label = format!("{} ({})", operator.operator, operator.steps);
            Bar { label, parts: vec![ms], total: format!("{}, {} %", time(ms), digits(100.0 * operator.share.share)) }
        };
        let operators: Vec<Bar> = each.breakdown.operators.iter().take(8).map(bar).collect();
        body.push(bars(&format!("Operators of {}", label(each)), &["operator"], &operators));
        body.push(format!("<details><summary>Every step</summary>{}</details>", steps(each)));
    }
    Some(section("steps", "Where a prediction's time goes", &body.concat()))
}

/// Milliseconds of each stage. Time outside all stages is added to the last.
fn host_stages(each: &PassesProfile) -> Vec<f64> {
    let of = |stages: &[Stage]| -> f64 {
        let times = each.profile.stages.iter().filter(|time| stages.iter().any(|stage| stage.name() == time.name));
        times.map(|time| median(&time.usual_ns.iter().map(|&ns| ns as f64 / 1e6).collect::<Vec<_>>())).sum()
    };
    STAGES.iter().map(|(_, stages)| of(stages)).collect()
}

fn said(each: &PassesProfile) -> String {
    let breakdown = &each.breakdown;
    let clock = match each.profile.clock {
        StepClock::Device => "by the GPU's timestamps",
        StepClock::HostPerSubmit => "by the host, each submitted and waited for alone",
        StepClock::Host => "by the host, summed over threads",
    };
    let (steps, usual) = (time(breakdown.steps_ns / 1e6), time(breakdown.usual_ns / 1e6));
    let mut text = format!(
        "{} steps take {steps} together, {clock}; a prediction takes {usual}, and {} times as long when its steps are timed.",
        each.profile.steps.len(),
        digits(breakdown.distortion)
    );
    if let Some(ceilings) = &each.ceilings {
        let (flops, bytes) = (digits(ceilings.gflop_per_s), digits(ceilings.gb_per_s));
        text.push_str(&format!(
            " In probes the device reached {flops} GFLOP/s in a large Dense and {bytes} GB/s in a large copy."
        ));
    }
    text
}

fn steps(each: &PassesProfile) -> String {
    let row = |(step, share): (&crate::session::ProfileStep, &Share)| {
        let reached = share.reached.map_or("–".into(), |reached| format!("{} %", digits(100.0 * reached)));
        vec![
            step.name.clone(),
            step.operator.clone(),
            digits(share.median_ns / 1e3),
            format!("{} %", digits(100.0 * share.share)),
            digits(share.gflop_per_s),
            digits(share.gb_per_s),
            digits(share.flops_per_byte),
            share.bound.map_or("–", |bound| bound.name()).into(),
            reached,
        ]
    };
    let rows: Vec<Vec<String>> = each.profile.steps.iter().zip(&each.breakdown.steps).map(row).collect();
    let header =
        ["step", "operator", "µs", "share", "GFLOP/s", "GB/s", "flop per byte", "bound by", "of the roof reached"];
    table("Steps in running order, medians", 2, &header, &rows)
}
