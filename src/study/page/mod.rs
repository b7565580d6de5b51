//! A report as one self-contained HTML page, with plots, and light and dark colours.

mod answers;
mod cold;
mod markup;
mod plot;
mod profiles;
mod sections;

use super::process;
use super::report::Report;
use answers::answers;
use markup::{bytes, engines, escape, paragraph, section};

const STYLE: &str = include_str!("style.css");

impl Report {
    /// The report as an HTML page, complete in one file. Sections without numbers are omitted.
    pub fn to_html(&self) -> String {
        let title = escape(&format!("{}: where the time goes", self.model.name));
        let sections = [
            cold::cold(self),
            sections::ablations(self),
            profiles::profiles(self),
            sections::dispatch_cost(self),
            sections::candidates(self),
            sections::sporadic(self),
            sections::warm(self),
            sections::precision(self),
            sections::published(self),
        ];
        let body: String = sections.into_iter().flatten().collect();
        format!(
            "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>{title}</title>\
             <style>{}</style></head><body><main><h1>{title}</h1>{}{}{}{body}{}</main></body></html>\n",
            STYLE,
            self.banner(),
            self.summary(),
            self.identity(),
            method(self),
        )
    }

    /// The banner for an incomplete or quick study, at the top of the page.
    fn banner(&self) -> String {
        let Some(study) = &self.study else { return String::new() };
        let mut lines = Vec::new();
        if !study.complete {
            lines.push(paragraph("This study was interrupted: what follows is what it had measured until then."));
        }
        if study.quick {
            lines.push(paragraph("This was a quick study: a few runs stand for many, and its numbers mean little."));
        }
        if self.machine.build == "debug" {
            lines.push(paragraph("This was measured with a debug build: its times mean little."));
        }
        if !study.notes.is_empty() {
            let notes: String = study.notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
            lines.push(format!("<p>Not measured:</p><ul>{notes}</ul>"));
        }
        if lines.is_empty() { String::new() } else { format!("<aside class=\"banner\">{}</aside>", lines.concat()) }
    }

    fn summary(&self) -> String {
        let answers = answers(self);
        if answers.is_empty() {
            return String::new();
        }
        let answer = |answer: &answers::Answer| {
            let (question, text) = (escape(answer.question), escape(&answer.text));
            format!("<dt>{question}</dt><dd>{text} <a href=\"#{}\">The numbers</a></dd>", answer.section)
        };
        let list: String = answers.iter().map(answer).collect();
        section("answers", "In short", &format!("<dl class=\"answers\">{list}</dl>"))
    }

    fn identity(&self) -> String {
        let (model, machine) = (&self.model, &self.machine);
        let mut rows = vec![
            ("Model", format!("{}, {}", model.name, model.format)),
            (
                "",
                format!(
                    "{} layers, {} operators, {} of weights",
                    model.layers,
                    model.operators,
                    bytes(model.weight_bytes)
                ),
            ),
            ("Identity", model.identity.clone()),
            ("Processor", format!("{}, {} cores, {} {}", machine.cpu, machine.cores, machine.os, machine.architecture)),
        ];
        if let Some(adapter) = &machine.adapter {
            rows.push(("GPU", format!("{} ({}, {})", adapter.name, adapter.kind, adapter.backend)));
            rows.push(("Driver", format!("{} {}", adapter.driver, adapter.driver_version)));
            let limit = |name: &str| adapter.limits.get(name).map_or("–".into(), |&limit| bytes(limit));
            let workgroup = limit("max_workgroup_memory_bytes");
            rows.push((
                "Limits",
                format!("{workgroup} of workgroup memory, bindings of {}", limit("max_storage_binding_bytes")),
            ));
        } else if engines(self).iter().all(|engine| !engine.starts_with("gpu")) {
            rows.push(("GPU", "none".into()));
        }
        rows.push(("Measured", format!("{}, tfjs-wgpu {} ({})", self.created, machine.version, machine.build)));
        rows.push(("Seed", self.seed.to_string()));
        let row = |(name, value): &(&str, String)| {
            format!("<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escape(value))
        };
        let rows: String = rows.iter().map(row).collect();
        let caption = "<caption>What was measured, and where</caption>";
        section(
            "identity",
            "Model and machine",
            &format!("<table class=\"identity\">{caption}<tbody>{rows}</tbody></table>"),
        )
    }
}

const METHOD: [&str; 6] = [
    "A prediction is timed from host to host: inputs are checked and uploaded, kernels run, outputs are read back. Inputs are \
     random, of the seed above, with ids inside their tables.",
    "Warm times are of predictions after two that do not count: at least ten, for a fixed time. What is shown is the median \
     (quantiles between samples by a straight line) with its 95 % interval by the bootstrap; such an interval says how well \
     this run of this process knows its median, not how the next process will do.",
    "Cold starts are processes of their own, the median of five. Without compiled pipelines on disk, the caches that drivers \
     keep by themselves are turned off where an environment variable does it (Mesa, NVIDIA).",
    "Half-float storage is imitated: each value is rounded to a half float where TF.js would store it so. The answers are those \
     of such a device, the times are not: rounding is added, and traffic is not halved.",
    "Rankings are compared with those of a plain reference that computes in f64 operator by operator. NDCG@k has gain k for the \
     reference's first, k − 1 for its second, and so on; NDCG and τ are 1 for the same order.",
    "A software GPU judges overhead fairly and kernels badly: what is slow on it may be fast on hardware.",
];

fn method(report: &Report) -> String {
    if report.study.is_none() {
        return String::new();
    }
    let repeat = process::study_command(report.seed);
    let lines: String = METHOD.iter().map(|line| paragraph(line)).collect();
    section("method", "Method", &format!("{lines}<p>To repeat it: <code>{}</code></p>", escape(&repeat)))
}
