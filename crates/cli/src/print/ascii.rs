//! The bordered table of v1's `clients list`: `|` at both sides, a rule below the headings, cells wrapped at 30 characters.

/// Cells are wrapped at blanks beyond this width, unless a single word is longer.
const WRAP_WIDTH: usize = 30;

/// Lays out headings (centred) and rows (to the left; numbers to the right).
pub(crate) fn bordered(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<Vec<String>>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| wrapped(cell)).collect())
        .collect();
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).flatten();
            cells
                .map(|line| length(line))
                .max()
                .unwrap_or(0)
                .max(length(heading))
        })
        .collect();
    let mut out = String::new();
    let cells = headings
        .iter()
        .zip(&widths)
        .map(|(heading, width)| centred(heading, *width));
    push_line(&mut out, cells);
    let rules: Vec<String> = widths
        .iter()
        .map(|width| "-".repeat(width.saturating_add(2)))
        .collect();
    out.push_str(&format!("|{}|\n", rules.join("|")));
    for row in &rows {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let text = cell.get(line).map(String::as_str).unwrap_or_default();
                if is_number(text) {
                    format!("{text:>width$}")
                } else {
                    format!("{text:<width$}")
                }
            });
            push_line(&mut out, cells);
        }
    }
    out
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    out.push_str(&format!("| {} |\n", cells.join(" | ")));
}

fn centred(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(length(text));
    let left = gap / 2;
    format!(
        "{}{text}{}",
        " ".repeat(left),
        " ".repeat(gap.saturating_sub(left))
    )
}

fn wrapped(cell: &str) -> Vec<String> {
    let words: Vec<&str> = cell.split_whitespace().collect();
    let limit = words
        .iter()
        .map(|word| length(word))
        .max()
        .unwrap_or(0)
        .max(WRAP_WIDTH);
    let mut lines: Vec<String> = vec![String::new()];
    for word in words {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if length(line).saturating_add(1).saturating_add(length(word)) <= limit {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | ','))
        && text.chars().any(|c| c.is_ascii_digit())
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_centred_and_cells_padded() {
        let rows = vec![vec!["c3".to_owned(), "openid offline".to_owned()]];
        assert_eq!(
            bordered(&["CLIENT ID", "SCOPE"], &rows),
            "| CLIENT ID |     SCOPE      |\n|-----------|----------------|\n| c3        | openid offline |\n"
        );
    }

    #[test]
    fn long_cells_wrap_at_blanks() {
        let rows = vec![vec![
            "x".to_owned(),
            "aaaaaaaaaa bbbbbbbbbb cccccccccc".to_owned(),
        ]];
        assert_eq!(
            bordered(&["A", "B"], &rows),
            "| A |           B           |\n|---|-----------------------|\n\
             | x | aaaaaaaaaa bbbbbbbbbb |\n|   | cccccccccc            |\n"
        );
    }
}
