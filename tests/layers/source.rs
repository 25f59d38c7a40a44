//! The paths that a source file uses. Reads token by token, so that macro arguments count too.

use std::{collections::BTreeMap, iter::Peekable};

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream::IntoIter};

pub(crate) struct Source {
    /// The path below `src`, with `/`.
    pub(crate) path: String,
    pub(crate) module: Vec<String>,
    pub(crate) used: Vec<Used>,
    /// What the crate's other modules can see of it: a line and the names in it.
    pub(crate) shown: Vec<(usize, Vec<String>)>,
    /// Imported names, and what they refer to.
    pub(crate) brought: BTreeMap<String, Vec<String>>,
    /// All words, to find those that must not occur.
    pub(crate) words: Vec<(usize, String)>,
    /// All strings outside of tests and comments.
    pub(crate) texts: Vec<(usize, String)>,
    /// Modules that exist only for tests.
    pub(crate) tests: Vec<Vec<String>>,
}

/// A used path. It begins with `crate` if it is in this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

impl Source {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let mut module: Vec<String> = path
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        if ["mod", "lib", "main"].contains(&module.last().unwrap().as_str()) {
            module.pop();
        }
        let mut source = Self {
            path: path.to_owned(),
            module: module.clone(),
            used: Vec::new(),
            shown: Vec::new(),
            brought: BTreeMap::new(),
            words: Vec::new(),
            texts: Vec::new(),
            tests: Vec::new(),
        };
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{path} is no Rust: {error}"));
        source.walk(tokens, &module);
        source.stand_in_for_brought_names();
        source
    }

    /// Resolves imported names: `io::stderr()` after `use std::io` is `std::io::stderr`.
    fn stand_in_for_brought_names(&mut self) {
        for used in &mut self.used {
            if let Some(whole) = self.brought.get(&used.path[0]) {
                used.path.splice(..1, whole.iter().cloned());
            }
        }
    }

    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        let mut after_dot = false;
        while let Some(token) = tokens.next() {
            let dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
            match token {
                TokenTree::Group(group) => self.walk(group.stream(), module),
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    self.attribute(&mut tokens, module);
                }
                TokenTree::Ident(ident) => {
                    let (line, word) = (ident.span().start().line, ident.to_string());
                    self.words.push((line, word.clone()));
                    match word.as_str() {
                        "use" => self.uses(line, &mut tokens, module),
                        "mod" => self.module(&mut tokens, module),
                        "pub" => self.show(line, &tokens),
                        _ if after_dot => {}
                        _ => {
                            let path = rest_of_path(word, &mut tokens);
                            if path.len() > 1 {
                                self.used.push(Used {
                                    line,
                                    path: absolute(path, module),
                                });
                            }
                        }
                    }
                }
                TokenTree::Literal(literal) => {
                    let (line, text) = (literal.span().start().line, literal.to_string());
                    if text.starts_with('"') {
                        self.texts.push((line, text));
                    }
                }
                TokenTree::Punct(_) => {}
            }
            after_dot = dot;
        }
    }

    /// Skips the item after `#[cfg(test)]`.
    fn attribute(&mut self, tokens: &mut Peekable<IntoIter>, module: &[String]) {
        // `#![…]` applies to the enclosing item.
        tokens.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!'));
        let Some(TokenTree::Group(group)) = tokens.peek().cloned() else {
            return;
        };
        let text: String = group.stream().to_string().split_whitespace().collect();
        // A comment, or the reason for disabling a lint.
        if ["doc=", "expect(", "allow("]
            .iter()
            .any(|start| text.starts_with(start))
        {
            tokens.next();
            return;
        }
        if !(text == "cfg(test)" || text.starts_with("cfg(all(test,")) {
            return;
        }
        tokens.next();
        let mut is_module = false;
        let mut name = None;
        for token in tokens.by_ref() {
            match token {
                TokenTree::Ident(ident) if ident == "mod" => is_module = true,
                TokenTree::Ident(ident) if is_module && name.is_none() => {
                    name = Some(ident.to_string());
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                _ => {}
            }
        }
        if let Some(name) = name {
            let mut path = module.to_vec();
            path.push(name);
            self.tests.push(path);
        }
    }

    fn module(&mut self, tokens: &mut Peekable<IntoIter>, module: &[String]) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        if let Some(TokenTree::Group(body)) = tokens.peek().cloned() {
            tokens.next();
            let mut inner = module.to_vec();
            inner.push(name.to_string());
            self.walk(body.stream(), &inner);
        }
    }

    fn uses(&mut self, line: usize, tokens: &mut Peekable<IntoIter>, module: &[String]) {
        let tree: TokenStream = tokens
            .by_ref()
            .take_while(|token| !matches!(token, TokenTree::Punct(p) if p.as_char() == ';'))
            .collect();
        for (path, name) in leaves(tree, &[]) {
            let path = absolute(path, module);
            if path.is_empty() {
                continue;
            }
            if name != "*" && name != "_" && path != [name.as_str()] {
                self.brought.insert(name, path.clone());
            }
            self.used.push(Used { line, path });
        }
    }

    /// Records the words of an item that is `pub` or `pub(crate)`, up to its body or the end of the
    /// field or item.
    fn show(&mut self, line: usize, tokens: &Peekable<IntoIter>) {
        let mut rest = tokens.clone();
        let mut words = Vec::new();
        if let Some(TokenTree::Group(group)) = rest.peek() {
            if group.stream().to_string() != "crate" {
                return;
            }
            rest.next();
        }
        let mut is_function = false;
        for token in rest {
            match token {
                TokenTree::Ident(word) if word == "use" && words.is_empty() => return,
                TokenTree::Ident(word) => {
                    is_function |= word == "fn";
                    words.push(word.to_string());
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                TokenTree::Group(group) => all_words(group.stream(), &mut words),
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Punct(punct) if punct.as_char() == ',' && !is_function => break,
                _ => {}
            }
        }
        self.shown.push((line, words));
    }
}

