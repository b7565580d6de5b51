//! A report as CSV, one row per quantity, for spreadsheets and scripts.

use super::report::Report;
use super::statistics::Summary;

const HEADER: &str = "section,device,passes,settings,batch,quantity,unit,n,p50,p50_low,p50_high,min,p90,p95,p99,max";

/// The columns that identify a quantity.
struct Row<'r> {
    section: &'r str,
    device: &'r str,
    passes: &'r str,
    settings: &'r [String],
    batch: usize,
}

impl Report {
    /// The quantities of the report as comma-separated values (RFC 4180) with a header. The column `unit` has the unit.
    /// A quantity that was measured once has its value in the column `p50`, and its other statistics are empty.
    pub fn to_csv(&self) -> String {
        let mut csv = Csv(format!("{HEADER}\r\n"));
        for result in &self.results {
            let (settings, batch) = (&result.settings[..], result.batch);
            let row = Row { section: "warm", device: &result.device, passes: &result.passes, settings, batch };
            csv.value(&row, "open", "ms", result.open_ms);
            csv.value(&row, "first", "ms", result.first_ms);
            if let Some(warm) = &result.warm_ms {
                csv.summary(&row, "predict", warm);
            }
            for (name, count) in
                [("dispatches", result.dispatches), ("submits", result.submits), ("pipelines", result.pipelines)]
            {
                csv.value(&row, name, "count", count as f64);
            }
            for (name, bytes) in [("upload", result.upload_bytes), ("download", result.download_bytes)] {
                csv.value(&row, name, "bytes", bytes as f64);
            }
        }
        self.study_rows(&mut csv);
        csv.0
    }

    fn study_rows(&self, csv: &mut Csv) {
        let Some(study) = &self.study else { return };
        for cold in &study.cold {
            let section = if cold.cached { "cold, pipelines on disk" } else { "cold" };
            let row = Row { section, device: &cold.device, passes: &cold.passes, settings: &cold.settings, batch: 1 };
            csv.summary(&row, "first answer", &cold.total_ms);
            csv.summary(&row, "process", &cold.process_ms);
            for (name, ms) in [("load", cold.load_ms), ("open", cold.open_ms), ("first", cold.first_ms)] {
                csv.value(&row, name, "ms", ms);
            }
        }
        for ablation in &study.ablations {
            let (passes, settings) = (&ablation.passes, &ablation.settings[..]);
            let section = format!("ablation, {}", ablation.name);
            let row = Row { section: &section, device: "gpu", passes, settings, batch: ablation.batch };
            for (name, ms) in [("open", ablation.open_ms), ("first", ablation.first_ms)] {
                ms.into_iter().for_each(|ms| csv.value(&row, name, "ms", ms));
            }
            csv.summary(&row, "predict", &ablation.warm_ms);
        }
        for point in study.dispatch_cost.iter().flat_map(|cost| &cost.points) {
            let row = Row { section: "dispatches", device: "gpu", passes: "plain", settings: &[], batch: 1 };
            csv.summary(&row, &format!("{} dispatches", point.dispatches), &point.ms);
        }
        for curve in &study.curves {
            let section = if curve.shared.is_empty() { "candidates" } else { "candidates, one user" };
            for point in &curve.points {
                let batch = point.candidates;
                let row = Row { section, device: &curve.device, passes: &curve.passes, settings: &[], batch };
                csv.summary(&row, "predict", &point.ms);
            }
        }
        for sporadic in &study.sporadic {
            let section = format!("every {} ms", sporadic.interval_ms);
            let row =
                Row { section: &section, device: &sporadic.device, passes: &sporadic.passes, settings: &[], batch: 1 };
            csv.summary(&row, "predict", &sporadic.warm_ms);
        }
        for precision in &study.precision {
            let (passes, settings, batch) = (&precision.passes, &precision.settings[..], precision.candidates);
            let row = Row { section: "precision", device: &precision.device, passes, settings, batch };
            csv.summary(&row, "predict", &precision.warm_ms);
            csv.value(&row, "score difference", "max", precision.max_abs_difference);
            for (name, [mean, least]) in [
                ("kendall tau", precision.kendall_tau),
                ("ndcg", precision.ndcg),
                ("top k overlap", precision.top_k_overlap),
            ] {
                csv.value(&row, name, "mean", mean);
                csv.value(&row, name, "least", least);
            }
        }
    }
}

struct Csv(String);

impl Csv {
    fn line(&mut self, row: &Row<'_>, quantity: &str, unit: &str, values: &[String]) {
        let batch = row.batch.to_string();
        let words = [row.section, row.device, row.passes, &row.settings.join("; "), &batch, quantity, unit].map(quoted);
        let values: Vec<String> = words.into_iter().chain(values.iter().cloned()).collect();
        self.0.push_str(&values.join(","));
        self.0.push_str("\r\n");
    }

    fn value(&mut self, row: &Row<'_>, quantity: &str, unit: &str, value: f64) {
        let mut values = vec![String::from("1"), value.to_string()];
        values.resize(9, String::new());
        self.line(row, quantity, unit, &values);
    }

    fn summary(&mut self, row: &Row<'_>, quantity: &str, of: &Summary) {
        let numbers = [of.p50, of.p50_ci95[0], of.p50_ci95[1], of.min, of.p90, of.p95, of.p99, of.max];
        let values: Vec<String> =
            [of.n.to_string()].into_iter().chain(numbers.map(|number| number.to_string())).collect();
        self.line(row, quantity, "ms", &values);
    }
}

/// A field, quoted if necessary.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.into() }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(["plain", "a,b", "say \"x\""].map(quoted), ["plain", "\"a,b\"", "\"say \"\"x\"\"\""]);
    }
}
