//! Renders a topic for a terminal. Supports the parts of Markdown that the topics use: headings,
//! paragraphs, lists of one level, tables, and code blocks.

use std::iter::Peekable;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Heading(String),
    Text(String),
}

/// Returns the lines for a terminal with `width` columns. Code and URLs are never broken.
pub(crate) fn shown(markdown: &str, width: usize) -> Vec<Line> {
    let mut out = Vec::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
            out.extend(code.map(|line| Line::Text(indented(line))));
        } else if line.starts_with('|') {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(row);
            }
            table(&rows, width, &mut out);
        } else if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim();
            out.push(Line::Heading(heading.to_owned()));
        } else if line.starts_with("    ") || line.is_empty() {
            out.push(Line::Text(line.to_owned()));
        } else if !line.starts_with("<!--") {
            let hang = if line.starts_with("- ") { "  " } else { "" };
            let text = joined(line, hang, &mut lines);
            wrap(&text, "", hang, width, &mut out);
        }
    }
    out
}

fn indented(line: &str) -> String {
    let line = format!("    {line}");
    line.trim_end().to_owned()
}

/// Joins a paragraph or list item with its continuation lines.
fn joined<'t>(
    first: &str,
    hang: &str,
    lines: &mut Peekable<impl Iterator<Item = &'t str>>,
) -> String {
    let goes_on = |next: &&str| {
        let rest = next.strip_prefix(hang).unwrap_or_default();
        let begins_anew = ["#", "|", "- ", " ", "```", "<!--"];
        !rest.is_empty() && !begins_anew.iter().any(|start| rest.starts_with(start))
    };
    let mut text = first.to_owned();
    while let Some(more) = lines.next_if(goes_on) {
        text.push(' ');
        text.push_str(more.trim_start());
    }
    text
}

/// Renders each row as its first cell with the others below it, labeled with the column's heading
/// if there are more than two columns.
fn table(rows: &[&str], width: usize, out: &mut Vec<Line>) {
    let mut rows = rows.iter().map(|row| cells(row));
    let headings = rows.next().unwrap_or_default();
    for row in rows.filter(|row| {
        !row.iter()
            .all(|cell| cell.trim_matches(['-', ':']).is_empty())
    }) {
        let (first, others) = row.split_first().expect("a row has a cell");
        wrap(first, "", "  ", width, out);
        for (heading, cell) in headings.iter().skip(1).zip(others) {
            let is_named = headings.len() > 2 && !heading.is_empty();
            let text = if is_named {
                format!("{heading}: {cell}")
            } else {
                cell.clone()
            };
            if !cell.is_empty() {
                wrap(&text, "    ", "      ", width, out);
            }
        }
    }
}

/// Returns the cells of a row. A bar in a cell is written `\|`.
fn cells(row: &str) -> Vec<String> {
    let inner = row.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in inner.chars() {
        let last = cells.last_mut().expect("one at least");
        match c {
            '\\' if !escaped => escaped = true,
            '|' if !escaped => cells.push(String::new()),
            c => {
                last.push(c);
                escaped = false;
            }
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// Breaks lines at spaces. A word longer than a line is kept whole.
fn wrap(text: &str, indent: &str, hang: &str, width: usize, out: &mut Vec<Line>) {
    let mut line = indent.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let more = word.chars().count() + usize::from(!is_empty);
        if !is_empty && line.chars().count() + more > width {
            out.push(Line::Text(std::mem::replace(&mut line, hang.to_owned())));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push(Line::Text(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(markdown: &str, width: usize) -> String {
        let lines = shown(markdown, width).into_iter();
        let lines: Vec<String> = lines
            .map(|line| match line {
                Line::Heading(text) => format!("<{text}>"),
                Line::Text(text) => text,
            })
            .collect();
        lines.join("\n")
    }

    #[test]
    fn paragraphs_and_lists_are_broken_anew_and_code_is_left_alone() {
        let markdown = "# Title\n\nOne two\nthree four.\n- five six\n  seven\n- eight\n\n    code code code code\n\n```console\n$ a long line of code\n\nmore\n```\n<!-- hidden -->\nend\n";
        assert_eq!(
            text(markdown, 14),
            "<Title>\n\nOne two three\nfour.\n- five six\n  seven\n- eight\n\n    code code code code\n\n    $ a long line of code\n\n    more\nend"
        );
    }

    #[test]
    fn a_row_of_a_table_becomes_an_entry() {
        let two = "| code | meaning |\n|---|---:|\n| 0 | done as it was asked |\n| 1 | a \\| b |\n";
        assert_eq!(
            text(two, 16),
            "0\n    done as it\n      was asked\n1\n    a | b"
        );
        let three = "| what | here | there |\n|---|---|---|\n| size | 1 | |\n| time | 2 | 3 |\n";
        assert_eq!(
            text(three, 40),
            "size\n    here: 1\ntime\n    here: 2\n    there: 3"
        );
    }
}
