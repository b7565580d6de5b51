//! Compares two reports: which differences of time are significant, and which counts changed. It measures nothing.
//!
//! Times are compared by ranks and medians over the runs of one process per report. Variation between processes is not
//! covered, so a significant difference of a few per cent may not reproduce. The threshold is for such differences.

mod comparison;

use comparison::SCHEMA;
pub use comparison::{Comparison, CountChange, Effect, ResultKey, Row, Verdict, WarmComparison};

use super::machine::Machine;
use super::measurement::Measurement;
use super::report::Report;
use super::statistics::{holm, median, median_ratio, rank_test};
use crate::error::{Error, Result};
use crate::setters::setters;

/// Options for comparing two reports. Each option has a setter of its name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CompareOptions {
    /// The growth of the median, in per cent, beyond which a significant slowdown is a regression. Must be finite and
    /// at least 0. Default: 5.
    pub threshold_percent: f64,
    /// The significance level: the accepted probability of reporting a difference where there is none. Must be between
    /// 0 and 1, both exclusive. Default: 0.01.
    pub alpha: f64,
    /// Whether reports of different models may be compared. Default: false.
    pub any_model: bool,
}

setters!(CompareOptions { threshold_percent: f64, alpha: f64, any_model: bool });

impl Default for CompareOptions {
    fn default() -> Self {
        CompareOptions { threshold_percent: 5.0, alpha: 0.01, any_model: false }
    }
}

/// Compares two reports of one model, result by result. The key of a result is its [`ResultKey`].
///
/// ```no_run
/// use tfjs_wgpu::study::{CompareOptions, Report, compare};
///
/// let [before, after] = ["before.json", "after.json"].map(|path| Report::read(path.as_ref()));
/// let comparison = compare(&before?, &after?, CompareOptions::default().threshold_percent(10.0))?;
/// comparison.regressions().for_each(|row| println!("{} is slower", row.key));
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// - [`ErrorKind::Input`](crate::ErrorKind::Input): the reports are of different models and
///   [`CompareOptions::any_model`] is off; they have no result in common; or an option is out of its range.
/// - [`ErrorKind::Format`](crate::ErrorKind::Format): a report has times that are not above 0.
pub fn compare(before: &Report, after: &Report, options: CompareOptions) -> Result<Comparison> {
    expect_sensible(options)?;
    let mut warnings = differences(before, after, options)?;
    let mut left: Vec<&Measurement> = after.results.iter().collect();
    let (mut pairs, mut only_before) = (Vec::new(), Vec::new());
    for measurement in &before.results {
        let key = ResultKey::from(measurement);
        match left.iter().position(|other| ResultKey::from(*other) == key) {
            Some(index) => pairs.push((key, measurement, left.remove(index))),
            None => only_before.push(key),
        }
    }
    let only_after: Vec<ResultKey> = left.into_iter().map(ResultKey::from).collect();
    if pairs.is_empty() {
        return Err(nothing_in_common(&only_before, &only_after));
    }
    let mut rows = Vec::new();
    for (key, before, after) in pairs {
        if before.engine != after.engine {
            let warning = format!("{} was {}, is {}", key.device, before.engine, after.engine);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        let warm = warm(&before.samples_ms, &after.samples_ms).map_err(|error| error.at(key.to_string()))?;
        let open_ms = [before.open_ms, after.open_ms];
        let first_ms = [before.first_ms, after.first_ms];
        rows.push(Row { key, warm, open_ms, first_ms, changed: changed(before, after) });
    }
    judge(&mut rows, options);
    warnings.extend(hopeless(&rows, options.alpha));
    Ok(Comparison {
        schema: SCHEMA,
        created: [before.created.clone(), after.created.clone()],
        threshold_percent: options.threshold_percent,
        alpha: options.alpha,
        rows,
        only_before,
        only_after,
        warnings,
    })
}

fn expect_sensible(options: CompareOptions) -> Result<()> {
    if !(options.threshold_percent >= 0.0 && options.threshold_percent.is_finite()) {
        let message = format!("a threshold of {} % is none", options.threshold_percent);
        return Err(Error::input(message).hint("give 0 or more (CompareOptions::threshold_percent)"));
    }
    if !(options.alpha > 0.0 && options.alpha < 1.0) {
        let message = format!("an alpha of {} is no probability of error", options.alpha);
        return Err(Error::input(message).hint("give one between 0 and 1 (CompareOptions::alpha)"));
    }
    Ok(())
}

fn nothing_in_common(before: &[ResultKey], after: &[ResultKey]) -> Error {
    let first = |keys: &[ResultKey]| keys.first().map_or("nothing".to_string(), ResultKey::to_string);
    Error::input("the reports have no result in common")
        .cause(format!("one measures {}, the other {}", first(before), first(after)))
        .hint("measure the same devices, plans, batch sizes and settings")
}

/// Reasons why two reports are less comparable. Fails for different models unless the options allow them.
fn differences(before: &Report, after: &Report, options: CompareOptions) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if before.model.identity != after.model.identity {
        let [one, other] = [before, after].map(|report| format!("`{}` ({})", report.model.name, report.model.identity));
        if !options.any_model {
            return Err(Error::input("the reports are of different models")
                .cause(format!("one is of {one}, the other of {other}"))
                .hint("compare reports of one model, or ask for any (CompareOptions::any_model)"));
        }
        warnings.push(format!("the models differ: {one} and {other}"));
    }
    let values = |machine: &Machine| {
        let Machine { cpu, cores, os, architecture, version, build, .. } = machine.clone();
        [
            ("the processor", cpu),
            ("the number of cores", cores.to_string()),
            ("the system", os),
            ("the architecture", architecture),
            ("the version of tfjs-wgpu", version),
            ("the build", build),
        ]
    };
    for ((what, one), (_, other)) in values(&before.machine).into_iter().zip(values(&after.machine)) {
        if one != other {
            warnings.push(format!("{what} was {one}, is {other}"));
        } else if what == "the build" && one != "release" {
            warnings.push(format!("both were measured by a {one} build, whose times mean little"));
        }
    }
    if before.seed != after.seed {
        warnings.push(format!("the seed of the inputs was {}, is {}", before.seed, after.seed));
    }
    Ok(warnings)
}

