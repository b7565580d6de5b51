//! The sections about warm predictions. A section without numbers is omitted.

use super::answers::near_one;
use super::markup::{bytes, escape, paragraph, section, table, time, times, with_settings};
use super::plot::{Bar, Plot, Point, Scale, Series, bars, lines};
use crate::study::digits;
use crate::study::measurement::Measurement;
use crate::study::report::{Ablation, BreakEven, Curve, Precision, PublishedRow, Report, Sporadic};
use crate::study::statistics::Summary;

fn interval(summary: &Summary) -> String {
    format!("{}–{}", digits(summary.p50_ci95[0]), digits(summary.p50_ci95[1]))
}

fn point(x: f64, summary: &Summary) -> Point {
    Point { x, y: summary.p50, interval: Some(summary.p50_ci95) }
}

/// Ablations from the plan of TF.js to the fused plan.
pub(super) fn ablations(report: &Report) -> Option<String> {
    let all = &report.study.as_ref()?.ablations;
    let mut batches: Vec<usize> = all.iter().map(|ablation| ablation.batch).collect();
    batches.dedup();
    let first = all.first()?;
    let mut body = vec![paragraph(
        "The techniques of TF.js are removed one after the other; each row is without those above it too. The first answer is \
         opening and predicting in a fresh process with nothing on disk.",
    )];
    for &batch in &batches {
        let of: Vec<&Ablation> = all.iter().filter(|ablation| ablation.batch == batch).collect();
        let rows = if batch == 1 { "1 row".to_string() } else { format!("{batch} rows") };
        let bar = |label: &str, ms: f64| Bar { label: label.into(), parts: vec![ms], total: time(ms) };
        let warm: Vec<Bar> = of.iter().map(|ablation| bar(&ablation.name, ablation.warm_ms.p50)).collect();
        let cold = |ablation: &&Ablation| Some(bar(&ablation.name, ablation.open_ms? + ablation.first_ms?));
        let cold: Vec<Bar> = of.iter().filter_map(cold).collect();
        let mut plots = format!(
            "<div><h3>Warm, {rows}</h3>{}</div>",
            bars(&format!("Warm predictions of {rows}"), &["warm"], &warm)
        );
        if !cold.is_empty() {
            let drawn = bars(&format!("First answers of {rows}"), &["first"], &cold);
            plots.insert_str(0, &format!("<div><h3>First answer, {rows}</h3>{drawn}</div>"));
        }
        body.push(format!("<div class=\"beside\">{plots}</div>"));
    }
    let row = |ablation: &Ablation| {
        let optional = |ms: Option<f64>| ms.map_or("–".into(), digits);
        vec![
            ablation.name.clone(),
            ablation.batch.to_string(),
            optional(ablation.open_ms),
            optional(ablation.first_ms),
            digits(ablation.warm_ms.p50),
            interval(&ablation.warm_ms),
            ablation.pipelines.to_string(),
            ablation.dispatches.to_string(),
            ablation.submits.to_string(),
            ablation.waits.to_string(),
        ]
    };
    let header =
        ["step", "rows", "open ms", "first ms", "warm ms", "95 % of it", "pipelines", "dispatches", "submits", "waits"];
    let meaning =
        |ablation: &Ablation| format!("<li><b>{}</b>: {}.</li>", escape(&ablation.name), escape(&ablation.about));
    let meanings: String = all.iter().filter(|ablation| ablation.batch == first.batch).map(meaning).collect();
    body.push(format!("<ul>{meanings}</ul>"));
    body.push(table("From the shape of TF.js to the fused plan", 1, &header, &all.iter().map(row).collect::<Vec<_>>()));
    if let Some(last) = all.iter().rfind(|ablation| ablation.batch == first.batch) {
        let (before, after) = (first.warm_ms.p50, last.warm_ms.p50);
        let ratio = times(before.max(after), before.min(after));
        let word = if before >= after { "shorter" } else { "longer" };
        body.insert(
            1,
            paragraph(&format!(
                "Altogether a warm prediction gets {ratio} {word}: {} and then {}.",
                time(before),
                time(after)
            )),
        );
    }
    Some(section("ablations", "What each technique of TF.js costs", &body.concat()))
}

