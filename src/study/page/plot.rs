//! Line and bar plots as SVG, in the colours of the page. A plot is drawn for a phone and scales with the page; legends
//! are text of the page.

use super::markup::escape;
use crate::study::digits;
use std::fmt::Write;

/// The width of a plot in its own units. Text is 13 units high.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// Space for the label at the end of a bar.
const TOTAL: f64 = 110.0;

/// The number of colours, dashes and marks in the style sheet.
const STYLES: usize = 8;

/// The scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Linear from zero.
    Linear,
    /// Logarithmic, with ticks at powers of ten.
    Logarithmic,
}

/// A point with the confidence interval of its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// The confidence interval of the value.
    pub(super) interval: Option<[f64; 2]>,
}

/// A named series of points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) label: String,
    pub(super) points: Vec<Point>,
    /// Whether a line joins the points.
    pub(super) joined: bool,
}

/// The content and the labels of a line plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x_label: &'static str,
    pub(super) y_label: &'static str,
    pub(super) x_scale: Scale,
    pub(super) y_scale: Scale,
    pub(super) series: Vec<Series>,
    /// A trend line, as (intercept, slope).
    pub(super) trend: Option<(f64, f64)>,
}

/// An axis: its ends, and the mapping from values to positions.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Axis {
        let values = values.filter(|value| value.is_finite() && (scale == Scale::Linear || *value > 0.0));
        let high = values.clone().fold(f64::NEG_INFINITY, f64::max);
        let low = values.fold(f64::INFINITY, f64::min);
        let (low, high) = match scale {
            Scale::Linear => (0.0, if high > 0.0 { high * 1.05 } else { 1.0 }),
            Scale::Logarithmic if low <= high => (low / 1.25, high * 1.25),
            Scale::Logarithmic => (1.0, 10.0),
        };
        Axis { scale, low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The positions of grid lines: four to eight round numbers.
    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let rough = (self.high - self.low) / 4.0;
                let power = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
                let step = step.unwrap_or(rough);
                (0..=(self.high / step) as usize).map(|index| index as f64 * step).collect()
            }
            Scale::Logarithmic => {
                let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
                let within = |factors: &'static [f64]| -> Vec<f64> {
                    let all = powers.clone().flat_map(|power| factors.iter().map(move |f| f * 10f64.powi(power)));
                    all.filter(|value| (self.low..=self.high).contains(value)).collect()
                };
                let tens = within(&[1.0]);
                if tens.len() >= 3 { tens } else { within(&[1.0, 2.0, 5.0]) }
            }
        }
    }
}

