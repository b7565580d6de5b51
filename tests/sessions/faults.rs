//! What a session does when its device fails: every call is answered right, or with its typed error within its deadline.
//!
//! The faults are injected behind the calls to wgpu, and a real device is lost. A row says what goes wrong, where, when, and how
//! often. Each is tried on a GPU that was asked for and on one that was left to the session, and with predictions of one thread
//! and of eight; one thread opens the session.

use crate::{gpu, model};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::gpu::{FaultKind, FaultSite, Faults};
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::{Device, DeviceError, EngineKind, Error, Model, NamedTensors, Session, SessionOptions};

/// For rows with calls that hang: each of them takes so long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// For all others, as long as a loaded machine may take.
const LONG_TIMEOUT: Duration = Duration::from_secs(120);

/// How much later than its deadline a call may return on a loaded machine.
const SLACK: Duration = Duration::from_secs(4);

/// When a fault is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    First,
    Warm,
}

/// What the session makes of it, on a GPU that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Every call is answered right.
    Answered,
    /// The calls that meet it fail so; all others are answered right.
    Fails(DeviceError),
    /// The same, and so do all later ones.
    IsGivenUp(DeviceError),
}

#[derive(Debug)]
struct Row {
    stage: Stage,
    site: FaultSite,
    kind: FaultKind,
    times: usize,
    outcome: Outcome,
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use {DeviceError as E, FaultKind as K, FaultSite as S, Outcome::*, Stage::*};
    let mut rows = Vec::new();
    let mut add = |stage, site, kind, times, outcome| rows.push(Row { stage, site, kind, times, outcome });
    for site in [S::FindAdapters, S::OpenDevice, S::Upload, S::Compile] {
        add(Open, site, K::Lost,        1, Fails(E::Lost));
        add(Open, site, K::OutOfMemory, 1, Fails(E::OutOfMemory));
        add(Open, site, K::Refused,     1, Fails(E::Rejected));
        add(Open, site, K::Hang,        1, Fails(E::Timeout));
    }
    for stage in [First, Warm] {
        for site in [S::Submit, S::Wait] {
            add(stage, site, K::Lost,        1, Answered);
            add(stage, site, K::Lost,       99, IsGivenUp(E::Lost));
            add(stage, site, K::OutOfMemory, 1, Fails(E::OutOfMemory));
            add(stage, site, K::Refused,     1, Fails(E::Rejected));
            add(stage, site, K::Hang,        1, Fails(E::Timeout));
            add(stage, site, K::Hang,       99, Fails(E::Timeout));
        }
        add(stage, S::ReadBack, K::Short, 1, Fails(E::Internal));
    }
    rows
}

fn options(device: Device, faults: &Faults) -> SessionOptions {
    SessionOptions::default()
        .device(device)
        // Named, so that it is taken even if it is software.
        .adapter(gpu::best_adapter())
        .limits(LimitsPreset::Full)
        .timeout(TIMEOUT)
        .faults(faults.clone())
}

/// Models and inputs that a row is tried with.
#[derive(Clone)]
struct Tried {
    model: Model,
    /// The time limit of calls that hang.
    hang_timeout: Duration,
    inputs: NamedTensors,
    right: NamedTensors,
}

impl Tried {
    fn new() -> Tried {
        let model = model("ncf");
        let inputs = random_inputs(&model, 5, 7).expect("inputs");
        let session = Session::open(&model, Device::Reference).expect("the reference opens");
        let right = session.predict(&inputs).expect("an answer").outputs;
        Tried { model, hang_timeout: TIMEOUT, inputs, right }
    }

    /// One call: right, or its error; always in time.
    fn predict(&self, session: &Session, row: &str) -> Result<Vec<String>, Error> {
        let start = Instant::now();
        let prediction = session.predict(&self.inputs);
        let timeout = if row.contains("Hang") { self.hang_timeout } else { LONG_TIMEOUT };
        assert!(start.elapsed() < timeout + SLACK, "{row}: took {:?}", start.elapsed());
        let prediction = prediction?;
        for ((name, right), (_, given)) in self.right.iter().zip(prediction.outputs.iter()) {
            for (right, given) in right.to_f64().iter().zip(given.to_f64()) {
                assert!((right - given).abs() <= 1e-5 * right.abs().max(1.0), "{row}: {name}: {given} for {right}");
            }
        }
        assert_eq!(prediction.outputs.len(), self.right.len());
        Ok(prediction.notes)
    }

