//! Measures in a new process, in which nothing has been opened, compiled or read. It runs the command `tfjs-wgpu bench`
//! for one device, list of passes and batch size, and reads its report.

use super::measurement::{Measurement, Pace, RunOptions, milliseconds, timed};
use super::report::Report;
use crate::error::{DeviceError, Error, Result};
use crate::session::{Device, SessionOptions};
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How to start the command `tfjs-wgpu`.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The executable of `tfjs-wgpu`.
    pub program: PathBuf,
    /// The model: a `model.json`, or the folder that holds one.
    pub model: PathBuf,
    /// Command-line options for loading the model, such as `--semantics keras`.
    pub reading: Vec<OsString>,
    /// The time that a process may take beyond the maximum duration of its runs ([`RunOptions::max_seconds`]). A
    /// process that takes longer is killed, and its measurement fails.
    pub patience: Duration,
}

/// The default patience. Some drivers compile for minutes.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Drivers have disk caches of their own. These environment variables turn off those of Mesa and of NVIDIA's driver.
const DRIVER_CACHES_OFF: &[(&str, &str)] = &[("MESA_SHADER_CACHE_DISABLE", "true"), ("__GL_SHADER_DISK_CACHE", "0")];

/// The result of a measurement in a new process.
#[derive(Debug, Clone)]
pub struct Launched {
    /// The measurement.
    pub measurement: Measurement,
    /// Milliseconds from the start of the process to its end.
    pub process_ms: f64,
}

impl Launcher {
    /// Measures in a new process. `cache_folder` is the folder for compiled pipelines; `None` for that of `session`.
    /// With an empty path nothing is kept, and the drivers' own caches are turned off where possible.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the command cannot be started,
    /// [`ErrorKind::Device`](crate::ErrorKind::Device) if it fails or exceeds its time,
    /// [`ErrorKind::Format`](crate::ErrorKind::Format) if its output is not a report of this version.
    pub fn measure(&self, session: &SessionOptions, run: &RunOptions, cache_folder: Option<&Path>) -> Result<Launched> {
        let mut command = Command::new(&self.program);
        command.arg("bench").arg(&self.model).args(&self.reading).args(session_arguments(session));
        command.args(run_arguments(run)).arg("--json").stdin(Stdio::null());
        // The options of the session take precedence over this process's environment.
        let folder = cache_folder.or(session.cache_folder.as_deref());
        command.env_remove("TFJS_WGPU_ADAPTER").env("TFJS_WGPU_CACHE_DIR", folder.unwrap_or(Path::new("")));
        if cache_folder.is_some_and(|folder| folder.as_os_str().is_empty()) {
            command.envs(DRIVER_CACHES_OFF.iter().copied());
        }
        let limit = self.patience.saturating_add(most_seconds(run));
        let (output, ns) = timed(|| output_within(&mut command, limit));
        let place = || self.program.display().to_string();
        let output = output.map_err(|cause| Error::io(&self.program, cause).hint("give the path of `tfjs-wgpu`"))?;
        let Some(output) = output else { return Err(too_long(&command, limit).at(place())) };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let error = Error::internal(format!("a process that measures ended with {}", output.status)).at(place());
            return Err(error.cause(reason(&said)).hint("run its command by itself to see all that it says"));
        }
        let report = Report::from_json(&String::from_utf8_lossy(&output.stdout)).map_err(|error| error.at(place()))?;
        match report.results.into_iter().next() {
            Some(measurement) => Ok(Launched { measurement, process_ms: milliseconds(ns) }),
            None => Err(Error::internal("a process that measures reported nothing").at(place())),
        }
    }
}

/// The maximum duration of the runs.
fn most_seconds(run: &RunOptions) -> Duration {
    Duration::try_from_secs_f64(run.max_seconds).unwrap_or(Duration::MAX)
}

