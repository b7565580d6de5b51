//! The steps of a study, and the report after an interruption.

use crate::{model, quick};
use std::ops::ControlFlow;
use tfjs_wgpu::internals::study::protocol::{Step, steps};
use tfjs_wgpu::study::Report;
use tfjs_wgpu::study::study;
use tfjs_wgpu::{Device, SessionOptions};

/// What a step opens.
fn session(step: &Step) -> &SessionOptions {
    match step {
        Step::Cold { session, .. }
        | Step::Warm { session, .. }
        | Step::Sporadic { session, .. }
        | Step::Candidates { session, .. }
        | Step::Dispatches { session, .. }
        | Step::Ablation { session, .. }
        | Step::Profile { session, .. }
        | Step::Precision { session, .. } => session,
    }
}

#[test]
fn a_study_without_a_gpu_asks_for_none() {
    let found = steps(&model("ncf"), &quick(&[Device::Cpu]));
    assert!(found.iter().all(|step| session(step).device == Device::Cpu));
    assert!(
        !found.iter().any(|step| matches!(step, Step::Ablation { .. } | Step::Dispatches { .. } | Step::Cold { .. }))
    );
    for wanted in
        ["warm, cpu fused, batch 1", "512 candidates, cpu fused", "precision, CPU, fused", "every 1000 ms, cpu fused"]
    {
        assert!(found.iter().any(|step| step.to_string() == wanted), "{wanted}");
    }
}

#[test]
fn a_study_with_a_gpu_imitates_tfjs_and_dispatches() {
    let found = steps(&model("ncf"), &quick(&[Device::Gpu, Device::Cpu]));
    let texts: Vec<String> = found.iter().map(Step::to_string).collect();
    for wanted in [
        "warm, gpu tfjs-webgl2, batch 256",
        "ablation, as TF.js on WebGL 2, batch 1",
        "ablation, fused, batch 200",
        "128 empty dispatches",
        "profile, gpu tfjs-webgl2, batch 32",
        "precision, GPU, as TF.js in half floats",
    ] {
        assert!(texts.iter().any(|text| text == wanted), "{wanted} is not in {texts:#?}");
    }
    // No two steps measure the same.
    let mut unique = texts.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), texts.len());
}

#[test]
fn one_user_has_curves_of_its_own() {
    let options = quick(&[Device::Cpu]).shared(vec!["user".into()]);
    let found = steps(&model("ncf"), &options);
    let shared = found.iter().filter(|step| !session(step).shared.is_empty());
    // Of one candidate nothing is shared.
    assert_eq!(shared.count(), 9);
}

#[test]
fn a_study_fills_its_report_and_a_report_reads_back() {
    let (mut seen, model) = (0, model("ncf"));
    let report = study(&model, &quick(&[Device::Cpu]), &mut |_, progress| {
        assert_eq!(progress.done, seen);
        seen += 1;
        Ok(ControlFlow::Continue(()))
    })
    .expect("the study ends");
    let results = report.study.as_ref().expect("a study");
    assert!(results.complete && results.notes.is_empty(), "{:?}", results.notes);
    assert_eq!(report.results.iter().map(|result| result.batch).collect::<Vec<_>>(), [1, 32, 256]);
    assert_eq!(results.curves.len(), 1);
    assert_eq!(results.curves[0].points.len(), 10);
    assert_eq!(results.sporadic.iter().map(|each| each.interval_ms).collect::<Vec<_>>(), [0, 10, 100, 1000]);
    assert_eq!(results.precision[0].kendall_tau, [1.0, 1.0]);
    assert!(results.cold.is_empty() && results.published.is_none() && results.dispatch_cost.is_none());
    assert_eq!(results.profiles[0].breakdown.steps.len(), results.profiles[0].profile.steps.len());
    let text = report.to_json().expect("JSON");
    assert_eq!(Report::from_json(&text).expect("reads back"), report);
    assert!(Report::from_json(&text.replacen("\"schema\": 2", "\"schema\": 1", 1)).is_err());
}

#[test]
fn an_interrupted_study_keeps_what_it_has() {
    let report = study(&model("ncf"), &quick(&[Device::Cpu]), &mut |_, progress| {
        Ok(if progress.done < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })
    .expect("the study ends");
    assert_eq!(report.results.len(), 2);
    assert!(!report.study.as_ref().expect("a study").complete);
    assert!(report.to_html().contains("was interrupted"));
}

#[test]
fn what_cannot_be_measured_is_a_note() {
    // A name that the model does not have.
    let options = quick(&[Device::Cpu]).shared(vec!["nobody".into()]);
    let report = study(&model("ncf"), &options, &mut |_, _| Ok(ControlFlow::Continue(()))).expect("the study ends");
    let results = report.study.as_ref().expect("a study");
    assert!(results.complete);
    assert!(results.notes.iter().any(|note| note.contains("no input called `nobody`")), "{:?}", results.notes);
    assert_eq!(report.results.len(), 3);
}
