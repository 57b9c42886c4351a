//! The text format of Prometheus (0.0.4): families of samples, each with its meaning.

use std::fmt::{Display, Write};
use std::time::Duration;

use powerjob_common::actor::Histogram;

/// What a family's numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    Histogram,
}

/// A page of metrics on its way.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// Durations are exported from 65 µs (2^16 ns) to 69 s (2^36 ns).
const SPAN_POWERS: (u32, u32) = (16, 36);
/// Counts that are kept as microseconds are exported from 1 to 16,777.
const COUNT_POWERS: (u32, u32) = (10, 24);

impl Page {
    /// The text.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A family with one sample.
    pub(super) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.put(format_args!("{name} {value}\n"));
    }

    /// A family with one sample for each value of a label; an empty one is left out.
    pub(super) fn by_label<L: Display, V: Display>(
        &mut self,
        (name, label): (&str, &str),
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (L, V)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        self.head(name, kind, help);
        for (text, value) in samples {
            let text = escaped(&text.to_string());
            self.put(format_args!("{name}{{{label}=\"{text}\"}} {value}\n"));
        }
    }

    /// A family of facts: the value is 1, the labels are what counts.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.head(name, Kind::Gauge, help);
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
            .collect();
        self.put(format_args!("{name}{{{}}} 1\n", labels.join(",")));
    }

    /// A histogram of durations, in seconds.
    pub(super) fn spans(&mut self, name: &str, help: &str, histogram: &Histogram) {
        let seconds = |span: Duration| span.as_secs_f64();
        self.histogram((name, help), histogram, SPAN_POWERS, seconds);
    }

    /// A histogram of counts that are kept as microseconds.
    pub(super) fn counts(&mut self, name: &str, help: &str, histogram: &Histogram) {
        let whole = |span: Duration| (span.as_nanos() / 1_000) as f64;
        self.histogram((name, help), histogram, COUNT_POWERS, whole);
    }

    fn histogram(
        &mut self,
        (name, help): (&str, &str),
        histogram: &Histogram,
        (first, last): (u32, u32),
        unit: impl Fn(Duration) -> f64,
    ) {
        let reading = histogram.reading(first, last);
        self.head(name, Kind::Histogram, help);
        for (bound, count) in &reading.shorter_than {
            let bound = unit(*bound);
            self.put(format_args!("{name}_bucket{{le=\"{bound}\"}} {count}\n"));
        }
        let (count, sum) = (reading.count, unit(reading.sum));
        self.put(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}\n"));
        self.put(format_args!("{name}_sum {sum}\n{name}_count {count}\n"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.0.write_fmt(text).ok();
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_meaning() {
        let mut page = Page::default();
        page.single("a_total", Kind::Counter, "How many.", 3);
        page.by_label(
            ("b", "path"),
            Kind::Gauge,
            "Where.",
            [("x\"\\\n", 0.5), ("y", 2.0)],
        );
        page.by_label(("c", "d"), Kind::Gauge, "Nothing.", [] as [(&str, u8); 0]);
        page.info("e_info", "What.", &[("version", "1"), ("node", "n")]);
        assert_eq!(
            page.finish(),
            "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n\
             # HELP b Where.\n# TYPE b gauge\nb{path=\"x\\\"\\\\\\n\"} 0.5\nb{path=\"y\"} 2\n\
             # HELP e_info What.\n# TYPE e_info gauge\ne_info{version=\"1\",node=\"n\"} 1\n"
        );
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_micros(100));
        histogram.record(Duration::from_secs(100));
        let mut page = Page::default();
        page.spans("t_seconds", "Time.", &histogram);
        let text = page.finish();
        assert!(
            text.contains("t_seconds_bucket{le=\"0.000065536\"} 0\n"),
            "{text}"
        );
        assert!(
            text.contains("t_seconds_bucket{le=\"0.000131072\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("t_seconds_bucket{le=\"68.719476736\"} 1\n"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "t_seconds_bucket{le=\"+Inf\"} 2\nt_seconds_sum 100.0001\nt_seconds_count 2\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn counts_have_whole_bounds() {
        let histogram = Histogram::default();
        for rows in [1, 2, 5] {
            histogram.record(Duration::from_micros(rows));
        }
        let mut page = Page::default();
        page.counts("rows", "Rows.", &histogram);
        let text = page.finish();
        for line in [
            "le=\"1\"} 1",
            "le=\"2\"} 2",
            "le=\"4\"} 2",
            "le=\"8\"} 3",
            "rows_sum 8",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
