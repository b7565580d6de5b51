//! Measurements as a table.

use crate::table::{Align, Table};
use std::io::{self, Write};
use tfjs_wgpu::internals::study::digits;
use tfjs_wgpu::study::Measurement;

/// Two tables: times, and the work of a prediction.
pub(super) fn write(results: &[Measurement], out: &mut impl Write) -> io::Result<()> {
    let number = |name| (name, Align::Right);
    let keys = [("device", Align::Left), ("passes", Align::Left), ("batch", Align::Right)];
    let times = ["open ms", "first ms", "p50 ms", "95 % of p50", "min", "p90", "p95", "p99", "max", "runs"].map(number);
    let mut table = Table::with_header(&[&keys[..], &times[..]].concat());
    for result in results {
        let [device, passes, batch] = key(result);
        let [p50, interval, min, p90, p95, p99, max, n] = warm(result);
        let (open, first) = (digits(result.open_ms), digits(result.first_ms));
        table.row([device, passes, batch, open, first, p50, interval, min, p90, p95, p99, max, n]);
    }
    table.write(out, "")?;
    writeln!(out)?;
    let counts = ["dispatches", "submits", "pipelines", "up B", "down B", "weights B", "peak MiB", "GFLOP/s", "GB/s"]
        .map(number);
    let mut table = Table::with_header(&[&keys[..], &counts[..]].concat());
    for result in results {
        let [device, passes, batch] = key(result);
        let rate = |rate: Option<f64>| rate.map_or("-".into(), digits);
        let peak = result.peak_resident_bytes.map_or("-".into(), |bytes| digits(bytes as f64 / (1 << 20) as f64));
        table.row([
            device,
            passes,
            batch,
            result.dispatches.to_string(),
            result.submits.to_string(),
            result.pipelines.to_string(),
            result.upload_bytes.to_string(),
            result.download_bytes.to_string(),
            result.weight_bytes.to_string(),
            peak,
            rate(result.gflop_per_s),
            rate(result.gb_per_s),
        ]);
    }
    table.write(out, "")
}

fn key(result: &Measurement) -> [String; 3] {
    let settings = if result.settings.is_empty() { String::new() } else { format!(", {}", result.settings.join(", ")) };
    [result.device.clone(), format!("{}{settings}", result.passes), result.batch.to_string()]
}

fn warm(result: &Measurement) -> [String; 8] {
    let Some(warm) = &result.warm_ms else { return std::array::from_fn(|_| "-".into()) };
    let interval = format!("{}..{}", digits(warm.p50_ci95[0]), digits(warm.p50_ci95[1]));
    let [p50, min, p90, p95, p99, max] = [warm.p50, warm.min, warm.p90, warm.p95, warm.p99, warm.max].map(digits);
    [p50, interval, min, p90, p95, p99, max, warm.n.to_string()]
}
