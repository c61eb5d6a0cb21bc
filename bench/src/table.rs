//! The printed tables, in Markdown, so that they can be copied into `docs/performance.md`.

use std::io::Write as _;

/// Writes a line to standard output.
pub(crate) fn line(text: &str) {
    // Nobody reads: nothing to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Says on standard error what is going on.
pub(crate) fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "bench: {text}");
}

/// Rows under a head, columns as wide as they must be.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self {
            rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn print(&self, title: &str) {
        line(&format!("\n### {title}\n"));
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate();
            let padded: Vec<String> = cells
                .map(|(column, (cell, &width))| match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            line(&format!("| {} |", padded.join(" | ")));
            if number == 0 {
                let rule = |(column, width): (usize, &usize)| match column {
                    0 => "-".repeat(*width),
                    _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
                };
                let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
                line(&format!("| {} |", rules.join(" | ")));
            }
        }
    }
}

/// A target: at most this.
pub(crate) fn verdict(value: f64, limit: f64) -> &'static str {
    if value <= limit { "met" } else { "MISSED" }
}
