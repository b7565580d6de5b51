//! Aligned columns of text.

use crate::message::printable;
use std::io::{self, Write};

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells, with an optional header.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without a header.
    pub(crate) fn new(columns: &[Align]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// A table with a header.
    pub(crate) fn with_header(columns: &[(&str, Align)]) -> Self {
        let aligns = columns.iter().map(|(_, align)| *align).collect();
        let header = columns.iter().map(|(name, _)| (*name).to_string()).collect();
        Table { columns: aligns, rows: vec![header] }
    }

    /// Adds a row with one cell per column.
    pub(crate) fn row<const CELLS: usize>(&mut self, cells: [String; CELLS]) {
        self.rows.push(cells.iter().map(|cell| printable(cell).into_owned()).collect());
    }

    /// Writes the rows, each line indented by `indent`.
    pub(crate) fn write(&self, out: &mut impl Write, indent: &str) -> io::Result<()> {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::from(indent);
            for ((cell, &width), align) in row.iter().zip(&widths).zip(&self.columns) {
                match align {
                    Align::Left => line.push_str(&format!("{cell:width$}  ")),
                    Align::Right => line.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_do_not_trail() {
        let mut table = Table::with_header(&[("name", Align::Left), ("bytes", Align::Right), ("note", Align::Left)]);
        table.row(["kernel".into(), "4".into(), String::new()]);
        table.row(["é".into(), "123456".into(), "x".into()]);
        let mut out = Vec::new();
        table.write(&mut out, " ").expect("write");
        let expected = " name     bytes  note\n kernel       4\n é       123456  x\n";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