/// Time against dispatches.
pub(super) fn dispatch_cost(report: &Report) -> Option<String> {
    let cost = report.study.as_ref()?.dispatch_cost.as_ref()?;
    let points = cost.points.iter().map(|each| point(each.dispatches as f64, &each.ms)).collect();
    let series = vec![Series { label: "chains of dispatches".into(), points, joined: false }];
    let said = cost.line.map_or(String::new(), |line| {
        let told = |ms: f64| if ms > 0.0 { time(ms) } else { "no time that could be told".into() };
        let (each, rest) = (told(line.slope), told(line.intercept));
        paragraph(&format!(
            "A dispatch that does next to nothing costs {each}; submitting, waiting and reading back {rest} (least squares of relative errors, R² {}).",
            digits(line.r_squared)
        ))
    });
    let plot = lines(&Plot {
        title: "Time against the number of dispatches".into(),
        x_label: "dispatches",
        y_label: "ms",
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        series,
        trend: cost.line.map(|line| (line.intercept, line.slope)),
    });
    Some(section("dispatches", "What a dispatch costs", &(said + &plot)))
}

/// Time against candidates.
pub(super) fn candidates(report: &Report) -> Option<String> {
    let study = report.study.as_ref()?;
    let series = |curve: &Curve| Series {
        label: curve.label(),
        points: curve.points.iter().map(|each| point(each.candidates as f64, &each.ms)).collect(),
        joined: true,
    };
    if study.curves.is_empty() {
        return None;
    }
    let plot = lines(&Plot {
        title: "Warm predictions against the number of candidates".into(),
        x_label: "candidates",
        y_label: "ms",
        x_scale: Scale::Logarithmic,
        y_scale: Scale::Logarithmic,
        series: study.curves.iter().map(series).collect(),
        trend: None,
    });
    let sizes: Vec<usize> = {
        let mut sizes: Vec<usize> = study.curves.iter().flat_map(|curve| &curve.points).map(|p| p.candidates).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    };
    let row = |&size: &usize| {
        let at = |curve: &Curve| {
            let found = curve.points.iter().find(|point| point.candidates == size);
            found.map_or("–".into(), |point| digits(point.ms.p50))
        };
        [size.to_string()].into_iter().chain(study.curves.iter().map(at)).collect()
    };
    let labels: Vec<String> = study.curves.iter().map(Curve::label).collect();
    let header: Vec<&str> = ["candidates"].into_iter().chain(labels.iter().map(String::as_str)).collect();
    let times = table("Milliseconds by candidates", 0, &header, &sizes.iter().map(row).collect::<Vec<_>>());
    let even = |pair: &BreakEven| {
        let from = pair.from_candidates.map_or("never".into(), |from| from.to_string());
        vec![pair.for_few.clone(), pair.for_many.clone(), from]
    };
    let pairs: Vec<Vec<String>> = study.break_even.iter().map(even).collect();
    let even = if pairs.is_empty() {
        String::new()
    } else {
        table("From how many candidates on the second is faster", 2, &["", "compared with it", "from"], &pairs)
    };
    let about =
        paragraph("“One user” means that the inputs of the user are given once and computed once for all candidates.");
    Some(section("candidates", "Candidates", &[about, plot, times, even].concat()))
}

/// Pauses between predictions.
pub(super) fn sporadic(report: &Report) -> Option<String> {
    let all = &report.study.as_ref()?.sporadic;
    let row = |each: &Sporadic| {
        let ms = &each.warm_ms;
        let name = format!("{} {}", each.device, each.passes);
        vec![
            name,
            each.interval_ms.to_string(),
            digits(ms.p50),
            interval(ms),
            digits(ms.p90),
            digits(ms.max),
            ms.n.to_string(),
        ]
    };
    let header = ["passes", "ms from start to start", "p50 ms", "95 % of it", "p90", "max", "n"];
    let bar = |each: &Sporadic| {
        let pause = if each.interval_ms == 0 { "at once".into() } else { format!("every {} ms", each.interval_ms) };
        let (label, ms) = (format!("{} {}, {pause}", each.device, each.passes), each.warm_ms.p50);
        Bar { label, parts: vec![ms], total: time(ms) }
    };
    let body = [
        paragraph(
            "A prediction after a pause finds caches cold and clocks low. An interval of 0 is one prediction right after the other.",
        ),
        bars("Median by pause", &["p50"], &all.iter().map(bar).collect::<Vec<_>>()),
        table("Predictions with pauses", 1, &header, &all.iter().map(row).collect::<Vec<_>>()),
    ];
    (!all.is_empty()).then(|| section("sporadic", "Predictions now and then", &body.concat()))
}