    /// Tries a row; whether its fault was met. On a machine that is busy enough, a call may run out of time before it.
    fn run(&self, row: &Row, device: Device, threads: usize) -> bool {
        let Row { stage, site, kind, times, .. } = *row;
        let name = format!("{stage:?} {site:?} {kind:?} {times} times, {device:?}, {threads} threads");
        let faults = Faults::new(site, kind, usize::from(stage == Stage::Warm), times);
        let timeout = if kind == FaultKind::Hang { self.hang_timeout } else { LONG_TIMEOUT };
        let options = options(device, &faults).timeout(timeout);
        let start = Instant::now();
        let session = match Session::open_with(&self.model, options) {
            Ok(session) => session,
            Err(error) => {
                assert!(start.elapsed() < timeout + SLACK, "{name}: took {:?}", start.elapsed());
                assert!(stage == Stage::Open && device == Device::Gpu, "{name}: {error:?}");
                assert_eq!(Outcome::Fails(error.device_error().expect("a device error")), row.outcome, "{name}");
                assert!(error.suggests_fallback());
                faults.release();
                return true;
            }
        };
        assert!(stage != Stage::Open || device == Device::Auto, "{name}: it opens");
        if stage == Stage::Warm {
            self.predict(&session, &name).expect("the fault comes later");
        }
        let results: Vec<Result<Vec<String>, Error>> = std::thread::scope(|scope| {
            let calls = (0..threads).map(|_| scope.spawn(|| self.predict(&session, &name)));
            let calls: Vec<_> = calls.collect();
            calls.into_iter().map(|call| call.join().expect("no call panics")).collect()
        });
        if faults.met() == 0 {
            faults.release();
            return false;
        }
        match device {
            Device::Auto => self.expect_cpu(row, &session, &results, &name),
            _ => self.expect_outcome(row, &session, &results, (&faults, threads), &name),
        }
        faults.release();
        true
    }

    fn expect_outcome(
        &self,
        row: &Row,
        session: &Session,
        results: &[Result<Vec<String>, Error>],
        (faults, threads): (&Faults, usize),
        name: &str,
    ) {
        let errors: Vec<&Error> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        let kinds: Vec<Option<DeviceError>> = errors.iter().map(|error| error.device_error()).collect();
        match row.outcome {
            Outcome::Answered => {
                assert!(errors.is_empty(), "{name}: {errors:?}");
                // What was computed before the loss may still be read, and then the next call meets it.
                let later = self.predict(session, name).expect("an answer");
                let said = results.iter().flatten().flatten().chain(&later).any(|note| note.contains("opened again"));
                assert!(said, "{name}: no prediction says that the device was lost: {results:?}");
            }
            Outcome::Fails(kind) => {
                assert!(kinds.iter().all(|known| *known == Some(kind)), "{name}: {errors:?}");
                let met = if row.times == 1 { 1 } else { threads };
                assert_eq!(errors.len(), met, "{name}: {errors:?}");
            }
            Outcome::IsGivenUp(kind) => {
                assert!(kinds.iter().all(|known| *known == Some(kind)), "{name}: {errors:?}");
                // Each call meets the loss, or the one after it does.
                let later = (0..4).map(|_| self.predict(session, name)).find_map(Result::err).expect("it was given up");
                assert_eq!(later.device_error(), Some(kind), "{name}");
                let status = session.device();
                let reason = status.failure.as_ref().and_then(Error::device_error);
                assert_eq!((status.engine, reason), (None, Some(kind)), "{name}: {status}");
                return;
            }
        }
        faults.release();
        // A call that was left to itself may still hold the last place.
        self.predict(session, name).expect("the session is usable again");
        assert_eq!(session.engine(), Some(EngineKind::Gpu));
    }

    /// Where the device was left to the session, the CPU answers what the GPU cannot; only a call whose time is over fails.
    fn expect_cpu(&self, row: &Row, session: &Session, results: &[Result<Vec<String>, Error>], name: &str) {
        for result in results {
            match result {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.device_error(), Some(DeviceError::Timeout), "{name}: {error:?}");
                    assert_eq!(row.kind, FaultKind::Hang, "{name}");
                }
            }
        }
        self.predict(session, name).expect("the session is usable");
        let is_reopened = row.outcome == Outcome::Answered;
        let engine = if is_reopened { EngineKind::Gpu } else { EngineKind::Cpu };
        assert_eq!(session.engine(), Some(engine), "{name}: {}", session.device());
    }
}

