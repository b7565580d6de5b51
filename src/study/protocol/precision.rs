//! The effect of an execution mode on the order of candidates: rankings of random inputs, compared with the
//! reference's.

use super::options::{StudyOptions, session};
use super::step::Step;
use crate::emulation;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::passes::{ActivationPrecision, Passes};
use crate::session::{Device, Session, SessionOptions};
use crate::study::measurement::{measure, random_inputs_of};
use crate::study::ranking::{RankAgreement, rank_agreement};
use crate::study::report::Precision;
use crate::tensor::Tensor;
use std::ops::ControlFlow;

/// The number of rankings that are compared.
const RANKINGS: usize = 20;

/// The number of candidates in each ranking.
const CANDIDATES: usize = 200;

/// The number of top positions that matter most.
const K: usize = 10;

/// The execution modes that may change the order.
pub(super) fn steps(model: &Model, options: &StudyOptions) -> Vec<Step> {
    if ranked_output(model).is_none() {
        return Vec::new();
    }
    let mut steps = Vec::new();
    for &device in &options.devices {
        let with = |passes, activation_precision| SessionOptions { activation_precision, ..session(device, passes) };
        let on = |gpu: &'static str, cpu: &'static str| if device == Device::Gpu { gpu } else { cpu };
        let fused = with(Passes::FUSED, ActivationPrecision::F32);
        steps.push(Step::Precision { session: fused, name: on("GPU, fused", "CPU, fused") });
        if device == Device::Gpu {
            let shaped = with(emulation::WEBGL2, ActivationPrecision::F32);
            steps.push(Step::Precision { session: shaped, name: "GPU, as TF.js" });
            let half = with(emulation::WEBGL2, ActivationPrecision::F16);
            steps.push(Step::Precision { session: half, name: "GPU, as TF.js in half floats" });
        }
        let half = with(Passes::FUSED, ActivationPrecision::F16);
        steps.push(Step::Precision { session: half, name: on("GPU, fused, half floats", "CPU, fused, half floats") });
    }
    steps
}

/// The first output and its width, if items can be ranked by it: it has one number per row, or one for each of several
/// classes.
fn ranked_output(model: &Model) -> Option<(&str, usize)> {
    let (name, id) = model.graph().outputs().first()?;
    let ty = model.graph().ty(*id);
    (ty.dtype == crate::tensor::DType::F32 && ty.shape.is_batched()).then(|| (name.as_str(), ty.shape.sample_len()))
}

/// Ranks the same candidates with `session` and with the reference.
pub(super) fn compare(
    model: &Model,
    options: &StudyOptions,
    session: &SessionOptions,
    name: &str,
) -> Result<Precision> {
    let (output, width) = ranked_output(model).ok_or_else(|| Error::input("the model has nothing to rank by"))?;
    // If a row has a score for each class, the classes of one row are ranked.
    let (rows, candidates) = if width == 1 { (CANDIDATES, CANDIDATES) } else { (1, width) };
    let rankings = if options.quick { 2 } else { RANKINGS };
    let judged = Session::open_with(model, session.clone())?;
    let reference = Session::open(model, Device::Reference)?;
    let (mut found, mut max_abs_difference) = (Vec::new(), 0f64);
    for ranking in 0..rankings as u64 {
        let inputs = random_inputs_of(model, &options.shared, rows, options.seed.wrapping_add(ranking))?;
        let scores = |session: &Session| -> Result<Vec<f64>> {
            Ok(session.predict(&inputs)?.outputs.get(output).map(Tensor::to_f64).unwrap_or_default())
        };
        let (expected, scores) = (scores(&reference)?, scores(&judged)?);
        let differences = expected.iter().zip(&scores).map(|(a, b)| (a - b).abs());
        max_abs_difference = differences.fold(max_abs_difference, f64::max);
        found.extend(rank_agreement(&expected, &scores, K));
    }
    let warm = measure(model, session, &options.runs(rows, 0.3), &mut |_| ControlFlow::Continue(()))?;
    let mean_and_least = |value: &dyn Fn(&RankAgreement) -> f64| {
        let mean = found.iter().map(value).sum::<f64>() / found.len().max(1) as f64;
        [mean, found.iter().map(value).fold(f64::INFINITY, f64::min)]
    };
    Ok(Precision {
        name: name.into(),
        device: warm.device,
        passes: warm.passes,
        settings: warm.settings,
        output: output.into(),
        rankings: found.len(),
        candidates,
        k: K.min(candidates),
        max_abs_difference,
        kendall_tau: mean_and_least(&|agreement| agreement.kendall_tau),
        ndcg: mean_and_least(&|agreement| agreement.ndcg),
        top_k_overlap: mean_and_least(&|agreement| agreement.top_k_overlap),
        same_best: found.iter().filter(|agreement| agreement.same_best).count(),
        warm_ms: warm.warm_ms.ok_or_else(|| Error::input("nothing was run"))?,
    })
}
