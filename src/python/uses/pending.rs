//! The nodes of a file that are still to be visited, with their context.

use tree_sitter::{Node, TreeCursor};

/// The context of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// True if texts are recorded.
    pub(super) texts: bool,
    pub(super) as_script: bool,
    /// See [`super::Call::at_load`] and [`super::Call::is_kept`].
    pub(super) at_load: bool,
    pub(super) is_kept: bool,
}

/// The nodes to visit.
pub(super) struct Pending<'n> {
    pub(super) stack: Vec<(Node<'n>, Around)>,
    /// Visits the children of a node.
    pub(super) cursor: TreeCursor<'n>,
}

impl<'n> Pending<'n> {
    pub(super) fn push(&mut self, node: Option<Node<'n>>, around: Around) {
        self.stack.extend(node.map(|node| (node, around)));
    }

    /// Adds a node's children.
    pub(super) fn enter(&mut self, node: Node<'n>, around: Around) {
        let below = node.named_children(&mut self.cursor);
        self.stack.extend(below.map(|child| (child, around)));
    }
}
