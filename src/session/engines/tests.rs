//! Replacing engines that fail, with scripted engines and no device.

use super::*;
use crate::engine::{Call, EngineKind, Holdings, ProfileStep, TimedSteps};
use crate::graph::{Builder, Graph, ValueId};
use crate::kernel::DeviceFacts;
use crate::plan::{Counts, Retain};
use crate::reference::Reference;
use crate::session::{Prediction, Session};
use crate::telemetry::Counter;
use crate::tensor::{NamedTensors, RecycledOutputs, Shape, Tensor, TensorType};
use EngineKind::{Cpu, Gpu};
use std::collections::VecDeque;

/// The errors of the next predictions of all engines, in order, and the devices that were opened.
#[derive(Debug, Default)]
struct Script {
    errors: Mutex<VecDeque<Error>>,
    opened: Mutex<Vec<EngineKind>>,
}

/// The reference in the role of another engine. It fails according to the script.
#[derive(Debug)]
struct Scripted {
    kind: EngineKind,
    script: Arc<Script>,
}

#[derive(Debug)]
struct ScriptedGraph(Arc<dyn PreparedGraph>, Arc<Script>);

impl Engine for Scripted {
    fn kind(&self) -> EngineKind {
        self.kind
    }

    fn facts(&self) -> &DeviceFacts {
        &DeviceFacts::HOST
    }

    fn prepare(
        &self,
        graph: &Arc<Graph>,
        retain: Retain,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        let prepared = Reference.prepare(graph, retain, deadline, timeline)?;
        // The CPU does not fail.
        let script = if self.kind == EngineKind::Gpu { Arc::clone(&self.script) } else { Arc::default() };
        Ok(Arc::new(ScriptedGraph(prepared, script)))
    }
}

impl PreparedGraph for ScriptedGraph {
    fn graph(&self) -> &Arc<Graph> {
        self.0.graph()
    }

    fn predict(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<NamedTensors> {
        match self.1.errors.lock().expect("a script").pop_front() {
            Some(error) => {
                let is_timeout = error.device_error() == Some(DeviceError::Timeout);
                timeline.count(Counter::AbandonedCalls, u64::from(is_timeout));
                Err(error)
            }
            None => self.0.predict(call, spare, timeline),
        }
    }

    fn inspect(&self, call: &Call<'_>, timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>> {
        self.0.inspect(call, timeline)
    }

    fn counts(&self, batch: usize) -> Result<Counts> {
        self.0.counts(batch)
    }

    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>> {
        self.0.steps(batch)
    }

    fn time_steps(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<TimedSteps> {
        self.0.time_steps(call, spare, timeline)
    }

    fn add_memory(&self, holdings: &mut Holdings) {
        self.0.add_memory(holdings);
    }
}

/// A session on scripted engines, and their script.
fn session(device: Device, errors: Vec<Error>) -> (Session, Arc<Script>) {
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("an input");
    let model = Model::from_graph("same", builder.finish(vec![("y".into(), x)]).expect("a graph"));
    let script = Arc::new(Script { errors: Mutex::new(errors.into()), ..Script::default() });
    let known = Arc::clone(&script);
    let open = move |device: Device, _: &SessionOptions, _: Deadline, _: &mut Timeline| {
        let kind = if device == Device::Cpu { Cpu } else { Gpu };
        known.opened.lock().expect("a script").push(kind);
        Ok(Arc::new(Scripted { kind, script: Arc::clone(&known) }) as Arc<dyn Engine>)
    };
    let options = SessionOptions { device, ..SessionOptions::default() };
    let engines = Engines::opened_by(model.clone(), options.clone(), Box::new(open));
    (Session::with_engines(&model, options, engines).expect("it opens"), script)
}

fn predict(session: &Session) -> Result<Prediction> {
    let x = Tensor::f32(&[1, 2], vec![3.0, 4.0]).expect("a tensor");
    let prediction = session.predict(&[("x", x.clone())].into_iter().collect())?;
    assert_eq!(prediction.outputs.get("y"), Some(&x));
    Ok(prediction)
}

fn failing(device: DeviceError) -> Error {
    Error::device(device, "the device failed").cause("as told")
}

fn opened(script: &Script) -> Vec<EngineKind> {
    script.opened.lock().expect("a script").clone()
}

#[test]
fn a_lost_device_is_opened_again_and_the_call_is_answered() {
    for device in [Device::Gpu, Device::Auto] {
        let (session, script) = session(device, vec![failing(DeviceError::Lost)]);
        let prediction = predict(&session).expect("it is answered");
        assert_eq!(prediction.notes, ["the device failed (as told) and has been opened again"]);
        assert_eq!(prediction.timeline.counter(Counter::Recoveries), 1);
        assert!(predict(&session).expect("an answer").notes.is_empty());
        assert_eq!((opened(&script), session.engine()), (vec![Gpu, Gpu], Some(Gpu)));
    }
}

#[test]
fn all_that_meet_a_loss_are_answered_and_it_is_opened_once() {
    let (session, script) = session(Device::Gpu, vec![failing(DeviceError::Lost)]);
    std::thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| predict(&session).expect("it is answered"))));
    });
    assert_eq!(opened(&script), [Gpu, Gpu]);
}