fn all_words(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => words.push(word.to_string()),
            TokenTree::Group(group) => all_words(group.stream(), words),
            _ => {}
        }
    }
}

/// Reads the rest of `a::b::c` after `a`.
fn rest_of_path(first: String, tokens: &mut Peekable<IntoIter>) -> Vec<String> {
    let mut path = vec![first];
    loop {
        let mut ahead = tokens.clone();
        for _ in 0..2 {
            match ahead.next() {
                Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {}
                _ => return path,
            }
        }
        let Some(TokenTree::Ident(next)) = ahead.next() else {
            return path;
        };
        path.push(next.to_string());
        *tokens = ahead;
    }
}

/// Returns each path of a use tree with the name it introduces.
fn leaves(tree: TokenStream, before: &[String]) -> Vec<(Vec<String>, String)> {
    let tokens: Vec<TokenTree> = tree.into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
    tokens
        .split(is_comma)
        .flat_map(|branch| branch_leaves(branch, before))
        .collect()
}

fn branch_leaves(branch: &[TokenTree], before: &[String]) -> Vec<(Vec<String>, String)> {
    let mut path = before.to_vec();
    let mut name = None;
    let mut renamed = false;
    for token in branch {
        match token {
            TokenTree::Group(group) => return leaves(group.stream(), &path),
            TokenTree::Punct(punct) if punct.as_char() == '*' => name = Some("*".to_owned()),
            TokenTree::Ident(word) if word == "as" => renamed = true,
            TokenTree::Ident(word) if renamed => name = Some(word.to_string()),
            // `{self, …}` is the path so far.
            TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
            TokenTree::Ident(word) => path.push(word.to_string()),
            _ => {}
        }
    }
    match (branch.is_empty(), path.last().cloned()) {
        (false, Some(last)) => vec![(path, name.unwrap_or(last))],
        _ => Vec::new(),
    }
}

/// Resolves `self` and `super`. Paths in this crate then begin with `crate`.
fn absolute(path: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let own = usize::from(path[0] == "self");
    if ups + own == 0 {
        return path;
    }
    let kept = module.len().saturating_sub(ups);
    let crate_root = std::iter::once("crate".to_owned());
    crate_root
        .chain(module[..kept].iter().cloned())
        .chain(path[ups + own..].iter().cloned())
        .collect()
}