#[test]
fn every_fault_is_answered_or_has_its_error_in_time() {
    gpu::require(LimitsPreset::Full);
    let (tried, rows) = (Tried::new(), rows());
    let patient = Tried { hang_timeout: 4 * TIMEOUT, ..tried.clone() };
    let cases: Vec<(&Row, Device, usize)> = rows
        .iter()
        .flat_map(|row| [Device::Gpu, Device::Auto].map(|device| (row, device)))
        .flat_map(|(row, device)| [1, 8].map(|threads| (row, device, threads)))
        .collect();
    // Those that hang sleep meanwhile.
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let work = || {
            while let Some((row, device, threads)) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                let is_met = tried.run(row, *device, *threads) || patient.run(row, *device, *threads);
                assert!(is_met, "{row:?}, {device:?}, {threads} threads: the fault is not met");
            }
        };
        (0..16).for_each(|_| drop(scope.spawn(work)));
    });
    assert_eq!(cases.len(), 4 * (16 + 26));
}

#[test]
fn a_session_without_a_timeout_meets_the_same_errors() {
    gpu::require(LimitsPreset::Full);
    let tried = Tried::new();
    for (kind, outcome) in [
        (FaultKind::Lost, None),
        (FaultKind::OutOfMemory, Some(DeviceError::OutOfMemory)),
        (FaultKind::Refused, Some(DeviceError::Rejected)),
    ] {
        let faults = Faults::new(FaultSite::Submit, kind, 0, 1);
        let options = options(Device::Gpu, &faults).timeout(None);
        let session = Session::open_with(&tried.model, options).expect("it opens");
        let error = tried.predict(&session, "without a timeout").err().and_then(|error| error.device_error());
        assert_eq!(error, outcome, "{kind:?}");
        tried.predict(&session, "without a timeout").expect("the next call is answered");
    }
}

/// Calls that hang hold the places of predictions under way; those after them hold nothing.
#[test]
fn calls_that_hang_are_bounded() {
    gpu::require(LimitsPreset::Full);
    let tried = Tried::new();
    let faults = Faults::new(FaultSite::Wait, FaultKind::Hang, 1, usize::MAX);
    let session = Session::open_with(&tried.model, options(Device::Gpu, &faults)).expect("it opens");
    tried.predict(&session, "before").expect("an answer");
    let held = session.memory();
    for _ in 0..2 {
        std::thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(|| tried.predict(&session, "hung").expect_err("it hangs"))));
        });
    }
    assert_eq!(faults.met(), 3, "all others waited for a place");
    faults.release();
    tried.predict(&session, "after").expect("the session is usable again");
    assert_eq!(session.memory().weight_bytes, held.weight_bytes);
}

#[test]
fn trimmed_memory_comes_back_by_itself() {
    gpu::require(LimitsPreset::Full);
    let tried = Tried::new();
    for device in [Device::Cpu, Device::Gpu] {
        let session = Session::open(&tried.model, device).expect("it opens");
        tried.predict(&session, "before").expect("an answer");
        let held = session.memory();
        assert!(held.weight_bytes > 0 && held.activation_bytes > 0);
        session.trim();
        assert_eq!(session.memory().total_bytes(), 0, "{device:?}");
        let prediction = session.predict(&tried.inputs).expect("it is prepared again");
        assert_eq!(prediction.timeline.counter(Counter::Pipelines), 0, "they stayed");
        assert_eq!(session.memory(), held, "{device:?}");
    }
}

#[test]
fn the_cpu_looks_at_the_clock() {
    let tried = Tried::new();
    let timeout = Some(Duration::from_nanos(1));
    let options = SessionOptions::default().device(Device::Cpu).timeout(timeout);
    let session = Session::open_with(&tried.model, options).expect("nothing is waited for");
    let error = session.predict(&tried.inputs).expect_err("its time is over");
    assert_eq!(error.device_error(), Some(DeviceError::Timeout));
}

/// A GPU in software is taken if it is named, or asked for.
#[test]
fn the_device_that_is_left_to_the_session_is_hardware_or_the_cpu() {
    let tried = Tried::new();
    let open = |adapter: Option<String>| {
        let options = SessionOptions::default().adapter(adapter);
        Session::open_with(&tried.model, options).expect("the CPU opens")
    };
    let has_hardware = gpu::has_hardware();
    let session = open(None);
    let status = session.device();
    let expected = if has_hardware { EngineKind::Gpu } else { EngineKind::Cpu };
    assert_eq!((status.engine, status.failure.is_none()), (Some(expected), has_hardware), "{status}");
    let session = open(Some("no such adapter".into()));
    assert_eq!(session.engine(), Some(EngineKind::Cpu));
    let status = session.device().to_string();
    assert!(status.starts_with("cpu, because no GPU adapter is called `no such adapter`"), "{status}");
    if let Some(name) = gpu::best_adapter().filter(|_| gpu::keep_open(LimitsPreset::Full)) {
        let name = name.to_uppercase();
        let session = open(Some(name[..4].into()));
        let adapter = session.device().adapter.expect("a GPU");
        assert!(adapter.to_uppercase().contains(&name), "{adapter}");
    }
}