/// Compares warm predictions. The verdict is left open, and the p-value is not corrected yet.
fn warm(before: &[f64], after: &[f64]) -> Result<Option<WarmComparison>> {
    if before.is_empty() || after.is_empty() {
        return Ok(None);
    }
    let (Some(ratio), Some(test)) = (median_ratio(before, after), rank_test(before, after)) else {
        return Err(Error::format("holds times that are not above 0").hint("measure again"));
    };
    Ok(Some(WarmComparison {
        n: [before.len(), after.len()],
        p50_ms: [median(before), median(after)],
        ratio: ratio.ratio,
        ratio_ci95: ratio.ci95,
        p_value: test.p_value,
        delta: test.delta,
        effect: Effect::of(test.delta),
        verdict: Verdict::NoDifferenceShown,
        is_regression: false,
    }))
}

/// Corrects the p-values for the number of rows, and sets the verdicts.
fn judge(rows: &mut [Row], options: CompareOptions) {
    let mut warm: Vec<&mut WarmComparison> = rows.iter_mut().filter_map(|row| row.warm.as_mut()).collect();
    let corrected = holm(&warm.iter().map(|warm| warm.p_value).collect::<Vec<_>>());
    for (warm, p_value) in warm.iter_mut().zip(corrected) {
        warm.p_value = p_value;
        warm.verdict = match warm.delta {
            _ if p_value >= options.alpha => Verdict::NoDifferenceShown,
            delta if delta > 0.0 => Verdict::Slower,
            _ => Verdict::Faster,
        };
        let grown = warm.ratio > 1.0 + options.threshold_percent / 100.0;
        warm.is_regression = warm.verdict == Verdict::Slower && grown;
    }
}

/// Warnings about rows with too few samples to show a difference of any size.
fn hopeless(rows: &[Row], alpha: f64) -> Vec<String> {
    let tested = rows.iter().filter(|row| row.warm.is_some()).count();
    let warning = |row: &Row| {
        let Some(warm) = &row.warm else { return Some(format!("{}: a report has no warm predictions", row.key)) };
        // The smallest two-sided p-value: of all ways to assign the ranks to the two sets, two are extreme.
        let [m, n] = warm.n;
        let ways = (1..=n).map(|part| (m + part) as f64 / part as f64).product::<f64>();
        let samples = format!("{}: {m} and {n} samples are too few to show any difference", row.key);
        (2.0 / ways * tested as f64 >= alpha).then_some(samples)
    };
    rows.iter().filter_map(warning).collect()
}

