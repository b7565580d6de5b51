//! The progress of long work, as one line of stderr that is redrawn. Nothing is printed if stderr is not a terminal.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tfjs_wgpu::study::Progress;

/// Cells of the bar.
const CELLS: usize = 24;

/// The interval between redraws, because drawing takes time from what is measured.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(200);

/// The progress line.
pub(crate) struct ProgressBar {
    is_terminal: bool,
    drawn: Option<Instant>,
}

impl ProgressBar {
    pub(crate) fn new() -> Self {
        ProgressBar { is_terminal: io::stderr().is_terminal(), drawn: None }
    }

    /// Shows the progress of one measurement. It never ends the runs.
    pub(crate) fn show(&mut self, label: &str, progress: Progress) -> ControlFlow<()> {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= BETWEEN_DRAWINGS) {
            self.draw(label, progress.fraction, &format!("{} runs", progress.runs));
        }
        ControlFlow::Continue(())
    }

    /// Shows that part number `index`, counted from 0, begins.
    pub(crate) fn step(&mut self, label: &str, index: usize, count: usize) {
        self.draw(label, index as f64 / count.max(1) as f64, &format!("{} of {count}", index + 1));
    }

    fn draw(&mut self, label: &str, fraction: f64, counted: &str) {
        self.drawn = Some(Instant::now());
        if self.is_terminal {
            let full = (fraction.clamp(0.0, 1.0) * CELLS as f64) as usize;
            let bar = "=".repeat(full) + &" ".repeat(CELLS - full);
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K[{bar}] {counted}  {label}");
        }
    }

    /// Clears the line.
    pub(crate) fn clear(&mut self) {
        if self.is_terminal && self.drawn.is_some() {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}
