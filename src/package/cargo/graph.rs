//! What a package's dependencies mean for its build.

use std::collections::VecDeque;

/// The packages of a build, with their dependencies by index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// The agent's package.
    pub(crate) root: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) is_macro: bool,
    /// What is linked into it.
    pub(crate) normal: Vec<usize>,
    /// What its build script needs.
    pub(crate) build: Vec<usize>,
}

/// Crates that compile C code in build scripts.
const COMPILERS: [&str; 3] = ["cc", "cmake", "openssl-src"];

impl Graph {
    /// Returns the packages that compile C code for the target, sorted.
    pub(crate) fn needs_c(&self) -> Vec<String> {
        let compiled = self.parents().into_iter().enumerate();
        let compiled = compiled.filter(|(_, parent)| parent.is_some());
        let mut names: Vec<String> = compiled
            .map(|(index, _)| &self.nodes[index])
            .filter(|node| self.has_build_dependency(node, &COMPILERS))
            .map(|node| node.name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the path to a package that needs the system's OpenSSL, which no other machine's
    /// binary can link.
    pub(crate) fn system_openssl(&self) -> Option<Vec<String>> {
        let parents = self.parents();
        let found = (0..self.nodes.len()).find(|index| {
            let node = &self.nodes[*index];
            parents[*index].is_some()
                && node.name == "openssl-sys"
                && !self.has_build_dependency(node, &["openssl-src"])
        })?;
        let mut path = vec![found];
        while let Some(parent) =
            parents[path[path.len() - 1]].filter(|_| path[path.len() - 1] != self.root)
        {
            path.push(parent);
        }
        path.reverse();
        Some(
            path.into_iter()
                .map(|index| self.nodes[index].name.clone())
                .collect(),
        )
    }

    fn has_build_dependency(&self, node: &Node, names: &[&str]) -> bool {
        let mut needed = node.build.iter().map(|index| &*self.nodes[*index].name);
        needed.any(|name| names.contains(&name))
    }

    /// Returns for each package that is compiled for the target what brings it in; the root brings
    /// in itself. Macros run on this machine, and so does what only they need.
    fn parents(&self) -> Vec<Option<usize>> {
        let mut parents = vec![None; self.nodes.len()];
        let mut open = VecDeque::new();
        if self.root < self.nodes.len() {
            parents[self.root] = Some(self.root);
            open.push_back(self.root);
        }
        while let Some(index) = open.pop_front() {
            for next in &self.nodes[index].normal {
                if parents[*next].is_none() && !self.nodes[*next].is_macro {
                    parents[*next] = Some(index);
                    open.push_back(*next);
                }
            }
        }
        parents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, normal: &[usize], build: &[usize]) -> Node {
        Node {
            name: name.to_owned(),
            is_macro: name.ends_with("_macro"),
            normal: normal.to_vec(),
            build: build.to_vec(),
        }
    }

    #[test]
    fn only_what_is_compiled_for_the_target_counts() {
        let graph = Graph {
            root: 0,
            nodes: vec![
                node("agent", &[1, 3], &[5]),
                node("ring", &[], &[2]),
                node("cc", &[], &[]),
                node("some_macro", &[4], &[]),
                node("macro-c", &[], &[2]),
                node("build-c", &[], &[2]),
            ],
        };
        assert_eq!(graph.needs_c(), ["ring"]);
        assert_eq!(graph.system_openssl(), None);
        assert_eq!(Graph::default().needs_c(), Vec::<String>::new());
    }

    #[test]
    fn the_path_to_the_systems_openssl_is_named() {
        let mut graph = Graph {
            root: 0,
            nodes: vec![
                node("agent", &[1], &[]),
                node("reqwest", &[2], &[]),
                node("native-tls", &[3], &[]),
                node("openssl-sys", &[], &[4]),
                node("cc", &[], &[]),
                node("openssl-src", &[], &[]),
            ],
        };
        assert_eq!(
            graph.system_openssl().unwrap(),
            ["agent", "reqwest", "native-tls", "openssl-sys"]
        );
        graph.nodes[3].build.push(5);
        assert_eq!(graph.system_openssl(), None);
    }
}
