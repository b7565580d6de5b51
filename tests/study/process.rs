//! Processes that measure: limits on their time and their output. The program is a script.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use tfjs_wgpu::internals::study::process::Launcher;
use tfjs_wgpu::study::RunOptions;
use tfjs_wgpu::{Error, ErrorKind, SessionOptions};

/// What a process that does as `word` says is reported to have done, and how long that took.
fn fault(word: &str, patience: Duration) -> (Error, Duration) {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/study/process.sh");
    let launcher = Launcher { program, model: word.into(), reading: Vec::new(), patience };
    let run = RunOptions::default().min_seconds(0.0).max_seconds(0.0);
    let begun = Instant::now();
    let error = launcher.measure(&SessionOptions::default(), &run, None).expect_err("a script measures nothing");
    (error, begun.elapsed())
}

#[test]
fn a_process_that_takes_too_long_is_ended() {
    // The second leaves a process behind that keeps the streams open.
    for word in ["sleep", "leave"] {
        let (error, elapsed) = fault(word, Duration::from_millis(300));
        assert!(elapsed < Duration::from_secs(20), "{word}: {elapsed:?}");
        assert_eq!(error.kind(), ErrorKind::Device);
        let text = format!("{error:?}");
        assert!(text.contains("process.sh: a process that measures did not end within 300ms"), "{text}");
        assert!(text.contains(&format!("bench {word} --device")) && text.contains("Launcher::patience"), "{text}");
    }
}

/// More than a pipe holds, to both streams.
#[test]
fn a_process_that_says_much_is_heard_to_the_end() {
    let (error, _) = fault("talk", Duration::from_secs(60));
    let text = format!("{error:?}");
    assert!(text.contains("a process that measures ended with") && text.contains("cause: it is too much"), "{text}");
}