fn changed(before: &Measurement, after: &Measurement) -> Vec<CountChange> {
    let counts = |of: &Measurement| {
        [
            ("dispatches", of.dispatches),
            ("submits", of.submits),
            ("waits", of.waits),
            ("pipelines", of.pipelines),
            ("allocations", of.allocations),
            ("upload_bytes", of.upload_bytes),
            ("download_bytes", of.download_bytes),
            ("weight_bytes", of.weight_bytes),
            ("activation_bytes", of.activation_bytes),
            ("flops", of.flops),
            ("traffic_bytes", of.traffic_bytes),
        ]
    };
    let pairs = counts(before).into_iter().zip(counts(after));
    let change = |((name, before), (_, after)): ((&str, u64), (&str, u64))| {
        (before != after).then(|| CountChange { name: name.into(), before, after })
    };
    pairs.filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use serde_json::{Value, json};

    /// Times around `middle`, in no particular order.
    fn times(count: usize, middle: f64) -> Vec<f64> {
        (0..count).map(|index| middle * (0.95 + 0.1 * (index * 37 % 101) as f64 / 101.0)).collect()
    }

    fn result(device: &str, batch: usize, samples_ms: &[f64]) -> Value {
        json!({
            "device": device, "engine": "an engine", "passes": "fused", "settings": [], "batch": batch, "shared": [],
            "open_ms": 20.0, "open_stages": [], "first_ms": 3.0, "first_stages": [], "warm_ms": null,
            "warm_stages": [], "samples_ms": samples_ms, "dispatches": 4, "submits": 1, "waits": 1, "pipelines": 4,
            "allocations": 0, "upload_bytes": 8, "download_bytes": 4, "weight_bytes": 100, "activation_bytes": 64,
            "peak_resident_bytes": null, "flops": 50, "traffic_bytes": 200, "gflop_per_s": null, "gb_per_s": null,
        })
    }

    fn report(results: Vec<Value>) -> Value {
        json!({
            "schema": 2, "created": "2026-01-31T12:00:00Z", "seed": 1, "results": results,
            "model": {
                "name": "m", "format": "f", "identity": "00c0ffee", "layers": 1, "operators": 1, "weight_bytes": 100,
            },
            "machine": {
                "cpu": "a processor", "cores": 2, "os": "linux", "architecture": "x86_64", "version": "0.1.0",
                "build": "release", "adapter": null,
            },
        })
    }

    fn compared(before: &Value, after: &Value, options: CompareOptions) -> Result<Comparison> {
        let [before, after] = [before, after].map(|value| Report::from_json(&value.to_string()).expect("a report"));
        compare(&before, &after, options)
    }

    fn usual(before: &Value, after: &Value) -> Comparison {
        compared(before, after, CompareOptions::default()).expect("comparable reports")
    }

    #[test]
    fn a_report_does_not_differ_from_itself() {
        let same = report(vec![result("gpu", 1, &times(50, 2.0)), result("cpu", 1, &times(50, 1.0))]);
        let found = usual(&same, &same);
        assert_eq!(found.rows.len(), 2);
        for row in &found.rows {
            let warm = row.warm.as_ref().expect("samples");
            assert_eq!((warm.ratio, warm.delta, warm.p_value), (1.0, 0.0, 1.0));
            assert_eq!((warm.verdict, warm.effect), (Verdict::NoDifferenceShown, Effect::Negligible));
            assert!(row.changed.is_empty());
        }
        assert_eq!(found.regressions().count(), 0);
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    }

    #[test]
    fn real_differences_are_told_from_none_and_from_small_ones() {
        let results = |factors: [f64; 4]| {
            let row = |(batch, factor)| result("gpu", batch, &times(60, factor));
            report(factors.into_iter().enumerate().map(row).collect())
        };
        let found = usual(&results([1.0; 4]), &results([1.0, 1.04, 1.2, 0.5]));
        let warm: Vec<&WarmComparison> = found.rows.iter().filter_map(|row| row.warm.as_ref()).collect();
        let verdicts: Vec<Verdict> = warm.iter().map(|warm| warm.verdict).collect();
        use Verdict::{Faster, NoDifferenceShown, Slower};
        assert_eq!(verdicts, [NoDifferenceShown, Slower, Slower, Faster]);
        // The second difference is significant, but within the threshold.
        assert_eq!(found.regressions().map(|row| row.key.batch).collect::<Vec<_>>(), [2]);
        for (warm, ratio) in warm.iter().zip([1.0, 1.04, 1.2, 0.5]) {
            let [low, high] = warm.ratio_ci95;
            assert!((warm.ratio - ratio).abs() < 1e-9 && low <= ratio && ratio <= high, "{warm:?}");
        }
        assert_eq!((warm[2].delta, warm[2].effect), (1.0, Effect::Large));
        let strict = CompareOptions { threshold_percent: 0.0, ..CompareOptions::default() };
        let found = compared(&results([1.0; 4]), &results([1.0, 1.04, 1.2, 0.5]), strict).expect("comparable");
        assert_eq!(found.regressions().count(), 2);
    }

    #[test]
    fn results_are_matched_by_what_they_are_of() {
        let mut shared = result("gpu", 32, &times(50, 1.0));
        shared["shared"] = json!(["user"]);
        let mut later = shared.clone();
        later["dispatches"] = json!(7);
        later["open_ms"] = json!(30.0);
        let before = report(vec![result("cpu", 1, &[1.0]), result("gpu", 32, &[1.0]), shared]);
        let after = report(vec![later, result("reference", 1, &[1.0])]);
        let found = usual(&before, &after);
        assert_eq!(found.rows.len(), 1);
        let row = &found.rows[0];
        assert_eq!(row.key.to_string(), "gpu fused, batch 32, shared user");
        assert_eq!(row.open_ms, [20.0, 30.0]);
        assert_eq!(row.changed, [CountChange { name: "dispatches".into(), before: 4, after: 7 }]);
        let texts = |keys: &[ResultKey]| keys.iter().map(ResultKey::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&found.only_before), ["cpu fused, batch 1", "gpu fused, batch 32"]);
        assert_eq!(texts(&found.only_after), ["reference fused, batch 1"]);
    }

    #[test]
    fn what_makes_reports_less_comparable_is_said() {
        let before = report(vec![result("gpu", 1, &[1.0, 1.1, 1.2]), result("cpu", 1, &[])]);
        let mut after = before.clone();
        after["machine"]["cores"] = json!(8);
        after["machine"]["build"] = json!("debug");
        after["seed"] = json!(2);
        after["results"][0]["engine"] = json!("another engine");
        let expected = [
            "the number of cores was 2, is 8",
            "the build was release, is debug",
            "the seed of the inputs was 1, is 2",
            "gpu was an engine, is another engine",
            "gpu fused, batch 1: 3 and 3 samples are too few to show any difference",
            "cpu fused, batch 1: a report has no warm predictions",
        ];
        assert_eq!(usual(&before, &after).warnings, expected);
        let both = usual(&after, &after).warnings;
        assert_eq!(both[0], "both were measured by a debug build, whose times mean little");
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let one = report(vec![result("gpu", 1, &times(9, 1.0))]);
        let mut model = one.clone();
        model["model"]["identity"] = json!("deadbeef");
        let options = CompareOptions::default();
        let error = compared(&one, &model, options).expect_err("two models");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("(CompareOptions::any_model)")));
        let any = CompareOptions { any_model: true, ..options };
        assert_eq!(
            compared(&one, &model, any).expect("any").warnings[0],
            "the models differ: `m` (00c0ffee) and `m` (deadbeef)"
        );
        let other = report(vec![result("cpu", 1, &times(9, 1.0))]);
        let zero = report(vec![result("gpu", 1, &[0.0, 1.0])]);
        let wild =
            [CompareOptions { alpha: 1.0, ..options }, CompareOptions { threshold_percent: f64::NAN, ..options }];
        let errors = [
            compared(&one, &other, options),
            compared(&one, &report(vec![]), options),
            compared(&one, &one, wild[0]),
            compared(&one, &one, wild[1]),
        ];
        for error in errors {
            assert_eq!(error.expect_err("refused").kind(), ErrorKind::Input);
        }
        assert_eq!(compared(&one, &zero, options).expect_err("no time").kind(), ErrorKind::Format);
    }

    /// A comparison is equal to itself after a round trip through JSON.
    #[test]
    fn a_comparison_survives_its_json() {
        let found =
            usual(&report(vec![result("gpu", 1, &times(9, 1.0))]), &report(vec![result("gpu", 1, &times(9, 2.0))]));
        let json = serde_json::to_value(&found).expect("JSON");
        assert_eq!(
            (&json["rows"][0]["device"], &json["rows"][0]["warm"]["verdict"]),
            (&json!("gpu"), &json!("slower"))
        );
        assert_eq!(serde_json::from_value::<Comparison>(json).expect("a comparison"), found);
    }

    #[test]
    fn the_words_for_effects_are_those_of_their_bounds() {
        let words = [(0.1, "negligible"), (-0.147, "small"), (0.4, "medium"), (-0.474, "large"), (1.0, "large")];
        for (delta, word) in words {
            assert_eq!(Effect::of(delta).to_string(), word);
        }
    }
}
