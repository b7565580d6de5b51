//! What is held while an ONNX file is read and checked is bounded by its size, whatever is in it.

use crate::{MIB, ONE, peak};
use tfjs_wgpu::internals::onnx::file::{Names, read_checked};

#[path = "../onnx/writer.rs"]
#[allow(dead_code, reason = "the tests of the reader use all of it")]
mod writer;

use writer::*;

/// Whether the file is a model; it held no more than is allowed.
fn is_read_within_bounds(file: &[u8]) -> bool {
    let names = Names::default();
    let (outcome, held) = peak(|| read_checked(file, &names));
    let most = 2 * file.len() + 16 * MIB;
    assert!(held <= most, "{held} bytes were held for a file of {}", file.len());
    outcome.is_ok()
}

#[test]
fn reading_an_onnx_file_holds_what_its_size_allows() {
    let _one = ONE.lock().expect("no test panicked");
    let attribute = |content: &[u8]| bytes(1, [node("A", &[], &[]), bytes(5, content)].concat());
    let long = |byte: u8| vec![byte; 8 * MIB];
    let graphs = [
        // Two bytes of each of these become many.
        bytes(1, node("A", &[], &[])).repeat(500_000),
        bytes(5, bytes(8, "w")).repeat(500_000),
        bytes(11, []).repeat(900_000),
        bytes(1, bytes(1, "x").repeat(900_000)),
        bytes(1, bytes(5, []).repeat(900_000)),
        // One byte becomes eight.
        attribute(&[number(20, 7), bytes(8, long(1))].concat()),
        attribute(&[number(20, 8), bytes(9, []).repeat(900_000)].concat()),
        bytes(5, [tensor("w", &[8 << 20], 7), bytes(7, long(1))].concat()),
        bytes(5, raw_tensor("w", &[2 << 20], 1, &long(0))),
    ];
    let outcomes = graphs.map(|graph| is_read_within_bounds(&model_with(&graph, &[])));
    assert_eq!(outcomes.map(u8::from), [0, 0, 0, 0, 0, 0, 1, 1, 1]);
}

#[test]
fn checking_and_sorting_hold_what_the_size_allows() {
    let _one = ONE.lock().expect("no test panicked");
    let named = |index: usize, inputs: &[&str]| bytes(1, node("A", inputs, &[&format!("v{index}")]));
    for (count, is_read) in [(20_000, true), (60_000, false), (400_000, false)] {
        // Each node reads the next one.
        let nodes = (0..count).map(|index| match index + 1 {
            last if last == count => named(index, &[]),
            next => named(index, &[&format!("v{next}")]),
        });
        let file = model_with(&nodes.collect::<Vec<_>>().concat(), &[]);
        assert_eq!(is_read_within_bounds(&file), is_read, "{count} nodes");
    }
}

#[test]
fn functions_hold_what_the_size_allows() {
    let _one = ONE.lock().expect("no test panicked");
    let call = |level: usize| [node(&format!("F{level}"), &[], &[]), bytes(7, "own")].concat();
    let function = |level: usize, nodes: &[u8]| {
        bytes(25, [bytes(1, format!("F{level}")), nodes.to_vec(), bytes(10, "own")].concat())
    };
    let mut functions = vec![function(0, &bytes(7, node("A", &["", ""], &[])).repeat(10))];
    functions.extend((1..30).map(|level| function(level, &bytes(7, call(level - 1)).repeat(2))));
    assert!(!is_read_within_bounds(&model_with(&bytes(1, call(29)), &functions)));
    assert!(is_read_within_bounds(&model_with(&bytes(1, call(5)), &functions)));
}
