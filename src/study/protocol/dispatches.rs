//! The fixed cost of a dispatch, measured with chains of operators on four numbers, each in its own dispatch.

use super::options::{StudyOptions, session};
use super::step::Step;
use crate::error::Result;
use crate::graph::Builder;
use crate::model::Model;
use crate::ops::{Activation, Function};
use crate::passes::Passes;
use crate::session::{Device, SessionOptions};
use crate::study::measurement::{Measurement, measure};
use crate::study::report::{DispatchCost, DispatchPoint, StudyResults};
use crate::study::statistics::line;
use crate::tensor::{Shape, TensorType};
use std::ops::ControlFlow;

/// The lengths of the chains.
const DISPATCHES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

pub(super) fn steps() -> Vec<Step> {
    let step = |dispatches| Step::Dispatches { session: session(Device::Gpu, Passes::PLAIN), dispatches };
    DISPATCHES.map(step).into()
}

/// Measures warm predictions of a chain of `length` dispatches.
pub(super) fn measure_chain(options: &StudyOptions, session: &SessionOptions, length: usize) -> Result<Measurement> {
    measure(&chain(length)?, session, &options.runs(1, 0.2), &mut |_| ControlFlow::Continue(()))
}

/// softsign(softsign(… x)) on [N, 4].
fn chain(length: usize) -> Result<Model> {
    let mut graph = Builder::new();
    let softsign = Activation { function: Function::Softsign };
    let mut value = graph.input("x", TensorType::f32(Shape::batched(&[4])))?;
    for index in 0..length {
        value = graph.op(&format!("softsign_{index}"), softsign.clone(), &[value])?;
    }
    Ok(Model::from_graph("chain", graph.finish(vec![("y".into(), value)])?))
}

/// Adds a chain, and fits the line again.
pub(super) fn add(results: &mut StudyResults, found: Measurement) {
    let Some(ms) = found.warm_ms else { return };
    let cost = results.dispatch_cost.get_or_insert_with(|| DispatchCost {
        engine: found.engine,
        points: Vec::new(),
        line: None,
    });
    cost.points.push(DispatchPoint { dispatches: found.dispatches, ms });
    let points: Vec<(f64, f64)> = cost.points.iter().map(|point| (point.dispatches as f64, point.ms.p50)).collect();
    cost.line = line(&points);
}
