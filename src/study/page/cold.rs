//! The section about cold starts.

use super::markup::{paragraph, section, table, time, with_settings};
use super::plot::{Bar, bars};
use crate::study::digits;
use crate::study::report::{ColdStart, Report};
use crate::telemetry::Stage;

/// Bars of the stages, and their table.
pub(super) fn cold(report: &Report) -> Option<String> {
    let cold = &report.study.as_ref()?.cold;
    cold.first()?;
    let names = names_of_parts(cold);
    let parts: Vec<&str> = names.iter().map(String::as_str).collect();
    // In the order of the names; 0 for a start without the stage.
    let times = |cold: &ColdStart| -> Vec<f64> {
        let found = parts_of(cold);
        let ms = |name: &&str| found.iter().find(|(part, _)| part == name).map_or(0.0, |(_, ms)| *ms);
        parts.iter().map(ms).collect()
    };
    let label = |cold: &ColdStart| {
        let cached = if cold.cached { ", pipelines on disk" } else { "" };
        format!("{} {}{cached}", cold.device, with_settings(&cold.passes, &cold.settings))
    };
    let bar = |cold: &ColdStart| {
        let parts = times(cold);
        Bar { label: label(cold), total: time(parts.iter().sum()), parts }
    };
    let row = |cold: &ColdStart| {
        let cells = times(cold).into_iter().map(digits);
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
        .chain(parts.iter().copied())
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

const READING: &str = "reading the file";
const PREDICTING: &str = "predicting";

/// The rest of opening, in which stages overlap.
const REST: &str = "compiling and uploading";

/// Spans that contain others, or that are part of the rest.
const NO_PARTS: [Stage; 6] = [
    Stage::Open,
    Stage::OpenSizes,
    Stage::OpenGraph,
    Stage::CompilePipelines,
    Stage::UploadWeights,
    Stage::KeepPipelines,
];

/// The parts of a cold start, which add up to its total: every stage of opening in the timeline except those that
/// overlap, and the rest.
pub(super) fn parts_of(cold: &ColdStart) -> Vec<(String, f64)> {
    let stages = cold.open_stages.iter().filter(|time| !NO_PARTS.iter().any(|stage| stage.name() == time.name));
    let mut parts = vec![(READING.to_string(), cold.load_ms)];
    parts.extend(stages.map(|stage| (in_words(&stage.name), stage.ms)));
    let staged: f64 = parts[1..].iter().map(|(_, ms)| ms).sum();
    parts.push((REST.into(), (cold.open_ms - staged).max(0.0)));
    parts.push((PREDICTING.into(), cold.first_ms));
    parts
}

/// The name of a stage in a sentence.
fn in_words(stage: &str) -> String {
    let words = match stage.parse() {
        Ok(Stage::FindAdapters) => "finding adapters",
        Ok(Stage::OpenDevice) => "opening the device",
        Ok(Stage::Plan) => "planning",
        Ok(Stage::Prepare) => "preparing",
        _ => stage,
    };
    words.into()
}

/// The parts that any of the cold starts has, in order.
fn names_of_parts(cold: &[ColdStart]) -> Vec<String> {
    let mut names = vec![READING.to_string()];
    for (name, _) in cold.iter().flat_map(parts_of) {
        if !names.contains(&name) && name != REST && name != PREDICTING {
            names.push(name);
        }
    }
    names.extend([REST, PREDICTING].map(String::from));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::tensor::{Shape, TensorType};
    use crate::{Device, Model, Session};

    #[test]
    fn no_part_of_opening_is_inside_another() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("an input");
        let model = Model::from_graph("same", builder.finish(vec![("y".into(), x)]).expect("a graph"));
        let session = Session::open(&model, Device::Cpu).expect("the CPU opens");
        let spans = session.timeline().spans().iter().filter(|span| !NO_PARTS.contains(&span.stage));
        let mut parts: Vec<_> =
            spans.map(|span| (span.start_ns, span.start_ns + span.duration_ns, span.stage)).collect();
        parts.sort_unstable();
        assert!(parts.len() >= 2, "{parts:?}");
        assert!(parts.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{parts:?}");
    }
}
