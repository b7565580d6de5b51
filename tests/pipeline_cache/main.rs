//! Pipelines kept on disk from one process to the next: written, read, and refused when damaged or when others may have
//! written them; never a reason to fail.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

use harness::gpu;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tfjs_wgpu::internals::session;
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::{Device, LoadOptions, Model, Session, SessionOptions};

fn main() -> std::process::ExitCode {
    harness::run()
}

/// The folder that a process of its own is to keep pipelines in.
const FOLDER: &str = "TFJS_WGPU_TEST_FOLDER";

const COUNTERS: [Counter; 5] = [
    Counter::Pipelines,
    Counter::PipelineCacheBytesRead,
    Counter::PipelineCacheBytesWritten,
    Counter::PipelineCacheFilesRefused,
    Counter::PipelineCacheWritesFailed,
];

/// Does nothing but in a process that [`Opened::by_a_process`] starts: each has its own devices, without pipelines.
#[test]
fn opened() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/wide_deep");
    let model = Model::load(path, LoadOptions::default()).expect("the model loads");
    let options = SessionOptions::default().device(Device::Gpu).cache_folder(Some(folder.into()));
    let session = Session::open_with(&model, options).expect("the GPU opens");
    session.predict(&session::random_inputs(&model, 1, 1).expect("inputs")).expect("a prediction");
    let counters = COUNTERS.map(|counter| (counter.to_string(), json!(session.timeline().counter(counter))));
    println!("\n{}", Value::Object(counters.into_iter().collect()));
}

/// What opening a session has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opened {
    read: u64,
    written: u64,
    refused: u64,
    failed: u64,
}

impl Opened {
    fn by_a_process(folder: &Path) -> Opened {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let output = command.args(["--exact", "opened", "--nocapture"]).env(FOLDER, folder).output();
        let output = output.expect("it starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
        let line = printed.lines().find(|line| line.starts_with('{')).expect("counters");
        let counters: Value = serde_json::from_str(line).expect("JSON");
        let [pipelines, read, written, refused, failed] =
            COUNTERS.map(|counter| counters[counter.name()].as_u64().expect("a count"));
        assert!(pipelines > 0, "each process makes them");
        Opened { read, written, refused, failed }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn a_process_reads_what_another_wrote_and_replaces_damaged_files() {
    gpu::require_feature("pipeline_cache");
    let folder = tempfile::tempdir().expect("a folder");
    let within = folder.path().join("made/when/needed");

    let first = Opened::by_a_process(&within);
    let written = first.written;
    assert!(written > 0);
    assert_eq!(first, Opened { read: 0, written, refused: 0, failed: 0 }, "there was none");
    let [file] = &files(&within)[..] else { panic!("one file, and nothing temporary beside it") };
    let bytes = std::fs::read(file).expect("the file");

    let again = Opened { read: written, written: 0, refused: 0, failed: 0 };
    assert_eq!(Opened::by_a_process(&within), again, "nothing is new");
    assert_eq!(Opened::by_a_process(&within), again, "nor the next time");
    assert_eq!(std::fs::read(file).expect("the file"), bytes);

    let mut damaged = bytes;
    *damaged.last_mut().expect("a byte") ^= 1;
    std::fs::write(file, damaged).expect("written");
    let replaced = Opened::by_a_process(&within);
    assert_eq!((replaced.read, replaced.refused), (0, 1));
    assert!(replaced.written > 0, "it is replaced");
    assert_eq!(files(&within).len(), 1);
    assert_eq!(Opened::by_a_process(&within).read, replaced.written);

    // A file where the folder should be: neither read nor written, and no error.
    assert_eq!(Opened::by_a_process(file), Opened { read: 0, written: 0, refused: 1, failed: 0 });
}

/// Who may write a file may have the driver run anything.
#[cfg(unix)]
#[test]
fn files_that_others_may_have_written_are_not_read() {
    use std::os::unix::fs::PermissionsExt;
    gpu::require_feature("pipeline_cache");
    let folder = tempfile::tempdir().expect("a folder");
    let within = folder.path().join("pipelines");
    let set_mode = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its owner may");
    };
    let written = Opened::by_a_process(&within).written;
    let [file] = &files(&within)[..] else { panic!("one file") };

    set_mode(&within, 0o777);
    let refused = Opened { read: 0, written: 0, refused: 1, failed: 0 };
    assert_eq!(Opened::by_a_process(&within), refused, "nor is the folder written into");
    set_mode(&within, 0o700);

    set_mode(file, 0o666);
    let replaced = Opened::by_a_process(&within);
    assert_eq!((replaced.read, replaced.refused), (0, 1));
    assert!(replaced.written > 0, "the folder is the user's, and so is what is in it from now on");
    assert_eq!(std::fs::metadata(file).expect("the file").permissions().mode() & 0o777, 0o600);
    assert_eq!(Opened::by_a_process(&within), Opened { read: written, written: 0, refused: 0, failed: 0 });
}
