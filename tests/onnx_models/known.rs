//! The lists of cases that are not supported, and the counts by operator.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What became of the cases of an archive.
#[derive(Default)]
pub(crate) struct Outcomes {
    /// Right and all cases by operator.
    counts: BTreeMap<String, (usize, usize)>,
    faults: BTreeMap<String, String>,
}

fn path(archive: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_models/unsupported").join(format!("{archive}.txt"))
}

/// The names of the cases of an archive that are listed.
pub(crate) fn unsupported(archive: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path(archive)).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once(": ")).map(|(case, _)| case.to_string()).collect()
}

impl Outcomes {
    pub(crate) fn add(&mut self, case: &str, operator: &str, fault: Option<String>) {
        let (right, all) = self.counts.entry(operator.into()).or_default();
        *right += usize::from(fault.is_none());
        *all += 1;
        if let Some(fault) = fault {
            self.faults.insert(case.into(), fault.replace('\n', " "));
        }
    }

    /// Prints how many cases are right, and compares those that are not with the list.
    pub(crate) fn expect_as_listed(&self, archive: &str) {
        let sum = |part: fn(&(usize, usize)) -> usize| self.counts.values().map(part).sum::<usize>();
        println!("{archive}: {} of {} are right", sum(|(right, _)| *right), sum(|(_, all)| *all));
        for (operator, (right, all)) in &self.counts {
            println!("  {operator}: {right} of {all}");
        }
        if std::env::var("UPDATE_DOCS").as_deref() == Ok("1") {
            let lines: String = self.faults.iter().map(|(case, fault)| format!("{case}: {fault}\n")).collect();
            std::fs::write(path(archive), lines).expect("the list is written");
            return;
        }
        let listed = unsupported(archive);
        let news = self.faults.iter().filter(|(case, _)| !listed.contains(*case));
        let fails: Vec<String> = news.map(|(case, fault)| format!("{case}: {fault}")).collect();
        let works: Vec<&String> = listed.iter().filter(|case| !self.faults.contains_key(*case)).collect();
        assert!(
            fails.is_empty() && works.is_empty(),
            "{archive}: {} fail and are not listed:\n{}\n{} are listed and work:\n{works:?}\n\
             run `UPDATE_DOCS=1 cargo test --test onnx_models` and review the difference",
            fails.len(),
            fails.join("\n"),
            works.len(),
        );
    }
}
