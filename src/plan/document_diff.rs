//! A line-by-line diff of two documents.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// Returns the lines with `+` or `-` in front, with two lines of context around them.
pub(crate) fn lines(before: Option<&Value>, after: &Value) -> Vec<String> {
    let pretty =
        |value: &Value| serde_json::to_string_pretty(value).expect("a JSON value can be written");
    let old = before.map_or(String::new(), pretty);
    let new = pretty(after);
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(2) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changes_is_marked_and_what_stays_is_context() {
        let before = json!({"a": 1, "b": 2});
        let after = json!({"a": 1, "b": 3});
        assert_eq!(
            lines(Some(&before), &after),
            [
                "  {",
                "    \"a\": 1,",
                "-   \"b\": 2",
                "+   \"b\": 3",
                "  }"
            ]
        );
        assert!(lines(None, &after).iter().all(|line| line.starts_with('+')));
    }
}