fn too_long(command: &Command, limit: Duration) -> Error {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let limit = humantime::format_duration(limit);
    Error::device(DeviceError::Timeout, format!("a process that measures did not end within {limit}, and was ended"))
        .cause(format!("its arguments were {}", words.join(" ")))
        .hint("run its command by itself to see where it stops; a slow machine is given longer by Launcher::patience")
}

/// The output and the exit status of the process; `None` if it exceeded `limit` and was killed.
fn output_within(command: &mut Command, limit: Duration) -> io::Result<Option<Output>> {
    let begun = Instant::now();
    let left = || limit.saturating_sub(begun.elapsed());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (sender, streams) = channel();
    drain(child.stdout.take(), true, sender.clone());
    drain(child.stderr.take(), false, sender);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    // Both streams end with the process. Waiting for them takes no CPU time from what is measured.
    for _ in 0..2 {
        match streams.recv_timeout(left()) {
            Ok((true, bytes)) => stdout = bytes,
            Ok((false, bytes)) => stderr = bytes,
            Err(_) => return end(child),
        }
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(Output { status, stdout, stderr }));
        }
        if left().is_zero() {
            return end(child);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Reads a stream to its end on a thread of its own, so that neither pipe fills up while the other one is read. The
/// receiver may be gone by then: a grandchild of the killed process can hold the stream open.
fn drain(stream: Option<impl Read + Send + 'static>, is_stdout: bool, to: Sender<(bool, Vec<u8>)>) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A truncated report is refused by its parser.
            let _ = stream.read_to_end(&mut bytes);
        }
        let _ = to.send((is_stdout, bytes));
    });
}

fn end(mut child: Child) -> io::Result<Option<Output>> {
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// The command that repeats a study.
pub(super) fn study_command(seed: u64) -> String {
    format!("tfjs-wgpu study MODEL --report FOLDER --seed {seed}")
}

/// The error message in the stderr of a process, without its label.
fn reason(said: &str) -> String {
    let line = said.lines().find_map(|line| line.strip_prefix("error: "));
    line.or_else(|| said.lines().last()).unwrap_or("it said nothing").into()
}

/// The options of `bench` for this session.
fn session_arguments(session: &SessionOptions) -> Vec<OsString> {
    let mut arguments = vec!["--device", session.device.name()];
    if session.device != Device::Reference {
        arguments.extend(["--passes", session.passes.name()]);
    }
    let execution = session.execution;
    arguments.extend([
        "--activation-precision",
        session.activation_precision.name(),
        "--programs",
        execution.programs.name(),
    ]);
    arguments.extend(["--submits", execution.submits.name(), "--read-back", execution.read_back.name()]);
    let mut arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
    if let Some(threads) = session.cpu_threads {
        arguments.extend(["--threads".into(), threads.to_string().into()]);
    }
    if let Some(adapter) = &session.adapter {
        arguments.extend(["--adapter".into(), adapter.into()]);
    }
    if let Some(timeout) = session.timeout {
        arguments.extend(["--timeout".into(), humantime::format_duration(timeout).to_string().replace(' ', "").into()]);
    }
    for name in &session.shared {
        arguments.extend(["--shared".into(), name.into()]);
    }
    arguments
}

/// The options of `bench` for these runs.
fn run_arguments(run: &RunOptions) -> Vec<OsString> {
    let mut arguments = vec![
        ("--batch", run.batch.to_string()),
        ("--warmup-runs", run.warmup_runs.to_string()),
        ("--runs", run.runs.to_string()),
        ("--min-secs", run.min_seconds.to_string()),
        ("--max-secs", run.max_seconds.to_string()),
        ("--seed", run.seed.to_string()),
    ];
    match run.pace {
        Pace::BackToBack => {}
        Pace::Delay(delay) => arguments.push(("--run-delay", delay.as_secs_f64().to_string())),
        Pace::Interval(interval) => arguments.push(("--run-frequency", (1.0 / interval.as_secs_f64()).to_string())),
    }
    arguments.into_iter().flat_map(|(name, value)| [OsString::from(name), value.into()]).collect()
}
