//! `compare`: shows which differences between two reports are significant. It measures nothing.

use crate::message::{self, Failure};
use crate::table::{Align, Table};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tfjs_wgpu::internals::study::digits;
use tfjs_wgpu::study;
use tfjs_wgpu::study::Report;
use tfjs_wgpu::study::{CompareOptions, Comparison};

const EXIT_CODES: &str = "Exit codes: 0 no regression; 1 a result is significantly slower, by more than the \
    threshold; 2 error.";

/// The description of the fields for `--help`.
const HELP: &str = "\
The object that --json prints. In every pair, the value of BEFORE comes first:
  schema    1; incremented when the meaning of a field changes
  created   the creation times of the two reports
  threshold_percent, alpha
            the values of the options
  rows      the results that both reports have:
            [{device, passes, settings, batch, shared, warm, open_ms, first_ms, changed}]
            warm is null if a report has no runs, otherwise {n, p50_ms, ratio, ratio_ci95, p_value,
            delta, effect, verdict, is_regression}; verdict is \"faster\", \"slower\" or
            \"no_difference_shown\"; effect is \"negligible\", \"small\", \"medium\" or \"large\"
            changed is [{name, before, after}], the counts that differ
  only_before, only_after
            [{device, passes, settings, batch, shared}], the results that only one report has
  warnings  lines of text

ratio is the ratio of the medians, with a bootstrap interval. p_value is that of the Mann-Whitney
rank test, corrected for the number of rows (Holm). delta is Cliff's delta. The runs of one process
per report are compared, so variation between processes is not covered. Repeat the measurement if a
few per cent matter.

";

/// Test which differences between two reports of `bench` or `study` are significant
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = [HELP, EXIT_CODES].concat())]
pub(crate) struct CompareArguments {
    /// The baseline report
    before: PathBuf,
    /// The report to compare with the baseline
    after: PathBuf,
    /// The growth of a median, in per cent, above which a significant slowdown is a regression
    #[arg(long, value_name = "PERCENT", default_value_t = CompareOptions::default().threshold_percent)]
    threshold: f64,
    /// The significance level: the accepted probability of a false positive, between 0 and 1
    #[arg(long, value_name = "P", default_value_t = CompareOptions::default().alpha)]
    alpha: f64,
    /// Allow reports of different models
    #[arg(long)]
    any_model: bool,
    /// Print the comparison as one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub(crate) fn compare(arguments: &CompareArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let options = CompareOptions::default()
        .threshold_percent(arguments.threshold)
        .alpha(arguments.alpha)
        .any_model(arguments.any_model);
    let (before, after) = (Report::read(&arguments.before)?, Report::read(&arguments.after)?);
    let comparison = study::compare(&before, &after, options)?;
    for warning in &comparison.warnings {
        message::warning(warning);
    }
    if arguments.json {
        serde_json::to_writer(&mut *out, &comparison)?;
        writeln!(out)?;
    } else {
        write_text(&comparison, out)?;
    }
    Ok(if comparison.regressions().next().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_text(comparison: &Comparison, out: &mut impl Write) -> io::Result<()> {
    if comparison.rows.iter().any(|row| row.warm.is_some()) {
        writeln!(out, "Warm predictions, medians in milliseconds:")?;
        write_warm(comparison, out)?;
        writeln!(out)?;
    }
    writeln!(out, "Opening and first predictions in milliseconds, one sample each, from which nothing follows:")?;
    let mut table = Table::with_header(&[
        ("result", Align::Left),
        ("open before", Align::Right),
        ("open after", Align::Right),
        ("first before", Align::Right),
        ("first after", Align::Right),
    ]);
    for row in &comparison.rows {
        let [[open, open_after], [first, first_after]] = [row.open_ms, row.first_ms].map(|pair| pair.map(digits));
        table.row([row.key.to_string(), open, open_after, first, first_after]);
    }
    table.write(out, "  ")?;
    write_changed(comparison, out)?;
    for (what, keys) in [("BEFORE", &comparison.only_before), ("AFTER", &comparison.only_after)] {
        if !keys.is_empty() {
            writeln!(out, "\nOnly in {what}:")?;
        }
        for key in keys {
            writeln!(out, "  {}", message::printable(&key.to_string()))?;
        }
    }
    let (slower, rows) = (comparison.regressions().count(), comparison.rows.len());
    writeln!(out, "\n{slower} of {rows} slower by more than {} %", comparison.threshold_percent)
}

fn write_warm(comparison: &Comparison, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::with_header(&[
        ("result", Align::Left),
        ("before", Align::Right),
        ("after", Align::Right),
        ("ratio", Align::Right),
        ("95 % interval", Align::Left),
        ("p", Align::Right),
        ("delta", Align::Right),
        ("effect", Align::Left),
        ("verdict", Align::Left),
    ]);
    for row in &comparison.rows {
        let Some(warm) = &row.warm else { continue };
        let [low, high] = warm.ratio_ci95;
        let over = if warm.is_regression { ", beyond the threshold" } else { "" };
        table.row([
            row.key.to_string(),
            digits(warm.p50_ms[0]),
            digits(warm.p50_ms[1]),
            format!("{:.3}", warm.ratio),
            format!("{low:.3} to {high:.3}"),
            if warm.p_value < 1e-4 { "<0.0001".into() } else { format!("{:.4}", warm.p_value) },
            format!("{:+.2}", warm.delta),
            warm.effect.to_string(),
            format!("{}{over}", warm.verdict),
        ]);
    }
    table.write(out, "  ")
}

fn write_changed(comparison: &Comparison, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::with_header(&[
        ("result", Align::Left),
        ("count", Align::Left),
        ("before", Align::Right),
        ("after", Align::Right),
    ]);
    for row in &comparison.rows {
        for count in &row.changed {
            let (before, after) = (count.before.to_string(), count.after.to_string());
            table.row([row.key.to_string(), count.name.clone(), before, after]);
        }
    }
    if comparison.rows.iter().all(|row| row.changed.is_empty()) {
        return Ok(());
    }
    writeln!(out, "\nCounts that changed:")?;
    table.write(out, "  ")
}
