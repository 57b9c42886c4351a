//! Figures of a benchmark: quantiles, and medians over runs.

use serde::Serialize;

/// Quantiles of one kind of duration or count.
#[derive(Debug, Clone, Serialize)]
pub struct Quantiles {
    /// Number of values.
    pub count: usize,
    /// Half lie below.
    pub p50: f64,
    /// 99 % lie below.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    /// Quantiles of values in any order; all zero without values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (values.len() as f64 * share).ceil() as usize;
            values.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self {
            count: values.len(),
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Unit of the values.
    pub unit: &'static str,
    /// One value per run.
    pub runs: Vec<f64>,
    /// Median over the runs.
    pub median: f64,
    /// What we are out for, as text; empty = none.
    pub wanted: &'static str,
    /// The limit or peer measured in the same run, and its value.
    pub beside: Option<(String, f64)>,
}

impl Figure {
    /// A figure from the values of its runs.
    pub fn new(name: &str, unit: &'static str, wanted: &'static str, runs: Vec<f64>) -> Self {
        let median = Quantiles::of(runs.clone()).p50;
        Self {
            name: name.to_owned(),
            unit,
            runs,
            median,
            wanted,
            beside: None,
        }
    }

    /// Puts a limit of the same run beside it.
    pub fn beside(mut self, what: &str, value: f64) -> Self {
        self.beside = Some((what.to_owned(), value));
        self
    }

    /// The line of the table.
    pub fn line(&self) -> String {
        let beside = match &self.beside {
            Some((what, value)) => format!("{what} {value:.2} (ratio {:.3})", self.median / value),
            None => String::new(),
        };
        let low = self.runs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.runs.iter().copied().fold(0.0, f64::max);
        format!(
            "{:<56} {:>12.2} {:<8} {:>12.2}..{:<12.2} {:<10} {beside}",
            self.name, self.median, self.unit, low, high, self.wanted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_of_its_runs() {
        assert_eq!(Figure::new("x", "ms", "", vec![3.0, 1.0, 2.0]).median, 2.0);
    }

    #[test]
    fn quantiles_of_a_hundred_values() {
        let quantiles = Quantiles::of((1..=100).map(f64::from).collect());
        assert_eq!(
            (quantiles.p50, quantiles.p99, quantiles.max),
            (50.0, 99.0, 100.0)
        );
    }
}
