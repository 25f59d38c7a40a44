//! The imports and names of one file, read without running it.

use std::{collections::BTreeSet, ops::Range};

use tree_sitter::{Node, TreeCursor};

use super::syntax::children;

#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    pub(super) sites: Vec<Site>,
    /// Names that the module may have once it is loaded, except those from star imports.
    pub(super) names: BTreeSet<String>,
    /// True if the module may have more names than its text shows.
    pub(super) is_dynamic: bool,
    /// True if it changes where or how modules are found.
    pub(super) changes_search: bool,
    /// The attributes that are assigned to, such as `limit` in `settings.limit = 3`.
    pub(super) assigned: BTreeSet<String>,
    /// True if the parser understood the whole file.
    pub(super) is_whole: bool,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) import: Import,
    pub(super) when: When,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Import {
    /// `import a.b`
    Module(Vec<Word>),
    /// `from ..a import b, c`
    From {
        /// The number of dots before the module's name, and their position.
        level: usize,
        dots: Range<usize>,
        module: Vec<Word>,
        names: Vec<Word>,
        is_star: bool,
    },
}

/// A word and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// When an import runs, most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// When the file is loaded.
    AtStart,
    /// When the file is run as a script.
    AsScript,
    /// When a function is called.
    Later,
    /// If a condition is true, or where an error is expected.
    Perhaps,
    /// Only for type checkers.
    Never,
}

/// Whether a node's names belong to the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Module,
    Inner,
}

pub(super) fn read(root: Node<'_>, text: &str) -> Code {
    let mut reader = Reader {
        text,
        cursor: root.walk(),
        code: Code {
            is_whole: !root.has_error(),
            ..Code::default()
        },
        pending: Vec::new(),
    };
    let mut top = Vec::new();
    let mut when = When::AtStart;
    for statement in children(root) {
        top.push((statement, when, Scope::Module));
        if ends_the_module(statement, text) {
            when = When::Perhaps;
        }
    }
    top.reverse();
    reader.pending = top;
    // An explicit stack, because source code may be nested deeper than the call stack allows.
    while let Some((node, when, scope)) = reader.pending.pop() {
        reader.visit(node, when, scope);
    }
    let mut code = reader.code;
    code.is_dynamic |= !code.is_whole;
    // What the code installs at startup can be imported afterwards.
    code.changes_search |=
        text.contains("pip") && (text.contains("subprocess") || text.contains("os.system"));
    code
}

struct Reader<'t, 'n> {
    text: &'t str,
    /// Visits the children of a node.
    cursor: TreeCursor<'n>,
    code: Code,
    pending: Vec<(Node<'n>, When, Scope)>,
}

impl<'n> Reader<'_, 'n> {
    fn visit(&mut self, node: Node<'n>, when: When, scope: Scope) {
        match node.kind() {
            "import_statement" => self.import(node, when, scope),
            "import_from_statement" => self.import_from(node, when, scope),
            "function_definition" | "class_definition" => self.definition(node, when, scope),
            "lambda" => self.enter(node, when.max(When::Later), Scope::Inner),
            "if_statement" => self.conditional(node, when, scope),
            "try_statement" => self.guarded(node, when, scope),
            "for_statement" | "while_statement" | "match_statement" => {
                self.enter(node, when.max(When::Perhaps), scope);
            }
            "with_statement" => self.within(node, when, scope),
            "global_statement" => {
                for name in children(node) {
                    let name = self.words(name).to_owned();
                    self.code.names.insert(name);
                }
            }
            "attribute" => self.attribute(node, when, scope),
            "call" => {
                self.started_app(node, when);
                self.enter(node, when, scope);
            }
            "keyword_argument" => {
                if let Some(value) = node.child_by_field_name("value") {
                    self.pending.push((value, when, scope));
                }
            }
            "assignment" | "augmented_assignment" => {
                if let Some(target) = node.child_by_field_name("left") {
                    self.assigned(target);
                }
                self.enter(node, when, scope);
            }
            "identifier" => self.identifier(node, scope),
            _ => self.enter(node, when, scope),
        }
    }

    fn enter(&mut self, node: Node<'n>, when: When, scope: Scope) {
        let from = self.pending.len();
        let below = node.named_children(&mut self.cursor);
        self.pending.extend(below.map(|child| (child, when, scope)));
        self.pending[from..].reverse();
    }

