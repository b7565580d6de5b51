//! The page and the rows of a report.

use crate::{model, quick};
use std::ops::ControlFlow;
use tfjs_wgpu::Device;
use tfjs_wgpu::study::Report;
use tfjs_wgpu::study::study;

fn report() -> Report {
    study(&model("ncf"), &quick(&[Device::Cpu]), &mut |_, _| Ok(ControlFlow::Continue(()))).expect("the study ends")
}

/// An error where tags do not close in the order in which they open, or a character is not escaped.
fn expect_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[..end.min(200)]);
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?} are left open");
}

/// The values of an attribute.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let begin = format!(" {attribute}=\"");
    page.split(&begin).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn the_page_stands_alone_and_its_links_lead_somewhere() {
    let page = report().to_html();
    expect_well_formed(&page);
    let ids = values(&page, "id");
    for link in values(&page, "href") {
        let id = link.strip_prefix('#').expect("a link within the page");
        assert!(ids.contains(&id), "{link}");
    }
    assert!(values(&page, "src").is_empty() && !page.contains("<script") && !page.contains("@import"));
}

#[test]
fn a_section_is_there_if_its_numbers_are() {
    let mut report = report();
    let has = |report: &Report, id: &str| values(&report.to_html(), "id").contains(&id);
    for id in ["identity", "candidates", "sporadic", "warm", "precision", "steps", "method"] {
        assert!(has(&report, id), "{id}");
    }
    for id in ["cold", "ablations", "dispatches", "published"] {
        assert!(!has(&report, id), "{id}");
    }
    report.study = None;
    report.results.clear();
    for id in ["answers", "candidates", "sporadic", "warm", "precision", "steps", "method"] {
        assert!(!has(&report, id), "{id}");
    }
    expect_well_formed(&report.to_html());
}

#[test]
fn names_are_text_whatever_they_hold() {
    let mut report = report();
    report.model.name = "<script>alert(\"1\")</script>&\u{1b}".into();
    report.study.as_mut().expect("a study").notes.push("</aside><b>".into());
    let page = report.to_html();
    expect_well_formed(&page);
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp; "));
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
}

#[test]
fn every_point_of_every_curve_is_drawn() {
    let report = report();
    let curves = &report.study.as_ref().expect("a study").curves;
    let points: usize = curves.iter().map(|curve| curve.points.len()).sum();
    // One more mark for each curve in the legend.
    assert_eq!(report.to_html().matches("class=\"mark\"").count(), points + curves.len());
}

#[test]
fn rows_have_the_columns_of_the_header() {
    let report = report();
    let csv = report.to_csv();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    let columns = lines[0].split(',').count();
    assert_eq!(columns, 16);
    // No field of this report has a comma of its own.
    assert!(lines.iter().all(|line| line.split(',').count() == columns));
    let of = |section: &str| lines.iter().filter(|line| line.starts_with(&format!("{section},"))).count();
    assert_eq!(of("candidates"), 10);
    // Opening, the first prediction, later ones, three counts and two sizes of each of three batches.
    assert_eq!(of("warm"), 3 * 8);
}
