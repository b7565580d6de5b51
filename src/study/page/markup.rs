//! HTML of the page: escaped text, numbers with their significant digits, and tables. The page is well-formed XML, so
//! that tests find errors.

use crate::study::digits;
use crate::study::report::Report;
use std::fmt::Write;

/// `text` escaped for markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML cannot represent most control characters.
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

/// A time in the unit that gives it few digits.
pub(super) fn time(ms: f64) -> String {
    match ms {
        ms if ms < 0.1 => format!("{} µs", digits(ms * 1e3)),
        ms if ms >= 10_000.0 => format!("{} s", digits(ms / 1e3)),
        ms => format!("{} ms", digits(ms)),
    }
}

/// The ratio of the larger to the smaller value, as text.
pub(super) fn times(larger: f64, smaller: f64) -> String {
    format!("{}×", digits(larger / smaller))
}

/// Bytes in the unit that gives them few digits.
pub(super) fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        count if count < 1000.0 => format!("{count} B"),
        count if count < 1e6 => format!("{} kB", digits(count / 1e3)),
        count if count < 1e9 => format!("{} MB", digits(count / 1e6)),
        count => format!("{} GB", digits(count / 1e9)),
    }
}

/// A count with its noun.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A table in a scrolling box. The first `words` columns are text, the others numbers.
pub(super) fn table(caption: &str, words: usize, header: &[&str], rows: &[Vec<String>]) -> String {
    let mut html = format!("<div class=\"scroll\"><table><caption>{}</caption><thead><tr>", escape(caption));
    let class = |column: usize| if column < words { "" } else { " class=\"number\"" };
    for (column, name) in header.iter().enumerate() {
        let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(column), escape(name));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(html, "<td{}>{}</td>", class(column), escape(cell));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}

/// A section with its heading.
pub(super) fn section(id: &str, heading: &str, body: &str) -> String {
    format!("<section id=\"{id}\"><h2>{}</h2>{body}</section>", escape(heading))
}

/// A paragraph of plain text.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escape(text))
}

/// A name followed by the settings that are not the default.
pub(super) fn with_settings(name: &str, settings: &[String]) -> String {
    if settings.is_empty() { name.into() } else { format!("{name} ({})", settings.join(", ")) }
}

/// The engines of the devices in a report, for a table.
pub(super) fn engines(report: &Report) -> Vec<&str> {
    let cold = report.study.iter().flat_map(|study| &study.cold).map(|cold| cold.engine.as_str());
    let mut engines: Vec<&str> = report.results.iter().map(|result| result.engine.as_str()).chain(cold).collect();
    engines.sort_unstable();
    engines.dedup();
    engines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_keep_numbers_short() {
        assert_eq!([time(0.0026), time(0.44), time(33.71)], ["2.60 µs", "0.440 ms", "33.7 ms"]);
        assert_eq!([bytes(132), bytes(369_616), bytes(5_120_000)], ["132 B", "370 kB", "5.12 MB"]);
    }

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(escape("<b title=\"x\">&\u{1b}"), "&lt;b title=&quot;x&quot;&gt;&amp; ");
        assert!(table("<i>", 1, &["<u>"], &[vec!["<s>".into()]]).contains("<td>&lt;s&gt;</td>"));
    }
}
