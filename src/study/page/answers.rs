//! The four questions of a study, answered in sentences with its numbers. A question without numbers is omitted.

use super::cold::parts_of;
use super::markup::{counted, time, times};
use crate::study::digits;
use crate::study::measurement::Measurement;
use crate::study::report::{Precision, Report, StudyResults};

/// A question, its answer, and the section that has the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) question: &'static str,
    pub(crate) text: String,
    pub(crate) section: &'static str,
}

/// The answers for a report.
pub(crate) fn answers(report: &Report) -> Vec<Answer> {
    let answer = |question, text: Option<String>, section| text.map(|text| Answer { question, text, section });
    let study = report.study.as_ref();
    [
        answer("How long is the first prediction, and what is in it?", study.and_then(first), "cold"),
        answer("What does fusion save?", fusion(report), "ablations"),
        answer("From how many candidates on is which device faster?", study.and_then(break_even), "candidates"),
        answer("Does half-float storage change the ranking?", study.and_then(half), "precision"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn first(study: &StudyResults) -> Option<String> {
    let find = |device: &str, cached: bool| {
        let mut all = study.cold.iter();
        all.find(|cold| {
            cold.device == device && cold.passes == "fused" && cold.cached == cached && cold.settings.is_empty()
        })
    };
    let (gpu, cached, cpu) = (find("gpu", false), find("gpu", true), find("cpu", false));
    let subject = gpu.or(cpu)?;
    let parts = parts_of(subject).into_iter().filter(|(_, ms)| *ms >= 0.01 * subject.total_ms.p50);
    let parts: Vec<String> = parts.map(|(name, ms)| format!("{name} {}", time(ms))).collect();
    let place = if gpu.is_some() { "GPU" } else { "CPU" };
    let mut text = format!(
        "In a fresh process the first answer of the fused plan takes {} on the {place}: {}.",
        time(subject.total_ms.p50),
        parts.join(", ")
    );
    if let Some(cached) = cached {
        text.push_str(&format!(" With compiled pipelines on disk it takes {}.", time(cached.total_ms.p50)));
    }
    if let (Some(_), Some(cpu)) = (gpu, cpu) {
        text.push_str(&format!(" On the CPU it takes {}.", time(cpu.total_ms.p50)));
    }
    Some(text)
}

/// The measurement of a list of passes on the GPU at the smallest batch size.
fn warm<'r>(report: &'r Report, plan: &str) -> Option<&'r Measurement> {
    let found = report.results.iter().filter(|result| result.device == "gpu" && result.passes == plan);
    found.filter(|result| result.settings.is_empty() && result.warm_ms.is_some()).min_by_key(|result| result.batch)
}

fn fusion(report: &Report) -> Option<String> {
    let fused = warm(report, "fused")?;
    let against = |plan: &str, name: &str| {
        let other = warm(report, plan).filter(|other| other.batch == fused.batch)?;
        let (before, after) = (other.warm_ms?.p50, fused.warm_ms?.p50);
        let ratio = if before >= after {
            format!("{} as fast", times(before, after))
        } else {
            format!("{} as slow", times(after, before))
        };
        let dispatches = counted(other.dispatches, "dispatch", "dispatches");
        Some(format!("{name} takes {dispatches} and {}; the fused one is {ratio}", time(before)))
    };
    let others = [against("plain", "the plain plan"), against("tfjs-webgl2", "the one in the shape of TF.js")];
    let others: Vec<String> = others.into_iter().flatten().collect();
    if others.is_empty() {
        return None;
    }
    let rows = counted(fused.batch as u64, "row", "rows");
    let dispatches = counted(fused.dispatches, "dispatch", "dispatches");
    let fused = time(fused.warm_ms?.p50);
    Some(format!("For {rows} the fused plan takes {dispatches} and {fused}. In comparison {}.", others.join("; ")))
}

fn break_even(study: &StudyResults) -> Option<String> {
    let pair = study.break_even.iter().find(|pair| pair.for_few == "cpu fused" && pair.for_many == "gpu fused")?;
    let curve = |label: &str| study.curves.iter().find(|curve| curve.label() == label);
    let (cpu, gpu) = (curve("cpu fused")?, curve("gpu fused")?);
    let (first, most) = (cpu.points.first()?.candidates, cpu.points.last()?.candidates);
    let at = |candidates: usize| {
        let time_of = |curve: &crate::study::report::Curve| {
            curve.points.iter().find(|point| point.candidates == candidates).map(|point| time(point.ms.p50))
        };
        match (time_of(cpu), time_of(gpu)) {
            (Some(cpu), Some(gpu)) => format!(" At {candidates} candidates the CPU takes {cpu}, the GPU {gpu}."),
            _ => String::new(),
        }
    };
    Some(match pair.from_candidates {
        None => format!("The GPU is faster nowhere up to {most} candidates.{}", at(most)),
        Some(from) if from == first => format!("The GPU is faster from the first candidate on.{}", at(most)),
        Some(from) => format!("The CPU is faster for few candidates, the GPU from {from} on.{}", at(from)),
    })
}

fn half(study: &StudyResults) -> Option<String> {
    let is_half = |row: &&Precision| row.settings.iter().any(|setting| setting == "activation-precision f16");
    // Phones without float32 textures run the plan of TF.js. Without a result for it, the fused plan is used.
    let rows = || study.precision.iter().filter(is_half);
    let row = rows().find(|row| row.passes.starts_with("tfjs")).or_else(|| rows().next())?;
    let moved = format!("Scores move by up to {}.", digits(row.max_abs_difference));
    let (rankings, candidates, k) = (row.rankings, row.candidates, row.k);
    if row.kendall_tau[1] >= 1.0 {
        return Some(format!("No: all {rankings} rankings of {candidates} candidates stay as they are. {moved}"));
    }
    let top = if row.top_k_overlap[1] >= 1.0 {
        format!("the first {k} are the same candidates in all")
    } else {
        let [mean, least] = row.top_k_overlap.map(|value| digits(100.0 * value));
        format!("{mean} % of the first {k} stay among them on average, {least} % at worst")
    };
    Some(format!(
        "Yes: over {rankings} rankings of {candidates} candidates Kendall's τ is {} on average and {} at worst, NDCG@{k} {} \
         and {}; {top}, and the best is the same in {}. {moved}",
        near_one(row.kendall_tau[0]),
        near_one(row.kendall_tau[1]),
        near_one(row.ndcg[0]),
        near_one(row.ndcg[1]),
        row.same_best,
    ))
}

/// A number up to 1, with enough digits to show its distance from 1.
pub(super) fn near_one(value: f64) -> String {
    if value >= 1.0 { "1".into() } else { format!("{value:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::measurement::StageTime;
    use crate::study::report::{BreakEven, ColdStart, Curve, CurvePoint};
    use crate::study::statistics::Summary;

    fn summary(ms: f64) -> Summary {
        Summary::of(&[ms]).expect("a sample")
    }

    fn cold(device: &str, cached: bool, ms: f64) -> ColdStart {
        let stage = |name: &str, ms: f64| StageTime { name: name.into(), ms };
        ColdStart {
            device: device.into(),
            engine: device.into(),
            passes: "fused".into(),
            settings: Vec::new(),
            cached,
            total_ms: summary(ms),
            process_ms: summary(ms),
            load_ms: 0.1 * ms,
            open_ms: 0.6 * ms,
            first_ms: 0.3 * ms,
            open_stages: vec![stage("open", 0.6 * ms), stage("open device", 0.2 * ms), stage("plan", 0.001 * ms)],
            first_stages: Vec::new(),
            pipelines: 3,
            dispatches: 4,
        }
    }

    #[test]
    fn the_parts_of_a_cold_start_are_its_stages_and_add_up() {
        let mut cold = cold("gpu", false, 100.0);
        // `open graph` contains planning, compiling and uploading.
        for (name, ms) in [("find adapters", 5.0), ("open graph", 35.0)] {
            cold.open_stages.push(StageTime { name: name.into(), ms });
        }
        let parts = parts_of(&cold);
        assert!((parts.iter().map(|(_, ms)| ms).sum::<f64>() - 100.0).abs() < 1e-9);
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        let stages = ["opening the device", "planning", "finding adapters"];
        assert_eq!(names, [&["reading the file"], &stages[..], &["compiling and uploading", "predicting"]].concat());
    }

    #[test]
    fn the_first_prediction_is_told_for_what_was_measured() {
        let told = |cold: Vec<ColdStart>| first(&StudyResults { cold, ..StudyResults::default() });
        assert_eq!(told(Vec::new()), None);
        let cpu = told(vec![cold("cpu", false, 2.0)]).expect("an answer");
        assert!(cpu.contains("2.00 ms on the CPU") && !cpu.contains("GPU"), "{cpu}");
        let all = told(vec![cold("gpu", false, 100.0), cold("gpu", true, 20.0), cold("cpu", false, 2.0)]);
        let all = all.expect("an answer");
        for part in [
            "100 ms on the GPU",
            "opening the device 20.0 ms",
            "on disk it takes 20.0 ms",
            "On the CPU it takes 2.00 ms",
        ] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
        // A stage of less than 1 % is not mentioned.
        assert!(!all.contains("planning"), "{all}");
    }

    #[test]
    fn the_break_even_is_told_in_all_directions() {
        let told = |from_candidates: Option<usize>| {
            let curve = |device: &str, times: [f64; 2]| Curve {
                device: device.into(),
                passes: "fused".into(),
                shared: Vec::new(),
                points: [1, 64]
                    .into_iter()
                    .zip(times)
                    .map(|(candidates, ms)| CurvePoint { candidates, ms: summary(ms), dispatches: 0 })
                    .collect(),
            };
            let pair = BreakEven { for_few: "cpu fused".into(), for_many: "gpu fused".into(), from_candidates };
            let curves = vec![curve("cpu", [1.0, 9.0]), curve("gpu", [2.0, 3.0])];
            break_even(&StudyResults { curves, break_even: vec![pair], ..StudyResults::default() }).expect("an answer")
        };
        let cases = [
            (None, "The GPU is faster nowhere up to 64 candidates."),
            (Some(1), "The GPU is faster from the first candidate on."),
            (
                Some(64),
                "The CPU is faster for few candidates, the GPU from 64 on. At 64 candidates the CPU takes 9.00 ms",
            ),
        ];
        for (from, expected) in cases {
            let text = told(from);
            assert!(text.starts_with(expected), "{text}");
        }
        assert_eq!(break_even(&StudyResults::default()), None);
    }

    #[test]
    fn half_floats_are_told_by_what_they_do_to_the_order() {
        let told = |tau: [f64; 2], overlap: [f64; 2], setting: &str| {
            let row = Precision {
                name: "half".into(),
                device: "gpu".into(),
                passes: "tfjs-webgl2".into(),
                settings: vec![setting.into()],
                output: "score".into(),
                rankings: 20,
                candidates: 200,
                k: 10,
                max_abs_difference: 0.000_36,
                kendall_tau: tau,
                ndcg: tau,
                top_k_overlap: overlap,
                same_best: 19,
                warm_ms: summary(1.0),
            };
            half(&StudyResults { precision: vec![row], ..StudyResults::default() })
        };
        let same = told([1.0, 1.0], [1.0, 1.0], "activation-precision f16").expect("an answer");
        assert!(same.starts_with("No: all 20 rankings of 200 candidates stay as they are."), "{same}");
        let moved = told([0.9994, 0.9991], [1.0, 1.0], "activation-precision f16").expect("an answer");
        assert!(moved.starts_with("Yes: ") && moved.contains("the same candidates in all"), "{moved}");
        let lost = told([0.99, 0.98], [0.95, 0.9], "activation-precision f16").expect("an answer");
        assert!(lost.contains("95.0 % of the first 10") && lost.contains("90.0 % at worst"), "{lost}");
        assert_eq!(told([1.0, 1.0], [1.0, 1.0], "submits per-kernel"), None);
    }
}
