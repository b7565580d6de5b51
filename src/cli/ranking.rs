//! The best rows of a batch by the first output, with their labels.

use crate::input;
use crate::table::{Align, Table};
use crate::values;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;
use tfjs_wgpu::Ranking;
use tfjs_wgpu::{Error, ErrorKind, Model, Result};

/// A ranking with labels for its rows.
pub(crate) struct Labelled<'a> {
    pub(crate) ranking: &'a Ranking,
    pub(crate) labels: Option<&'a [String]>,
}

/// The name of the first output. Fails if it does not have one number per row.
pub(crate) fn score_output(model: &Model) -> Result<&str> {
    let (name, id) =
        model.graph().outputs().first().ok_or_else(|| {
            Error::new(ErrorKind::Input, "--top ranks by the first output, and the model has no output")
        })?;
    let shape = &model.graph().ty(*id).shape;
    if shape.is_batched() && shape.sample_len() == 1 {
        return Ok(name);
    }
    Err(Error::new(ErrorKind::Input, "--top ranks by the first output, which must have one number a row")
        .cause(format!("output `{name}` has shape {shape}"))
        .hint("leave out --top to see all outputs"))
}

/// The lines of a file of labels.
pub(crate) fn read_labels(path: &Path) -> Result<Vec<String>> {
    let labels = std::fs::read(path)
        .map_err(|cause| Error::new(ErrorKind::Io, "cannot be read").cause(cause.to_string()))
        .and_then(|bytes| lines(&bytes));
    labels.map_err(|error| input::path_hint(error.at(path.display().to_string()), "--labels"))
}

/// The lines of a text, without a byte order mark and without blank lines at the end.
fn lines(bytes: &[u8]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(bytes).map_err(|cause| {
        let line = bytes[..cause.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        let encoding = if is_utf16 { "utf-16" } else { "latin1" };
        Error::new(ErrorKind::Format, format!("line {line} is not UTF-8"))
            .hint(format!("convert the file: iconv -f {encoding} -t utf-8"))
    })?;
    Ok(text.trim_start_matches('\u{feff}').trim_end().lines().map(str::to_string).collect())
}

/// Fails unless there is a label for each of `batch` rows.
pub(crate) fn expect_one_label_a_row(labels: &[String], path: &Path, batch: usize) -> Result<()> {
    if labels.len() == batch {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Input, format!("has {} lines, but the batch has {batch} rows", labels.len()))
        .at(path.display().to_string())
        .hint("write one label a line, in the order of the rows"))
}

impl Labelled<'_> {
    fn label(&self, row: usize) -> Option<&str> {
        self.labels.and_then(|labels| labels.get(row)).map(String::as_str)
    }

    /// Writes rank, label or row number, and score.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut table = Table::new(&[Align::Left, Align::Left, Align::Left]);
        for (index, &row) in self.ranking.rows.iter().enumerate() {
            let label = self.label(row).map_or_else(|| row.to_string(), str::to_string);
            table.row([(index + 1).to_string(), label, values::text(&self.ranking.scores, index)]);
        }
        table.write(out, "")
    }

    /// Rank, row, label (null without labels) and score.
    pub(crate) fn to_json(&self) -> Value {
        let entry = |(index, &row): (usize, &usize)| {
            json!({
                "rank": index + 1,
                "row": row,
                "label": self.label(row),
                "score": values::json(&self.ranking.scores, index),
            })
        };
        self.ranking.rows.iter().enumerate().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_lines_of_a_text() {
        assert_eq!(lines(b"\xef\xbb\xbftea\r\n\nrain jacket\n\n \n").expect("lines"), ["tea", "", "rain jacket"]);
        assert_eq!(lines(b"\n\n").expect("lines"), [""; 0]);
        let error = lines(b"tea\ncaf\xe9\n").expect_err("latin1");
        assert_eq!(error.to_string(), "line 2 is not UTF-8");
        assert_eq!(error.hint_text(), Some("convert the file: iconv -f latin1 -t utf-8"));
        let error = lines(b"\xff\xfet\0").expect_err("utf-16");
        assert_eq!(error.hint_text(), Some("convert the file: iconv -f utf-16 -t utf-8"));
    }
}
