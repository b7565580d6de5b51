//! From the shape of TF.js to the fused plan: its habits are given up one after the other.

use super::{Step, StudyOptions, cold, session};
use crate::emulation;
use crate::error::{Error, Result};
use crate::execution::{Execution, Programs, ReadBacks, Submits};
use crate::model::Model;
use crate::passes::Passes;
use crate::session::{Device, SessionOptions};
use crate::study::measurement::measure;
use crate::study::report::Ablation;
use std::ops::ControlFlow;

/// Batch sizes: one row, and a page of candidates.
const BATCHES: [usize; 2] = [1, 200];

/// A habit of TF.js. In this order they are given up; each row of the table has given up those before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// None is given up.
    AllKept,
    /// Commands are handed to the device one kernel at a time.
    SubmitPerKernel,
    /// Outputs are waited for one at a time.
    ReadBackPerOutput,
    /// A program is compiled for each shape it is used with.
    ProgramPerShape,
    /// The copies and the slices of 32 rows that textures ask for.
    Textures,
    /// A kernel for each operator.
    KernelPerOperator,
}

impl Habit {
    /// All, in order.
    pub const ALL: [Habit; 6] = [
        Habit::AllKept,
        Habit::SubmitPerKernel,
        Habit::ReadBackPerOutput,
        Habit::ProgramPerShape,
        Habit::Textures,
        Habit::KernelPerOperator,
    ];

    /// What the step is called.
    pub fn name(self) -> &'static str {
        match self {
            Habit::AllKept => "as TF.js on WebGL 2",
            Habit::SubmitPerKernel => "one submit",
            Habit::ReadBackPerOutput => "one read-back",
            Habit::ProgramPerShape => "programs for all shapes",
            Habit::Textures => "buffers for textures",
            Habit::KernelPerOperator => "fused",
        }
    }

    /// What that means.
    pub fn about(self) -> &'static str {
        match self {
            Habit::AllKept => {
                "the kernels of TF.js in its order, a program for each shape, each submitted by itself, outputs read one \
                 by one"
            }
            Habit::SubmitPerKernel => "all kernels of a prediction are handed to the device together",
            Habit::ReadBackPerOutput => "all outputs are waited for together",
            Habit::ProgramPerShape => "shapes are parameters, so a program is compiled once for all of them",
            Habit::Textures => "no packing, unpacking and reshaping of textures, no slices of 32 rows",
            Habit::KernelPerOperator => "operators share kernels, and values stay where they are computed",
        }
    }

    /// The session in which this habit and those before it are given up.
    fn session(self) -> SessionOptions {
        let gave_up = |habit: Habit| self as usize >= habit as usize;
        let execution = Execution {
            submits: if gave_up(Habit::SubmitPerKernel) { Submits::One } else { Submits::PerKernel },
            read_back: if gave_up(Habit::ReadBackPerOutput) { ReadBacks::Together } else { ReadBacks::PerOutput },
            programs: if gave_up(Habit::ProgramPerShape) { Programs::Shared } else { Programs::PerShape },
        };
        let passes = match self {
            Habit::KernelPerOperator => Passes::FUSED,
            Habit::Textures => Passes::PLAIN,
            _ => emulation::WEBGL2,
        };
        SessionOptions { execution, ..session(Device::Gpu, passes) }
    }
}

pub(super) fn steps() -> Vec<Step> {
    let at = |batch| Habit::ALL.map(|habit| Step::Ablation { habit, session: habit.session(), batch });
    BATCHES.into_iter().flat_map(at).collect()
}

/// The first answer in processes of their own, where they can be started, and warm predictions in this one.
pub(super) fn measure_habit(
    model: &Model,
    options: &StudyOptions,
    habit: Habit,
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
        name: habit.name().into(),
        about: habit.about().into(),
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
    fn each_step_gives_up_one_habit_more() {
        let first = Habit::AllKept.session();
        assert_eq!((first.execution.submits, first.passes), (Submits::PerKernel, emulation::WEBGL2));
        for pair in Habit::ALL.windows(2) {
            let (before, after) = (pair[0].session(), pair[1].session());
            let changed = [
                before.passes != after.passes,
                before.execution.submits != after.execution.submits,
                before.execution.read_back != after.execution.read_back,
                before.execution.programs != after.execution.programs,
            ];
            assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{:?}", pair[1]);
        }
        let last = Habit::KernelPerOperator.session();
        assert_eq!((last.execution, last.passes), (Execution::default(), Passes::FUSED));
    }
}