#[test]
fn a_device_that_is_lost_again_is_given_up() {
    let lost = || vec![failing(DeviceError::Lost), failing(DeviceError::Lost)];
    let (on_gpu, script) = session(Device::Gpu, lost());
    for _ in 0..3 {
        let error = predict(&on_gpu).expect_err("it is given up");
        assert_eq!(error.device_error(), Some(DeviceError::Lost));
    }
    assert_eq!((opened(&script), on_gpu.engine()), (vec![Gpu, Gpu], None));
    let (on_any, script) = session(Device::Auto, lost());
    let notes = predict(&on_any).expect("the CPU answers").notes;
    assert!(notes.len() == 2 && notes[1].starts_with("answered by the cpu, because the device failed"), "{notes:?}");
    assert_eq!((opened(&script), on_any.engine()), (vec![Gpu, Gpu, Cpu], Some(Cpu)));
}

#[test]
fn the_cpu_takes_over_where_the_choice_was_left_to_the_session() {
    for kind in [DeviceError::OutOfMemory, DeviceError::Rejected, DeviceError::Internal] {
        let (on_gpu, _) = session(Device::Gpu, vec![failing(kind)]);
        assert_eq!(predict(&on_gpu).expect_err("it fails").device_error(), Some(kind));
        assert!(predict(&on_gpu).is_ok());
        let (on_any, script) = session(Device::Auto, vec![failing(kind)]);
        assert_eq!(predict(&on_any).expect("the CPU answers").notes.len(), 1);
        assert_eq!((opened(&script), on_any.engine()), (vec![Gpu, Cpu], Some(Cpu)));
    }
    let (hung, script) = session(Device::Auto, vec![failing(DeviceError::Timeout)]);
    assert_eq!(predict(&hung).expect_err("its time is over").device_error(), Some(DeviceError::Timeout));
    assert_eq!(predict(&hung).expect("the CPU answers").notes.len(), 1, "the call before it could not say so");
    assert!(predict(&hung).expect("the CPU answers").notes.is_empty());
    assert_eq!((opened(&script), hung.engine()), (vec![Gpu, Cpu], Some(Cpu)));
}

#[test]
fn what_is_too_large_for_the_device_is_answered_beside_it() {
    let too_large = Error::device_limit("a value is too large for the device");
    let (session, script) = session(Device::Auto, vec![too_large.clone(), too_large]);
    for _ in 0..2 {
        assert_eq!(predict(&session).expect("the CPU answers").notes.len(), 1);
    }
    assert!(predict(&session).expect("the GPU answers").notes.is_empty());
    assert_eq!((opened(&script), session.engine()), (vec![Gpu, Cpu], Some(Gpu)));
}

#[test]
fn an_error_of_the_caller_stays_an_error() {
    let (session, script) = session(Device::Auto, vec![Error::input("a tensor is missing")]);
    assert!(predict(&session).is_err());
    assert_eq!(opened(&script), [Gpu]);
}
