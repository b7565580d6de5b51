//! The command `tfjs-wgpu`: runs, checks and describes TF.js layers models and ONNX models from a terminal.
//!
//! It uses the public API of the library and `internals`. Results go to stdout, diagnostics to stderr. Exit codes: 0
//! success, 1 check failed, 2 error. There is one file per verb.

mod answer;
mod arguments;
mod bench;
mod check;
mod compare;
#[cfg(feature = "gpu")]
mod devices;
mod dims;
mod environment;
mod flags;
mod input;
mod inspect;
mod message;
mod model_file;
mod output_file;
mod profile;
mod progress;
mod ranking;
mod run;
mod study;
mod table;
mod tensors;
mod twin;
mod values;
mod warnings;

use clap::{ColorChoice, Parser, Subcommand};
use message::Failure;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;
#[cfg(feature = "gpu")]
use std::time::Duration;

/// Runs TensorFlow.js layers models and ONNX models on the GPU, and checks every answer.
#[derive(Debug, Parser)]
#[command(version, color = ColorChoice::Never, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "Results go to stdout, diagnostics to stderr. \
    Exit codes: 0 success, 1 check failed, 2 error.\n\
    The files of a model must not change while a command runs: large weights stay in them. To replace a model, write \
    new files and rename them over the old ones.";

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::RunArguments),
    Check(check::CheckArguments),
    Inspect(inspect::InspectArguments),
    Profile(profile::ProfileArguments),
    Bench(bench::BenchArguments),
    Study(study::StudyArguments),
    Compare(compare::CompareArguments),
    Twin(twin::TwinArguments),
    #[cfg(feature = "gpu")]
    Devices(devices::DevicesArguments),
}

/// The time to wait for abandoned calls into a driver before the process ends.
#[cfg(feature = "gpu")]
const LAST_CALLS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    quiet_device_select();
    let verb = Cli::parse().verb;
    let mut out = BufWriter::new(io::stdout().lock());
    let answer = match &verb {
        Verb::Run(arguments) => run::run(arguments, &mut out),
        Verb::Check(arguments) => check::check(arguments, &mut out),
        Verb::Inspect(arguments) => inspect::inspect(arguments, &mut out),
        Verb::Profile(arguments) => profile::profile(arguments, &mut out),
        Verb::Bench(arguments) => bench::bench(arguments, &mut out),
        Verb::Study(arguments) => study::study(arguments, &mut out),
        #[cfg(feature = "gpu")]
        Verb::Devices(arguments) => devices::devices(arguments, &mut out),
        Verb::Compare(arguments) => compare::compare(arguments, &mut out),
        Verb::Twin(arguments) => twin::twin(arguments, &mut out),
    };
    let code = match answer.and_then(|code| Ok(out.flush().map(|()| code)?)) {
        Ok(code) => code,
        // The reader closed the pipe, as `head` does.
        Err(Failure::Stdout(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            message::failure(&failure);
            ExitCode::from(2)
        }
    };
    // Drivers clean up when a process ends, and crash if one of their calls is still running. The wait is bounded,
    // because a call may hang.
    #[cfg(feature = "gpu")]
    tfjs_wgpu::internals::gpu::await_abandoned_calls(LAST_CALLS);
    code
}

/// Turns off Mesa's device-select layer if there is no session, as in a container or over ssh. It looks for a display,
/// and prints a line that looks like an error of this command.
#[allow(unsafe_code)]
fn quiet_device_select() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the process has no other threads yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
