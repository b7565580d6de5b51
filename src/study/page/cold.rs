//! The section about cold starts.

use super::answers::cold_parts;
use super::markup::{paragraph, section, table, time, with_settings};
use super::plot::{Bar, bars};
use crate::study::digits;
use crate::study::report::{ColdStart, Report};

/// Bars of stages and their table.
pub(super) fn cold(report: &Report) -> Option<String> {
    let cold = &report.study.as_ref()?.cold;
    let parts = cold_parts(cold.first()?).map(|(name, _)| name);
    let label = |cold: &ColdStart| {
        let cached = if cold.cached { ", pipelines on disk" } else { "" };
        format!("{} {}{cached}", cold.device, with_settings(&cold.plan, &cold.settings))
    };
    let bar = |cold: &ColdStart| {
        let parts = cold_parts(cold).map(|(_, ms)| ms).to_vec();
        Bar { label: label(cold), total: time(parts.iter().sum()), parts }
    };
    let row = |cold: &ColdStart| {
        let cells = cold_parts(cold).map(|(_, ms)| digits(ms));
        let [low, high] = cold.total_ms.p50_ci95;
        let rest = [
            digits(cold.total_ms.p50),
            format!("{}–{}", digits(low), digits(high)),
            digits(cold.process_ms.p50),
            cold.pipelines.to_string(),
            cold.dispatches.to_string(),
        ];
        [label(cold)].into_iter().chain(cells).chain(rest).collect()
    };
    let header: Vec<&str> = ["plan"]
        .into_iter()
        .chain(parts)
        .chain(["to the first answer", "95 % of it", "whole process", "pipelines", "dispatches"])
        .collect();
    let body = [
        paragraph(
            "In a fresh process, from reading the model's file to the first answer, for one row. The stages add up; loading the program itself and tearing it down are in the whole process besides.",
        ),
        bars("Stages of cold starts", &parts, &cold.iter().map(bar).collect::<Vec<_>>()),
        table("Cold starts, milliseconds", 1, &header, &cold.iter().map(row).collect::<Vec<_>>()),
    ];
    Some(section("cold", "Cold start", &body.concat()))
}
