//! Finds the functions in an agent's sources that can answer a request, and chooses one.

use std::collections::BTreeSet;

use super::{
    module::{
        Class, Construction, Function, Kind, Module,
        signature::{Passing, passing, takes_a_request},
    },
    servers::Unserved,
    sources::{Sources, has_importable_name, importable_name, is_public, is_test},
};
use crate::{
    error::Failure,
    text::{counted, did_you_mean, nearest},
};

/// A function that can answer a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handler {
    /// The module below the source; empty for its `__init__.py`.
    pub(crate) module: String,
    pub(crate) class: Option<String>,
    pub(crate) function: String,
    pub(crate) kind: Kind,
    pub(crate) passing: Passing,
    /// True if it is called on an instance.
    pub(crate) on_instance: bool,
    /// True if its first parameter looks like a request.
    pub(crate) takes_a_request: bool,
    /// The handler as written by the user.
    pub(crate) words: String,
    /// `file:line`
    pub(crate) place: String,
}

/// The entry point that a handler is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Whole,
    Streaming,
}

impl Use {
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Whole => "--handler",
            Self::Streaming => "--async-handler",
        }
    }

    fn fits(self, kind: Kind) -> bool {
        (self == Self::Streaming) == kind.streams()
    }
}

impl Sources {
    /// Returns all public functions and methods that could be the handler.
    pub(crate) fn candidates(&self) -> Vec<Handler> {
        let mut found = Vec::new();
        for (name, parsed) in self
            .modules
            .iter()
            .filter(|(name, _)| is_public(name) && has_importable_name(name))
        {
            let module = &parsed.module;
            let is_candidate = |function: &&Function| {
                !function.name.starts_with('_')
                    && !function.name.starts_with("test_")
                    && !function.decorators.iter().any(|word| is_elsewhere(word))
            };
            for function in module.functions.iter().filter(is_candidate) {
                found.extend(self.handler(name, None, function));
            }
            let classes = module.classes.iter();
            for class in classes.filter(|class| !class.name.starts_with('_')) {
                for method in class.methods.iter().filter(is_candidate) {
                    found.extend(self.handler(name, Some(class), method));
                }
            }
        }
        // If a name is defined twice, the last definition counts.
        let mut seen = BTreeSet::new();
        found.reverse();
        found.retain(|handler| seen.insert(handler.words.clone()));
        found.reverse();
        found
    }

    /// Returns the handler named by `words`.
    pub(crate) fn find(&self, words: &str, purpose: Use) -> Result<Handler, Failure> {
        let flag = purpose.flag();
        let (module, class, function) = split(words).ok_or_else(|| {
            Failure::usage(format!("`{flag} {words}` does not name a function"))
                .help("write `package.module:function` or `package.module:Class.method`")
        })?;
        let found = self.resolve(module).and_then(|name| {
            let module = &self.modules[&name].module;
            match class {
                None => module
                    .functions
                    .iter()
                    .rfind(|f| f.name == function)
                    .map(|found| (name.clone(), None, found)),
                Some(class) => {
                    let class = module.classes.iter().rfind(|c| c.name == class)?;
                    let method = method(class, function, module)?;
                    Some((name.clone(), Some(class), method))
                }
            }
        });
        let Some((name, class, function)) = found else {
            return Err(self.unknown(words, purpose));
        };
        if let Some(path) = self.unimportable(&name) {
            return Err(refused_name(
                Failure::usage(format!("`{flag} {words}`: Python cannot import `{path}`")),
                path,
            ));
        }
        let handler = self
            .handler(&name, class, function)
            .map_err(|why| refused(words, flag, &why, &self.place(&name, function)))?;
        if purpose.fits(handler.kind) {
            return Ok(handler);
        }
        let (why, other) = match purpose {
            Use::Whole => ("streams its answer: it yields", Use::Streaming),
            Use::Streaming => (
                "does not yield, so that there is nothing to stream",
                Use::Whole,
            ),
        };
        Err(refused(words, flag, why, &handler.place)
            .help(format!("give it with `{} '{words}'`", other.flag())))
    }