    fn words(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn bind(&mut self, name: &str, scope: Scope) {
        if scope == Scope::Module {
            self.code.names.insert(name.to_owned());
        }
    }

    /// Binds each name used at the module's level, because the module could not be loaded without
    /// it.
    fn identifier(&mut self, node: Node<'_>, scope: Scope) {
        let name = self.words(node).to_owned();
        match name.as_str() {
            "globals" | "vars" | "locals" | "exec" | "eval" | "setattr" => {
                self.code.is_dynamic = true;
            }
            "__import__" | "__path__" | "__package__" | "addsitedir" | "extend_path" | "runpy" => {
                self.code.changes_search = true;
            }
            _ => {}
        }
        self.bind(&name, scope);
    }

    fn attribute(&mut self, node: Node<'n>, when: When, scope: Scope) {
        match self.words(node) {
            "sys.modules" => {
                self.code.is_dynamic = true;
                self.code.changes_search = true;
            }
            "sys.path"
            | "sys.meta_path"
            | "sys.path_hooks"
            | "site.addsitedir"
            | "importlib.import_module"
            | "importlib.util"
            | "importlib.machinery"
            | "importlib.reload" => self.code.changes_search = true,
            _ => {}
        }
        let last = node.child_by_field_name("attribute");
        if last.is_some_and(|last| self.words(last) == "__dict__") {
            self.code.is_dynamic = true;
        }
        if last.is_some_and(|last| ["extend_path", "addsitedir"].contains(&self.words(last))) {
            self.code.changes_search = true;
        }
        if let Some(object) = node.child_by_field_name("object") {
            self.pending.push((object, when, scope));
        }
    }

    fn assigned(&mut self, target: Node<'_>) {
        let targets = match target.kind() {
            "pattern_list" | "tuple_pattern" | "list_pattern" => children(target),
            _ => vec![target],
        };
        for target in targets {
            if let Some(name) = target.child_by_field_name("attribute") {
                let name = self.words(name).to_owned();
                self.code.assigned.insert(name);
            }
        }
    }

    fn definition(&mut self, node: Node<'n>, when: When, scope: Scope) {
        if let Some(name) = node.child_by_field_name("name") {
            let name = self.words(name).to_owned();
            if name == "__getattr__" && scope == Scope::Module {
                self.code.is_dynamic = true;
            }
            self.bind(&name, scope);
        }
        let when = match node.kind() {
            "function_definition" => when.max(When::Later),
            // A class body runs where it is defined.
            _ => when,
        };
        self.enter(node, when, Scope::Inner);
    }

    fn conditional(&mut self, node: Node<'n>, when: When, scope: Scope) {
        let condition = node
            .child_by_field_name("condition")
            .map_or("", |condition| self.words(condition));
        let then = if condition.contains("__name__") && condition.contains("__main__") {
            when.max(When::AsScript)
        } else if condition.contains("TYPE_CHECKING") && !condition.contains("not") {
            When::Never
        } else {
            when.max(When::Perhaps)
        };
        let consequence = node.child_by_field_name("consequence");
        for child in children(node).into_iter().rev() {
            let when = if Some(child) == consequence {
                then
            } else {
                when.max(When::Perhaps)
            };
            self.pending.push((child, when, scope));
        }
    }

    fn guarded(&mut self, node: Node<'n>, when: When, scope: Scope) {
        let parts = children(node);
        let catches = parts.iter().any(|part| part.kind().starts_with("except"));
        let within = if catches {
            when.max(When::Perhaps)
        } else {
            when
        };
        let parts = parts.into_iter().rev();
        self.pending.extend(parts.map(|part| (part, within, scope)));
    }

    /// `with suppress(ImportError):` and similar statements expect an error.
    fn within(&mut self, node: Node<'n>, when: When, scope: Scope) {
        let body = node.child_by_field_name("body");
        let head_end = body.map_or(node.end_byte(), |body| body.start_byte());
        let head = self
            .text
            .get(node.start_byte()..head_end)
            .unwrap_or_default();
        let when = if head.contains("catch_warnings") {
            when
        } else {
            when.max(When::Perhaps)
        };
        self.enter(node, when, scope);
    }

    fn import(&mut self, node: Node<'_>, when: When, scope: Scope) {
        let mut cursor = node.walk();
        let names: Vec<_> = node.children_by_field_name("name", &mut cursor).collect();
        for name in names {
            let module = match name.kind() {
                "aliased_import" => name.child_by_field_name("name"),
                _ => Some(name),
            };
            let Some(module) = module.filter(|module| !module.has_error()) else {
                continue;
            };
            let module = self.dotted(module);
            match name.child_by_field_name("alias") {
                Some(alias) => {
                    let alias = self.words(alias).to_owned();
                    self.bind(&alias, scope);
                }
                None => {
                    if let Some(first) = module.first() {
                        self.bind(&first.text, scope);
                    }
                }
            }
            self.site(Import::Module(module), when);
        }
    }

    fn import_from(&mut self, node: Node<'_>, when: When, scope: Scope) {
        let Some(from) = node.child_by_field_name("module_name") else {
            return;
        };
        let mut level = 0;
        let mut dots = from.byte_range();
        let mut module = Vec::new();
        if from.kind() == "relative_import" {
            for part in children(from) {
                match part.kind() {
                    "import_prefix" => {
                        level = self.words(part).matches('.').count();
                        dots = part.byte_range();
                    }
                    _ => module = self.dotted(part),
                }
            }
        } else {
            module = self.dotted(from);
        }
        let mut names = Vec::new();
        let mut cursor = node.walk();
        let named: Vec<_> = node.children_by_field_name("name", &mut cursor).collect();
        for name in named {
            let original = name.child_by_field_name("name").unwrap_or(name);
            let bound = name.child_by_field_name("alias").unwrap_or(original);
            let bound = self.words(bound).to_owned();
            if bound == "__getattr__" && scope == Scope::Module {
                self.code.is_dynamic = true;
            }
            self.bind(&bound, scope);
            names.push(self.word(original));
        }
        let whole: Vec<&str> = module.iter().map(|word| word.text.as_str()).collect();
        let taken = |word: &str| names.iter().any(|name| name.text == word);
        self.code.changes_search |= match whole.join(".").as_str() {
            "sys" => taken("path") || taken("modules") || taken("meta_path"),
            "importlib" => {
                taken("import_module") || taken("util") || taken("machinery") || taken("reload")
            }
            "importlib.util" | "importlib.machinery" => true,
            "site" => taken("addsitedir"),
            "pkgutil" => taken("extend_path"),
            _ => false,
        };
        let is_star = children(node)
            .iter()
            .any(|child| child.kind() == "wildcard_import");
        if node.has_error() {
            return;
        }
        let import = Import::From {
            level,
            dots,
            module,
            names,
            is_star,
        };
        self.site(import, when);
    }

    /// `uvicorn.run("my_agent.web:app")` and `runpy.run_module("my_agent.server")` import the
    /// module in the string.
    fn started_app(&mut self, node: Node<'_>, when: When) {
        let callee = node.child_by_field_name("function");
        let is_app = match callee.map(|callee| self.words(callee)) {
            Some("uvicorn.run") => true,
            Some("runpy.run_module") => false,
            _ => return,
        };
        let arguments = node.child_by_field_name("arguments").map(children);
        let arguments = arguments.unwrap_or_default();
        let changes_folder = arguments
            .iter()
            .any(|argument| self.words(*argument).starts_with("app_dir"));
        let content = arguments
            .first()
            .filter(|first| first.kind() == "string")
            .and_then(|string| {
                let parts = children(*string);
                parts
                    .into_iter()
                    .find(|part| part.kind() == "string_content")
            });
        let Some(content) = content.filter(|_| !changes_folder) else {
            return;
        };
        let words = self.words(content).to_owned();
        let (module, name) = match words.split_once(':') {
            Some((module, name)) if is_app => (module, name),
            None if !is_app => (words.as_str(), ""),
            _ => return,
        };
        let mut start = content.start_byte();
        let mut parts = Vec::new();
        for part in module.split('.') {
            parts.push(Word {
                text: part.to_owned(),
                span: start..start + part.len(),
            });
            start += part.len() + 1;
        }
        if !is_app {
            self.site(Import::Module(parts), when);
            return;
        }
        let first = name.split('.').next().unwrap_or(name);
        let import = Import::From {
            level: 0,
            dots: content.byte_range(),
            module: parts,
            names: vec![Word {
                text: first.to_owned(),
                span: start..start + first.len(),
            }],
            is_star: false,
        };
        self.site(import, when);
    }

    fn site(&mut self, import: Import, when: When) {
        if when != When::Never {
            // The context of an import is unreliable if the parser failed.
            let when = if self.code.is_whole {
                when
            } else {
                when.max(When::Perhaps)
            };
            self.code.sites.push(Site { import, when });
        }
    }

    fn dotted(&self, node: Node<'_>) -> Vec<Word> {
        children(node)
            .into_iter()
            .filter(|part| part.kind() == "identifier")
            .map(|part| self.word(part))
            .collect()
    }

    fn word(&self, node: Node<'_>) -> Word {
        Word {
            text: self.words(node).to_owned(),
            span: node.byte_range(),
        }
    }
}

/// Returns true if nothing after the statement runs.
fn ends_the_module(statement: Node<'_>, text: &str) -> bool {
    let call = match statement.kind() {
        "raise_statement" => return true,
        "expression_statement" => statement.named_child(0),
        _ => None,
    };
    let callee = call
        .filter(|call| call.kind() == "call")
        .and_then(|call| call.child_by_field_name("function"))
        .and_then(|callee| text.get(callee.byte_range()));
    ["sys.exit", "exit", "quit", "os._exit"]
        .iter()
        .any(|word| callee == Some(word))
}
