//! Takes out of a transcript what differs from run to run and from machine to machine.

use std::path::Path;

/// Significant digits that stay of a fraction: every engine and every machine agrees on those.
const DIGITS: usize = 4;

/// `text` with paths, times and last digits replaced.
pub(crate) fn filter(text: &str, folder: Option<&Path>) -> String {
    let mut text = text.to_string();
    if let Some(folder) = folder {
        text = text.replace(&folder.display().to_string(), "<folder>");
    }
    text = text.replace("tfjs-wgpu.exe", "tfjs-wgpu").replace("\r\n", "\n");
    let lines: Vec<String> =
        text.lines().map(|line| round_fractions(&hide_distances(&hide_times(&hide_os_error(line))))).collect();
    lines.join("\n")
}

/// Systems word the same error differently.
fn hide_os_error(line: &str) -> String {
    match (line.split_once("cause: "), line.contains("(os error ")) {
        (Some((before, _)), true) => format!("{before}cause: <system error>"),
        _ => line.to_string(),
    }
}

/// `1.25 ms` becomes `<time> ms`, and so do the numbers of the object `"times_ns"`.
fn hide_times(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let word = |(index, word): (usize, &&str)| {
        let is_time = words.get(index + 1).is_some_and(|unit| unit.trim_end_matches(',') == "ms");
        if is_time && word.parse::<f64>().is_ok() { "<time>".to_string() } else { (*word).to_string() }
    };
    let line = words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ");
    match line.split_once("\"times_ns\":{").and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (_, after))) => format!("{before}\"times_ns\":{{<times>}}{after}"),
        None => line,
    }
}

/// How far two answers are apart depends on the order in which a machine adds; the verdict stays.
fn hide_distances(line: &str) -> String {
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        [name, against @ ("reference" | "expected"), _, _, _, _, verdict] => {
            format!("{name} {against} <distances> {verdict}")
        }
        // Its columns are as wide as the numbers below.
        ["output", "against", .., "verdict"] => line.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => line.to_string(),
    }
}

/// Rounds every number with a point, so that engines that add in another order give the same transcript. Versions
/// have more than one point and stay.
fn round_fractions(line: &str) -> String {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let mut rounded = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|character| !is_part(character)).map_or(rest.len(), |length| start + length);
        rounded.push_str(&rest[..start]);
        rounded.push_str(&round(&rest[start..end]));
        rest = &rest[end..];
    }
    rounded + rest
}

fn round(word: &str) -> String {
    match word.parse::<f64>() {
        Ok(value) if word.contains('.') && value != 0.0 && value.is_finite() => {
            let magnitude = value.abs().log10().floor() as i32;
            let decimals = usize::try_from(DIGITS as i32 - 1 - magnitude).unwrap_or(0);
            if word.contains('e') { word.to_string() } else { format!("{value:.decimals$}") }
        }
        _ => word.to_string(),
    }
}

#[test]
fn what_differs_from_run_to_run_is_taken_out() {
    let cases = [
        ("note: load 1.25 ms, open 0.031 ms", "note: load <time> ms, open <time> ms"),
        (r#"{"times_ns":{"load":12},"submits":1}"#, r#"{"times_ns":{<times>},"submits":1}"#),
        ("1  shoes  0.6945036", "1  shoes  0.6945"),
        ("[-12.345678, 1e-7, 7]", "[-12.35, 1e-7, 7]"),
        ("keras v2.17.0, group1-shard1of1.bin", "keras v2.17.0, group1-shard1of1.bin"),
        ("score  expected  6.0e-8  8.2e-8  1  8.1e-6  ok", "score expected <distances> ok"),
        ("output  against  max abs  max rel  verdict", "output against max abs max rel verdict"),
        ("  cause: Access is denied. (os error 5)", "  cause: <system error>"),
    ];
    for (line, expected) in cases {
        assert_eq!(filter(line, None), expected);
    }
}
