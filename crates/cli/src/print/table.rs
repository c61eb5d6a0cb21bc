//! Tables as Go's `text/tabwriter` lays them out with minimum width 0, tab width 8, padding 1 and TAB as padding.
//!
//! Compat: scripts cut these tables at TABs, so the number of TABs is part of the contract.

/// Tab stops are this far apart.
const TAB_WIDTH: usize = 8;
/// At least this much room after a cell.
const PADDING: usize = 1;

/// Lays out lines of cells. Every cell ends with at least one TAB, the last one of a line too.
///
/// A column is a run of neighbouring lines that have a cell at that place; each run has its own width.
pub(crate) fn tabbed(lines: &[Vec<String>]) -> String {
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len()]).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        set_widths(lines, column, &mut widths);
    }
    let mut out = String::new();
    for (line, widths) in lines.iter().zip(&widths) {
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(cell);
            let missing = width.saturating_sub(length(cell));
            out.extend(std::iter::repeat_n('\t', missing.div_ceil(TAB_WIDTH)));
        }
        out.push('\n');
    }
    out
}

/// Finds the runs of lines with a cell at `column` and gives each cell of a run the run's width.
fn set_widths(lines: &[Vec<String>], column: usize, widths: &mut [Vec<usize>]) {
    let mut run: Vec<&mut usize> = Vec::new();
    let mut widest = 0;
    for (line, widths) in lines.iter().zip(widths) {
        match (line.get(column), widths.get_mut(column)) {
            (Some(cell), Some(width)) => {
                widest = widest.max(length(cell));
                run.push(width);
            }
            _ => close(&mut run, &mut widest),
        }
    }
    close(&mut run, &mut widest);
}

fn close(run: &mut Vec<&mut usize>, widest: &mut usize) {
    let stop = widest.saturating_add(PADDING).next_multiple_of(TAB_WIDTH);
    run.drain(..).for_each(|width| *width = stop);
    *widest = 0;
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect()
    }

    #[test]
    fn a_row_aligns_its_values() {
        let rows = lines(&[
            &["CLIENT ID", "up"],
            &["CLIENT SECRET", "up-secret"],
            &["GRANT TYPES", "client_credentials"],
            &["RESPONSE TYPES", "code"],
            &["SCOPE", "a"],
            &["AUDIENCE", ""],
        ]);
        assert_eq!(
            tabbed(&rows),
            "CLIENT ID\tup\t\t\t\nCLIENT SECRET\tup-secret\t\t\nGRANT TYPES\tclient_credentials\t\n\
             RESPONSE TYPES\tcode\t\t\t\nSCOPE\t\ta\t\t\t\nAUDIENCE\t\t\t\t\n"
        );
    }

    #[test]
    fn a_short_line_ends_the_columns_it_lacks() {
        let rows = lines(&[
            &["CLIENT ID", "CLIENT SECRET", "GRANT TYPES"],
            &["gl-1", "", "client_credentials"],
            &[""],
            &["NEXT PAGE TOKEN", "0123456789abcdef"],
            &["IS LAST PAGE", "false"],
        ]);
        assert_eq!(
            tabbed(&rows),
            "CLIENT ID\tCLIENT SECRET\tGRANT TYPES\t\t\ngl-1\t\t\t\tclient_credentials\t\n\t\t\n\
             NEXT PAGE TOKEN\t0123456789abcdef\t\nIS LAST PAGE\tfalse\t\t\t\n"
        );
    }

    #[test]
    fn characters_count_not_bytes() {
        assert_eq!(tabbed(&lines(&[&["äöüäöüä"], &["x"]])), "äöüäöüä\t\nx\t\n");
    }
}
