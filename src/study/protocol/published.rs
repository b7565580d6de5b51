//! The published averages of a recommender deployed in a mini-program, beside our times in the same stages.

use crate::study::report::{ColdStart, Published, PublishedRow};

/// Stages in milliseconds: the engine's sub-package, loading the model, the first prediction, and their sum. First
/// TF.js on WebGL, then the mini-program's own engine, which has no sub-package.
const PUBLISHED: [(&str, Option<f64>, f64, f64, f64); 2] = [
    ("TF.js in a mini-program, published", Some(971.0), 321.0, 252.0, 1544.0),
    ("native engine of the mini-program, published", None, 531.0, 19.0, 550.0),
];

/// The source of the numbers.
const SOURCE: &str = "vivo, “weixin-mini-ai”, September 2025";

/// The differences between what the two sets of numbers include.
const MISSING: [&str; 4] = [
    "Theirs are averages over the phones of a shop's visitors; ours are medians on the machine above.",
    "Theirs are of their model and their inputs, which were not published; ours of the model above.",
    "Their sub-package is the code of TF.js, fetched and evaluated. Ours is part of the program: its loading is in the \
     process times above, and in no stage here.",
    "Whether their start counts fetching the model's file is not said. Ours reads it from the disk.",
];

/// The published numbers, and ours for every cold start.
pub(super) fn beside(cold: &[ColdStart]) -> Option<Published> {
    let ours = |cold: &ColdStart| PublishedRow {
        engine: format!("{} {}{}", cold.device, cold.passes, if cold.cached { ", pipelines on disk" } else { "" }),
        is_published: false,
        package_ms: None,
        init_ms: cold.load_ms + cold.open_ms,
        run_ms: cold.first_ms,
        total_ms: cold.load_ms + cold.open_ms + cold.first_ms,
    };
    let theirs = PUBLISHED.map(|(engine, package_ms, init_ms, run_ms, total_ms)| PublishedRow {
        engine: engine.into(),
        is_published: true,
        package_ms,
        init_ms,
        run_ms,
        total_ms,
    });
    let rows: Vec<PublishedRow> = theirs.into_iter().chain(cold.iter().map(ours)).collect();
    (!cold.is_empty()).then(|| Published { source: SOURCE.into(), rows, missing: MISSING.map(String::from).into() })
}
