//! Parses Python without an interpreter.

use std::ops::Range;

use tree_sitter::{Node, Parser, Tree, TreeCursor};

pub(crate) fn tree(text: &str) -> Tree {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .expect("grammar and parser are of versions that fit");
    parser
        .parse(text, None)
        .expect("a parser with a language and without a limit returns a tree")
}

/// Returns the first syntax error. Syntax that is newer than the grammar looks like an error too, and
/// the statements of Python 2, which the grammar accepts, are errors.
pub(crate) fn first_error(root: Node<'_>) -> Option<Range<usize>> {
    first_error_node(root).map(|node| node.byte_range())
}

fn first_error_node(root: Node<'_>) -> Option<Node<'_>> {
    let statements = descendants(root, |node| !node.kind().ends_with("expression_statement"));
    let mut old =
        statements.filter(|node| ["print_statement", "exec_statement"].contains(&node.kind()));
    let all = [first_unread(root), old.next()].into_iter().flatten();
    all.min_by_key(Node::start_byte)
}

fn first_unread(root: Node<'_>) -> Option<Node<'_>> {
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if node.is_error() || node.is_missing() {
            return Some(node);
        }
        if node.has_error() {
            let mut cursor = node.walk();
            let all: Vec<Node<'_>> = node.children(&mut cursor).collect();
            pending.extend(all.into_iter().rev());
        }
    }
    None
}

/// Returns a node and everything below it in the text's order; `enters` decides which nodes are
/// entered. Does not recurse, because code may be nested deeper than the stack allows.
pub(crate) fn descendants<'t>(
    node: Node<'t>,
    enters: impl Fn(Node<'t>) -> bool,
) -> impl Iterator<Item = Node<'t>> {
    let mut cursor = node.walk();
    let mut at = Some(node);
    std::iter::from_fn(move || {
        let found = at?;
        at = next(&mut cursor, enters(found));
        Some(found)
    })
}

/// Moves to the next named node; enters this one if `below` is true.
fn next<'t>(cursor: &mut TreeCursor<'t>, mut below: bool) -> Option<Node<'t>> {
    loop {
        if !(below && cursor.goto_first_child()) {
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return None;
                }
            }
        }
        let node = cursor.node();
        if node.is_named() {
            return Some(node);
        }
        // Unnamed nodes, such as keywords, have no children.
        below = false;
    }
}

/// Returns the line of [`first_error`], counted from 1.
pub(super) fn first_wrong_line(root: Node<'_>) -> Option<usize> {
    Some(1 + first_error_node(root)?.start_position().row)
}

/// Returns true if a script contains only comments, plain strings and `pass`.
pub(super) fn does_nothing(root: Node<'_>) -> bool {
    all_children(root, |statement| match statement.kind() {
        "comment" | "pass_statement" => true,
        "expression_statement" => all_children(statement, |value| {
            // Expressions in an f-string are evaluated.
            value.kind() == "string" && all_children(value, |part| part.kind() != "interpolation")
        }),
        _ => false,
    })
}

/// Returns the named children of a node.
pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

fn all_children(node: Node<'_>, holds: impl Fn(Node<'_>) -> bool) -> bool {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).all(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_a_statement_does_nothing() {
        for text in [
            "",
            "\n \n",
            "# to do\n",
            "\u{feff}# to do\n",
            "\"\"\"What it will be.\"\"\"\n\npass  # later\n",
        ] {
            assert!(does_nothing(tree(text).root_node()), "{text:?}");
        }
        for text in [
            "import my_agent\n",
            "\"\"\"Docs.\"\"\"\nserve()\n",
            "f'{serve()}'\n",
            "'a', serve()\n",
            "if True:\n    pass\n",
            "def (:\n",
            "x\n",
        ] {
            assert!(!does_nothing(tree(text).root_node()), "{text:?}");
        }
    }

    fn wrong_line(text: &str) -> Option<usize> {
        first_wrong_line(tree(text).root_node())
    }

    #[test]
    fn the_first_wrong_line_is_found() {
        assert_eq!(wrong_line("a = 1\nb = 'é'\ndef (:\n"), Some(3));
        assert_eq!(wrong_line("def x(:\n"), Some(1));
        assert_eq!(wrong_line("if x:\n    print 'hello'\ndef x(:\n"), Some(2));
        assert_eq!(wrong_line("import sys\nexec 'a = 1' in {}\n"), Some(2));
        assert_eq!(
            wrong_line("print('a'), b\nprint = print\nexec('a')\nprint (a, b)\n"),
            None
        );
    }

    #[test]
    fn what_lies_below_a_node_is_in_the_order_of_the_text() {
        let text = "a(b, c)[d]\nwith e: f\n";
        let tree = tree(text);
        let words = |enters: fn(Node<'_>) -> bool| -> String {
            descendants(tree.root_node(), enters)
                .filter(|node| node.kind() == "identifier")
                .map(|node| &text[node.byte_range()])
                .collect()
        };
        assert_eq!(words(|_| true), "abcdef");
        assert_eq!(words(|node| node.kind() != "call"), "def");
    }

    #[test]
    fn what_python_has_learned_since_3_10_is_none() {
        let text = "type Pair[T] = tuple[T, T]\n\n\ndef first[T](pair: Pair[T]) -> T:\n    match pair:\n        \
                    case (one, _):\n            return one\n\n\ntry:\n    pass\nexcept* ValueError:\n    pass\n\
                    words = f\"{'a' + f\"{1}\"}\"\nasync def stream():\n    async with a() as b, c() as d:\n        \
                    yield await b\n";
        assert_eq!(wrong_line(text), None);
        assert_eq!(wrong_line(""), None);
    }
}
