//! Ablations from the plan of TF.js to the fused plan: its techniques are removed one after the other.

use super::cold;
use super::options::{StudyOptions, session};
use super::step::Step;
use super::technique::Technique;
use crate::emulation;
use crate::error::{Error, Result};
use crate::execution::{Execution, Programs, ReadBacks, Submits};
use crate::model::Model;
use crate::passes::Passes;
use crate::session::{Device, SessionOptions};
use crate::study::measurement::measure;
use crate::study::report::Ablation;
use std::ops::ControlFlow;

/// The batch sizes: one row, and one page of candidates.
const BATCHES: [usize; 2] = [1, 200];

/// The options of a session without this technique and all techniques before it.
fn session_without(technique: Technique) -> SessionOptions {
    let is_removed = |removed: Technique| technique as usize >= removed as usize;
    let execution = Execution {
        submits: if is_removed(Technique::SubmitPerKernel) { Submits::One } else { Submits::PerKernel },
        read_back: if is_removed(Technique::ReadBackPerOutput) { ReadBacks::Together } else { ReadBacks::PerOutput },
        programs: if is_removed(Technique::ProgramPerShape) { Programs::Shared } else { Programs::PerShape },
    };
    let passes = match technique {
        Technique::KernelPerOperator => Passes::FUSED,
        Technique::Textures => Passes::PLAIN,
        _ => emulation::WEBGL2,
    };
    SessionOptions { execution, ..session(Device::Gpu, passes) }
}

pub(super) fn steps() -> Vec<Step> {
    let at = |batch| {
        Technique::ALL.map(|technique| Step::Ablation { technique, session: session_without(technique), batch })
    };
    BATCHES.into_iter().flat_map(at).collect()
}

/// Measures the first prediction in new processes, if they can be started, and warm predictions in this one.
pub(super) fn measure_technique(
    model: &Model,
    options: &StudyOptions,
    technique: Technique,
    session: &SessionOptions,
    batch: usize,
) -> Result<Ablation> {
    let warm = measure(model, session, &options.runs(batch, 0.4), &mut |_| ControlFlow::Continue(()))?;
    let cold = match &options.launcher {
        Some(launcher) => Some(cold::start(launcher, options, session, batch, false)?),
        None => None,
    };
    let warm_ms = warm.warm_ms.ok_or_else(|| Error::input("nothing was run"))?;
    Ok(Ablation {
        name: technique.name().into(),
        about: technique.about().into(),
        passes: warm.passes,
        settings: warm.settings,
        batch,
        open_ms: cold.as_ref().map(|cold| cold.open_ms),
        first_ms: cold.as_ref().map(|cold| cold.first_ms),
        warm_ms,
        pipelines: cold.map_or(warm.pipelines, |cold| cold.pipelines),
        dispatches: warm.dispatches,
        submits: warm.submits,
        waits: warm.waits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_removes_one_technique_more() {
        let first = session_without(Technique::AllKept);
        assert_eq!((first.execution.submits, first.passes), (Submits::PerKernel, emulation::WEBGL2));
        for pair in Technique::ALL.windows(2) {
            let (before, after) = (session_without(pair[0]), session_without(pair[1]));
            let changed = [
                before.passes != after.passes,
                before.execution.submits != after.execution.submits,
                before.execution.read_back != after.execution.read_back,
                before.execution.programs != after.execution.programs,
            ];
            assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{:?}", pair[1]);
        }
        let last = session_without(Technique::KernelPerOperator);
        assert_eq!((last.execution, last.passes), (Execution::default(), Passes::FUSED));
    }
}