/// The label of a tick, with as few digits as it needs.
fn tick_label(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let text = digits(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// The plot and its legend.
pub(super) fn lines(plot: &Plot) -> String {
    let all = || plot.series.iter().flat_map(|series| &series.points);
    let ends = |point: &Point| point.interval.unwrap_or([point.y; 2]);
    let x = Axis::new(plot.x_scale, all().map(|point| point.x), LEFT, WIDTH - RIGHT);
    let y = Axis::new(plot.y_scale, all().flat_map(ends), HEIGHT - BOTTOM, TOP);
    let mut svg = open(HEIGHT, &plot.title, "lines");
    axes(&mut svg, plot, &x, &y);
    if let Some((intercept, slope)) = plot.trend {
        let at = |value: f64| (x.place(value), y.place(intercept + slope * value));
        let ((x1, y1), (x2, y2)) = (at(x.low), at(x.high));
        let _ = write!(svg, "<line class=\"trend\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
    }
    for (index, series) in plot.series.iter().enumerate() {
        draw(&mut svg, series, index % STYLES, &x, &y);
    }
    svg.push_str("</svg>");
    let keys = plot.series.iter().enumerate().map(|(index, series)| (index, series.label.as_str()));
    format!("<figure>{svg}{}</figure>", legend("line", keys))
}

fn open(height: f64, title: &str, class: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\
         <title>{}</title>",
        escape(title)
    )
}

fn axes(svg: &mut String, plot: &Plot, x: &Axis, y: &Axis) {
    for tick in y.ticks() {
        let (at, right) = (y.place(tick), WIDTH - RIGHT);
        let _ = write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>");
        let _ = write!(
            svg,
            "<text class=\"tick end\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            tick_label(tick)
        );
    }
    for tick in x.ticks() {
        let (at, bottom) = (x.place(tick), HEIGHT - BOTTOM);
        let _ = write!(svg, "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>");
        let _ = write!(
            svg,
            "<text class=\"tick middle\" x=\"{at:.1}\" y=\"{}\">{}</text>",
            bottom + 16.0,
            tick_label(tick)
        );
    }
    let said = |label: &str, scale: Scale| match scale {
        Scale::Linear => label.to_string(),
        Scale::Logarithmic => format!("{label} (logarithmic)"),
    };
    let (middle, bottom) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0);
    let x_label = escape(&said(plot.x_label, plot.x_scale));
    let _ = write!(svg, "<text class=\"label middle\" x=\"{middle}\" y=\"{bottom}\">{x_label}</text>");
    let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
    let y_label = escape(&said(plot.y_label, plot.y_scale));
    let _ =
        write!(svg, "<text class=\"label middle\" transform=\"translate(12 {middle}) rotate(-90)\">{y_label}</text>");
}

fn draw(svg: &mut String, series: &Series, style: usize, x: &Axis, y: &Axis) {
    let _ = write!(svg, "<g class=\"series s{style}\">");
    let places: Vec<(f64, f64)> = series.points.iter().map(|point| (x.place(point.x), y.place(point.y))).collect();
    if series.joined {
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(svg, "<polyline points=\"{}\"/>", path.join(" "));
    }
    for (point, (at, value)) in series.points.iter().zip(&places) {
        if let Some([low, high]) = point.interval {
            let (low, high) = (y.place(low), y.place(high));
            let _ = write!(
                svg,
                "<line class=\"interval\" x1=\"{at:.1}\" y1=\"{low:.1}\" x2=\"{at:.1}\" y2=\"{high:.1}\"/>"
            );
        }
        svg.push_str(&mark(style, *at, *value));
    }
    svg.push_str("</g>");
}

/// A mark. Its shape identifies the series, as its colour does.
fn mark(style: usize, x: f64, y: f64) -> String {
    let at = |dx: f64, dy: f64| format!("{:.1},{:.1}", x + dx, y + dy);
    match style % 4 {
        0 => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"),
        1 => format!("<rect class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"6\"/>", x - 3.0, y - 3.0),
        2 => {
            let corners = [at(0.0, -4.2), at(4.0, 3.0), at(-4.0, 3.0)].join(" ");
            format!("<polygon class=\"mark\" points=\"{corners}\"/>")
        }
        _ => {
            let corners = [at(0.0, -4.4), at(4.4, 0.0), at(0.0, 4.4), at(-4.4, 0.0)].join(" ");
            format!("<polygon class=\"mark\" points=\"{corners}\"/>")
        }
    }
}

fn legend<'l>(kind: &str, keys: impl Iterator<Item = (usize, &'l str)>) -> String {
    let key = |(index, label): (usize, &str)| {
        let style = index % STYLES;
        let swatch = match kind {
            "line" => format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"key\" viewBox=\"0 0 28 12\" aria-hidden=\"true\">\
                 <g class=\"series s{style}\"><polyline points=\"0,6 28,6\"/>{}</g></svg>",
                mark(style, 14.0, 6.0)
            ),
            _ => format!("<span class=\"swatch b{style}\"></span>"),
        };
        format!("<li>{swatch}{}</li>", escape(label))
    };
    format!("<ul class=\"legend\">{}</ul>", keys.map(key).collect::<String>())
}

/// A stacked bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) label: String,
    /// The lengths of its parts, in the order of the plot's parts.
    pub(super) parts: Vec<f64>,
    /// The label at its end.
    pub(super) total: String,
}