    /// Returns the error for none or several candidates.
    pub(crate) fn undecided(&self, candidates: &[Handler]) -> Failure {
        if candidates.is_empty() {
            let failure = Failure::usage("the source has no function that can answer a request")
                .note(format!("looked in {} for public functions and methods that take the payload: one argument, or `payload` and `context`", counted(self.modules.len(), "Python file")))
                .note("not considered: names that begin with `_` or `test_`, tests, tools, routes of web frameworks, and methods of classes that need arguments");
            let mut modules = self.modules.iter().filter(|(name, parsed)| {
                let module = &parsed.module;
                let is_empty = module.functions.is_empty() && module.classes.is_empty();
                !is_test(name) && !is_empty
            });
            if let Some(path) = modules.find_map(|(name, _)| self.unimportable(name)) {
                let failure = failure.note(format!(
                    "Python cannot import `{path}`, so its functions are not considered either"
                ));
                return refused_name(failure, path);
            }
            let Some(Unserved { place, missing }) = self.unserved() else {
                return failure.help(
                    "add such a function, or name one with `--handler package.module:function`",
                );
            };
            let missing: Vec<String> = missing.iter().map(|path| format!("`{path}`")).collect();
            return failure
                .note(format!("the app in {place} has no route for {}", missing.join(" and ")))
                .help("AgentCore calls `POST /invocations` and `GET /ping`: add these routes, or add such a function");
        }
        list(
            Failure::usage("several functions of the source could answer a request"),
            candidates,
        )
        .help(
            "choose one with `--handler`, one that streams with `--async-handler`, or one of each",
        )
    }

    /// Returns the path of a module that Python cannot import because of its file's name.
    pub(crate) fn unimportable(&self, module: &str) -> Option<&str> {
        let path = &self.modules.get(module)?.path;
        (!has_importable_name(module)).then_some(path)
    }

    fn unknown(&self, words: &str, purpose: Use) -> Failure {
        let candidates = self.candidates();
        let near = nearest(
            words,
            candidates.iter().map(|handler| handler.words.as_str()),
        );
        let failure = Failure::usage(format!(
            "`{} {words}`: the source defines no such function",
            purpose.flag()
        ));
        let failure = list(failure, &candidates);
        match near {
            Some(near) => failure.help(did_you_mean(near)),
            None if candidates.is_empty() => {
                failure.help("the source has no function that can answer a request")
            }
            None => failure.help("name one of these"),
        }
    }

    /// Returns how the function takes the request, based on the declared type of its first
    /// argument.
    fn passing(&self, function: &Function) -> Result<Passing, String> {
        let passing = passing(function)?;
        let annotation = function.parameters[0].annotation.as_deref().unwrap_or("");
        let written = annotation.trim_matches(['"', '\'']);
        let head = written.split('[').next().unwrap_or(written).trim();
        let head = head.rsplit('.').next().unwrap_or(head);
        let mut classes = self
            .modules
            .values()
            .flat_map(|parsed| &parsed.module.classes);
        let defined = classes.find(|class| class.name == head);
        let is = |base: &str| defined.is_some_and(|class| class.bases.iter().any(|b| b == base));
        if is("TypedDict") && passing == Passing::Prompt {
            return Ok(Passing::Payload);
        }
        let is_other = defined.is_some() && !is("TypedDict") && !is("dict") && !is("str");
        if is_other || OTHER_TYPES.contains(&head) {
            return Err(format!(
                "takes a `{written}`, but a request provides a payload (a `dict`) or a prompt (a `str`)"
            ));
        }
        Ok(passing)
    }

    fn handler(
        &self,
        module: &str,
        class: Option<&Class>,
        function: &Function,
    ) -> Result<Handler, String> {
        let is = |word: &str| function.decorators.iter().any(|found| found == word);
        if let Some(word) = ["property", "cached_property", "functools.cached_property"]
            .into_iter()
            .find(|word| is(word))
        {
            return Err(format!("is a `@{word}`, not a method"));
        }
        let on_instance = class.is_some() && !is("staticmethod") && !is("classmethod");
        if let Some(class) = class.filter(|_| on_instance) {
            makeable(class, &self.modules[module].module)?;
        }
        let package = self.package_name();
        let path = if module.is_empty() {
            package
        } else {
            format!("{package}.{module}")
        };
        let qualified = match class {
            Some(class) => format!("{}.{}", class.name, function.name),
            None => function.name.clone(),
        };
        Ok(Handler {
            module: module.to_owned(),
            class: class.map(|class| class.name.clone()),
            function: function.name.clone(),
            kind: function.kind,
            passing: self.passing(function)?,
            on_instance,
            takes_a_request: takes_a_request(function),
            words: format!("{path}:{qualified}"),
            place: self.place(module, function),
        })
    }
}

/// Types of neither payload nor prompt.
const OTHER_TYPES: [&str; 12] = [
    "int",
    "float",
    "bool",
    "bytes",
    "list",
    "List",
    "tuple",
    "Tuple",
    "set",
    "Path",
    "Request",
    "WebSocket",
];

