//! The command as a user meets it: stdout, stderr and exit code of whole calls, as snapshots.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod check;
mod compare;
mod devices;
mod filter;
mod inspect;
mod profile;
mod run;
mod sizes;
mod study;
#[cfg(feature = "onnx")]
mod twin;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn main() -> std::process::ExitCode {
    harness::run()
}

/// The command with `arguments`, in an environment that changes nothing.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfjs-wgpu"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["TFJS_WGPU_ADAPTER", "WGPU_BACKEND", "COLUMNS", "LINES", "RUST_LOG", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

/// What a call prints and how it ends, with what differs from run to run filtered out.
fn transcript(arguments: &[&str]) -> String {
    transcript_of(arguments, &mut command(arguments), None)
}

/// The same for a call that names files of `folder`.
fn transcript_in(folder: &Folder, arguments: &[&str]) -> String {
    transcript_of(arguments, &mut command(arguments), Some(folder.path()))
}

fn transcript_of(arguments: &[&str], command: &mut Command, folder: Option<&Path>) -> String {
    let output = command.output().expect("the command starts");
    let code = output.status.code().map_or("none".to_string(), |code| code.to_string());
    let stdout = String::from_utf8(output.stdout).expect("stdout is UTF-8");
    let stderr = String::from_utf8(output.stderr).expect("stderr is UTF-8");
    let call = format!("$ tfjs-wgpu {}", arguments.join(" "));
    let text = format!("{call}\nexit code {code}\n\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    filter::filter(&text, folder)
}

/// A recorded model of tests/data.
fn model(name: &str) -> String {
    format!("tests/data/models/{name}")
}

/// A folder for the files of one test, gone afterwards.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The folder with the model called `name` in it, without inputs and answers.
    fn with_model(name: &str) -> Self {
        let folder = Folder::new();
        for entry in std::fs::read_dir(model(name)).expect("the model's folder") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|extension| extension == "bin" || extension == "json") {
                std::fs::copy(&path, folder.path().join(path.file_name().expect("name"))).expect("copy");
            }
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The path of a file in the folder as an argument.
    fn argument(&self, name: &str) -> String {
        self.join(name).to_str().expect("UTF-8").to_string()
    }

    /// Writes a file and gives its path as an argument.
    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.join(name), text).expect("write");
        self.argument(name)
    }
}