/// Horizontal bars from zero, with a legend if they have several parts.
pub(super) fn bars(title: &str, parts: &[&str], bars: &[Bar]) -> String {
    const PITCH: f64 = 38.0;
    let longest = bars.iter().map(|bar| bar.parts.iter().sum::<f64>()).fold(f64::MIN_POSITIVE, f64::max);
    let height = PITCH * bars.len() as f64 + 4.0;
    let full = WIDTH - TOTAL;
    let mut svg = open(height, title, "bars");
    for (row, bar) in bars.iter().enumerate() {
        let top = PITCH * row as f64;
        let _ = write!(svg, "<text class=\"label\" x=\"0\" y=\"{}\">{}</text>", top + 13.0, escape(&bar.label));
        let mut start = 0.0;
        for (index, part) in bar.parts.iter().enumerate() {
            let width = part.max(0.0) / longest * full;
            let style = index % STYLES;
            let _ = write!(
                svg,
                "<rect class=\"b{style}\" x=\"{start:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"14\"/>",
                top + 18.0
            );
            start += width;
        }
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{}\">{}</text>",
            start + 5.0,
            top + 29.0,
            escape(&bar.total)
        );
    }
    svg.push_str("</svg>");
    let keys = if parts.len() > 1 { legend("bar", parts.iter().copied().enumerate()) } else { String::new() };
    format!("<figure>{svg}{keys}</figure>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale, values: &[f64]) -> Axis {
        Axis::new(scale, values.iter().copied(), 0.0, 100.0)
    }

    #[test]
    fn linear_axes_begin_at_zero_and_logarithmic_ones_before_the_least() {
        let linear = axis(Scale::Linear, &[3.0, 10.0]);
        assert_eq!((linear.low, linear.place(0.0)), (0.0, 0.0));
        assert_eq!(linear.ticks(), [0.0, 5.0, 10.0]);
        let logarithmic = axis(Scale::Logarithmic, &[0.01, 100.0]);
        assert_eq!(
            logarithmic.ticks().iter().map(|tick| tick_label(*tick)).collect::<Vec<_>>(),
            ["0.01", "0.1", "1", "10", "100"]
        );
        let middle = logarithmic.place(1.0);
        assert!((middle - 50.0).abs() < 1e-9, "{middle}");
        assert!(axis(Scale::Logarithmic, &[]).place(3.0).is_finite());
        assert!(axis(Scale::Linear, &[0.0]).place(0.0).is_finite());
    }

    #[test]
    fn every_point_has_a_mark() {
        let point = |x: f64| Point { x, y: x * 2.0, interval: Some([x, x * 3.0]) };
        let series = |count: usize| Series {
            label: format!("{count} points"),
            points: (1..=count).map(|index| point(index as f64)).collect(),
            joined: true,
        };
        let plot = Plot {
            title: "a < b".into(),
            x_label: "x",
            y_label: "ms",
            x_scale: Scale::Logarithmic,
            y_scale: Scale::Linear,
            series: vec![series(3), series(5)],
            trend: None,
        };
        let html = lines(&plot);
        // One more for each entry of the legend.
        assert_eq!(html.matches("class=\"mark\"").count(), 3 + 5 + 2);
        assert_eq!(html.matches("class=\"interval\"").count(), 8);
        assert!(html.contains("<title>a &lt; b</title>") && html.contains("x (logarithmic)"));
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let bar = |parts: &[f64]| Bar { label: "x".into(), parts: parts.into(), total: "y".into() };
        let html = bars("t", &["a", "b"], &[bar(&[1.0, 3.0]), bar(&[1.0, 1.0])]);
        let width = |share: f64| format!("width=\"{:.1}\"", share * (WIDTH - TOTAL));
        assert!(html.contains(&width(0.25)) && html.contains(&width(0.75)));
        assert_eq!(html.matches("<rect").count(), 4);
        assert_eq!(html.matches("swatch").count(), 2);
    }
}