/// Returns whether the decorator is for functions called by something else: a model, an app, a
/// command line.
fn is_elsewhere(decorator: &str) -> bool {
    const ROUTES: [&str; 18] = [
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "route",
        "websocket",
        "exception_handler",
        "on_event",
        "middleware",
        "api_route",
        "resource",
        "prompt",
        "list_tools",
        "call_tool",
        "task",
        "async_task",
        "ping",
    ];
    let Some((owner, last)) = decorator.rsplit_once('.') else {
        return elsewhere(decorator);
    };
    elsewhere(last) || !owner.is_empty() && ROUTES.contains(&last)
}

fn elsewhere(decorator: &str) -> bool {
    [
        "tool",
        "entrypoint",
        "overload",
        "setter",
        "fixture",
        "command",
        "asynccontextmanager",
        "contextmanager",
        "validator",
        "field_validator",
        "callback",
    ]
    .contains(&decorator)
}

fn split(words: &str) -> Option<(&str, Option<&str>, &str)> {
    let (module, qualified) = words.split_once(':')?;
    let (class, function) = match qualified.split_once('.') {
        Some((class, function)) => (Some(class), function),
        None => (None, qualified),
    };
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let legal = module.split('.').all(|part| {
        // The source's folder may contain hyphens.
        is_word(&part.replace('-', "_"))
    }) && class.is_none_or(is_word)
        && is_word(function);
    legal.then_some((module, class, function))
}

/// Returns the method of the class or of a base class in the same file.
fn method<'m>(class: &'m Class, name: &str, module: &'m Module) -> Option<&'m Function> {
    let mut pending = vec![class];
    let mut seen = Vec::new();
    while let Some(class) = pending.pop() {
        if seen.contains(&class.name.as_str()) {
            continue;
        }
        seen.push(class.name.as_str());
        if let Some(found) = class.methods.iter().rfind(|method| method.name == name) {
            return Some(found);
        }
        let bases = class.bases.iter().rev();
        pending.extend(bases.filter_map(|base| module.classes.iter().find(|c| c.name == *base)));
    }
    None
}

/// Returns an error if the file shows that `Class()` fails.
fn makeable(class: &Class, module: &Module) -> Result<(), String> {
    let mut class = class;
    let mut seen = BTreeSet::new();
    loop {
        seen.insert(class.name.as_str());
        match &class.construction {
            Construction::Never(why) => {
                return Err(format!("belongs to `{}`, which {why}", class.name));
            }
            Construction::Needs(needed) if !needed.is_empty() => {
                return Err(format!(
                    "belongs to `{}`, which cannot be created without {}",
                    class.name,
                    needed
                        .iter()
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
            }
            Construction::Needs(_) => return Ok(()),
            Construction::Inherited => {}
        }
        let base = class.bases.iter().find_map(|base| {
            let mut classes = module.classes.iter();
            classes.find(|class| class.name == *base && !seen.contains(class.name.as_str()))
        });
        match base {
            // The class implements an abstract base.
            Some(base) if !matches!(base.construction, Construction::Never(_)) => class = base,
            _ => return Ok(()),
        }
    }
}

fn refused_name(failure: Failure, path: &str) -> Failure {
    let (folder, file) = match path.rsplit_once('/') {
        Some((folder, file)) => (format!("{folder}/"), file),
        None => (String::new(), path),
    };
    failure.help(format!(
        "rename it to `{folder}{}`, and run this again",
        importable_name(file)
    ))
}

fn refused(words: &str, flag: &str, why: &str, place: &str) -> Failure {
    let failure =
        Failure::usage(format!("`{flag} {words}` {why}")).note(format!("defined in {place}"));
    if why.contains("cannot be created without") {
        return failure.help(
            "give the arguments defaults, or write a function that creates the object and calls it",
        );
    }
    if why.contains("a request provides") {
        return failure.help("write a function that takes the payload or the prompt, and calls this one with what it needs");
    }
    if why.contains("a request does not provide") || why.contains("takes no argument") {
        return failure.help("write a function that takes the payload, or `payload` and `context`");
    }
    failure
}

fn list(failure: Failure, candidates: &[Handler]) -> Failure {
    candidates.iter().fold(failure, |failure, handler| {
        let flag = if handler.kind.streams() {
            Use::Streaming
        } else {
            Use::Whole
        }
        .flag();
        failure.note(format!("{flag} '{}'   ({})", handler.words, handler.place))
    })
}