/// All warm predictions.
pub(super) fn warm(report: &Report) -> Option<String> {
    let row = |result: &Measurement| {
        let warm = result.warm_ms?;
        let rate = |rate: Option<f64>| rate.map_or("–".into(), digits);
        Some(vec![
            format!("{} {}", result.device, with_settings(&result.passes, &result.settings)),
            result.batch.to_string(),
            digits(warm.p50),
            interval(&warm),
            digits(warm.p90),
            digits(warm.p99),
            warm.n.to_string(),
            result.dispatches.to_string(),
            result.submits.to_string(),
            result.pipelines.to_string(),
            bytes(result.upload_bytes + result.download_bytes),
            bytes(result.weight_bytes + result.activation_bytes),
            rate(result.gflop_per_s),
            rate(result.gb_per_s),
        ])
    };
    let rows: Vec<Vec<String>> = report.results.iter().filter_map(row).collect();
    let header = [
        "plan",
        "rows",
        "p50 ms",
        "95 % of it",
        "p90",
        "p99",
        "n",
        "dispatches",
        "submits",
        "pipelines",
        "moved",
        "held",
        "GFLOP/s",
        "GB/s",
    ];
    let about = paragraph(
        "“Moved” are the bytes of inputs and outputs of one prediction, “held” those of weights and values on the device. Pipelines \
         are those that had not been made before in the same process.",
    );
    let html = about + &table("Warm predictions", 1, &header, &rows);
    (!rows.is_empty()).then(|| section("warm", "Warm predictions", &html))
}

/// Precision against speed.
pub(super) fn precision(report: &Report) -> Option<String> {
    let all = &report.study.as_ref()?.precision;
    let first = all.first()?;
    let row = |each: &Precision| {
        let both = |values: [f64; 2]| values.map(near_one);
        let [tau, least_tau] = both(each.kendall_tau);
        let [ndcg, least_ndcg] = both(each.ndcg);
        let [overlap, least_overlap] = both(each.top_k_overlap);
        let same = format!("{} of {}", each.same_best, each.rankings);
        let (name, distance, warm) = (each.name.clone(), digits(each.max_abs_difference), digits(each.warm_ms.p50));
        vec![name, distance, tau, least_tau, ndcg, least_ndcg, overlap, least_overlap, same, warm]
    };
    let (k, candidates) = (first.k, first.candidates);
    let (ndcg, overlap) = (format!("NDCG@{k}"), format!("first {k} kept"));
    let header = ["computed", "score off by", "τ", "worst", &ndcg, "worst", &overlap, "worst", "same best", "warm ms"];
    let about = paragraph(&format!(
        "{} rankings of {candidates} candidates by the output {}, against the reference. The order is what a recommender is judged \
         by.",
        first.rankings, first.output
    ));
    let html = about + &table("Precision", 1, &header, &all.iter().map(row).collect::<Vec<_>>());
    Some(section("precision", "Precision and order", &html))
}

/// The published numbers beside ours.
pub(super) fn published(report: &Report) -> Option<String> {
    let published = report.study.as_ref()?.published.as_ref()?;
    let row = |row: &PublishedRow| {
        let package = row.package_ms.map_or("–".into(), digits);
        vec![row.engine.clone(), package, digits(row.init_ms), digits(row.run_ms), digits(row.total_ms)]
    };
    let header = ["engine", "sub-package ms", "init ms", "run ms", "total ms"];
    let missing: String = published.missing.iter().map(|term| format!("<li>{}</li>", escape(term))).collect();
    let html = table("The same stages", 1, &header, &published.rows.iter().map(row).collect::<Vec<_>>());
    let about = paragraph(&format!(
        "A deployment of a recommender in a mini-program published the averages of four stages for TF.js and for the \
         mini-program's own engine ({}). These are no race: what the numbers lack is below the table.",
        published.source
    ));
    Some(section("published", "Beside a published deployment", &format!("{about}{html}<ul>{missing}</ul>")))
}
