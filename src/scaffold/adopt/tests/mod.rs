use std::{collections::BTreeSet, path::Path};

use super::{
    module::{
        Kind, parse,
        signature::{Passing, passing},
    },
    *,
};
use crate::{error::Exit, names::AgentName};

mod serving;

fn sources(files: &[(&str, &str)]) -> Sources {
    sources_in("my_agent", files)
}

fn sources_in(folder: &str, all: &[(&str, &str)]) -> Sources {
    let listing = all.iter().map(|(path, _)| (*path).to_owned()).collect();
    let python = all
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|e| e == "py"));
    let files = python.map(|(path, text)| PythonFile {
        path: (*path).to_owned(),
        shown: Path::new("src").join(path),
        text: (*text).to_owned(),
    });
    let agent = AgentName::parse("my_agent").unwrap();
    let below = Some(folder.to_owned());
    let (sources, warnings) = Sources::read(&agent, folder, below, listing, files.collect());
    assert!(warnings.is_empty(), "{warnings:?}");
    sources
}

fn words(files: &[(&str, &str)]) -> Vec<String> {
    let candidates = sources(files).candidates();
    candidates.into_iter().map(|found| found.words).collect()
}

#[test]
fn functions_are_known_by_how_they_answer_and_what_they_take() {
    for (text, kind, taken) in [
        ("def f(x): return x", Kind::Plain, Some(Passing::Prompt)),
        (
            "async def f(x: str): return x",
            Kind::Coroutine,
            Some(Passing::Prompt),
        ),
        (
            "def f(x):\n    for y in x:\n        yield y",
            Kind::Generator,
            Some(Passing::Prompt),
        ),
        (
            "async def f(x):\n    yield x",
            Kind::AsyncGenerator,
            Some(Passing::Prompt),
        ),
        (
            "def f(x) -> AsyncIterator[str]: return g(x)",
            Kind::AsyncGenerator,
            Some(Passing::Prompt),
        ),
        (
            "def f(x) -> typing.Iterator[str]: return g(x)",
            Kind::Generator,
            Some(Passing::Prompt),
        ),
        (
            "def f(x):\n    def g():\n        yield 1\n    return g",
            Kind::Plain,
            Some(Passing::Prompt),
        ),
        ("def f(payload): ...", Kind::Plain, Some(Passing::Payload)),
        (
            "def f(x: dict[str, Any]): ...",
            Kind::Plain,
            Some(Passing::Payload),
        ),
        (
            "def f(payload, context): ...",
            Kind::Plain,
            Some(Passing::PayloadAndContext),
        ),
        (
            "def f(x, context=None): ...",
            Kind::Plain,
            Some(Passing::PayloadAndContext),
        ),
        (
            "def f(x, limit=3, *rest, **more): ...",
            Kind::Plain,
            Some(Passing::Prompt),
        ),
        ("def f(*rest): ...", Kind::Plain, Some(Passing::Prompt)),
        ("def f(): ...", Kind::Plain, None),
        ("def f(x, region): ...", Kind::Plain, None),
        ("def f(x, *, region): ...", Kind::Plain, None),
        ("def f(**more): ...", Kind::Plain, None),
    ] {
        let module = parse(text);
        let [function] = &module.functions[..] else {
            panic!("one function in {text}")
        };
        assert_eq!(function.kind, kind, "{text}");
        assert_eq!(passing(function).ok(), taken, "{text}");
    }
}

#[test]
fn only_what_is_public_and_can_be_called_is_a_candidate() {
    let text = r"
@app.entrypoint
def entry(payload): ...
@tool
def a_tool(x): ...
def _private(x): ...
def test_it(x): ...
def main(): ...
@cache
def answer(x): ...
class Made:
    def __init__(self, region='us-west-2'): ...
    def ask(self, x): ...
    @staticmethod
    def still(x): ...
    @classmethod
    def of(cls, x): ...
    @property
    def name(self): ...
class Needs:
    def __init__(self, region): ...
    def ask(self, x): ...
    @staticmethod
    def still(x): ...
@dataclass
class Data:
    region: str
    def ask(self, x): ...
@dataclass
class Defaults:
    region: str = 'x'
    shared: ClassVar[int]
    def ask(self, x): ...
class Child(Needs):
    def say(self, x): ...
class Abstract(ABC):
    @abstractmethod
    def ask(self, x): ...
class _Hidden:
    def ask(self, x): ...
";
    assert_eq!(
        words(&[
            ("main.py", text),
            ("tests/test_x.py", "def f(x): ..."),
            ("_x.py", "def f(x): ...")
        ]),
        [
            "my_agent.main:answer",
            "my_agent.main:Made.ask",
            "my_agent.main:Made.still",
            "my_agent.main:Made.of",
            "my_agent.main:Needs.still",
            "my_agent.main:Defaults.ask",
        ]
    );
}

#[test]
fn a_handler_is_found_with_and_without_the_packages_name() {
    let sources = sources(&[
        ("__init__.py", "def top(x): ..."),
        (
            "sub/deep.py",
            "class A:\n    def base(self, x): ...\nclass B(A): ...\n",
        ),
    ]);
    for (given, whole) in [
        ("my_agent:top", "my_agent:top"),
        ("my_agent.sub.deep:A.base", "my_agent.sub.deep:A.base"),
        ("sub.deep:B.base", "my_agent.sub.deep:B.base"),
    ] {
        assert_eq!(sources.find(given, Use::Whole).unwrap().words, whole);
    }
    let unknown = sources
        .find("my_agent.sub.deep:A.bas", Use::Whole)
        .unwrap_err();
    assert_eq!(unknown.exit, Exit::Usage);
    assert_eq!(
        unknown.messages[0].help,
        ["did you mean `my_agent.sub.deep:A.base`?"]
    );
    assert_eq!(unknown.messages[0].notes.len(), 2);
    let streams = sources.find("my_agent:top", Use::Streaming).unwrap_err();
    assert_eq!(
        streams.messages[0].help,
        ["give it with `--handler 'my_agent:top'`"]
    );
    for malformed in ["my_agent", "my_agent:", "a b:c", "a:b.c.d", ":f"] {
        let failure = sources.find(malformed, Use::Whole).unwrap_err();
        assert!(
            failure.messages[0]
                .what
                .contains("does not name a function"),
            "{malformed}"
        );
    }
}

#[test]
fn a_syntax_error_is_a_warning_with_its_place_and_the_rest_is_read() {
    let agent = AgentName::parse("a").unwrap();
    let text = "def good(x): return x\n\ndef bad(:\n";
    let file = PythonFile {
        path: "m.py".into(),
        shown: "src/m.py".into(),
        text: text.into(),
    };
    let (sources, warnings) = Sources::read(&agent, "a", None, BTreeSet::new(), vec![file]);
    let place = warnings[0].at.as_ref().unwrap();
    assert!(text[..place.span.start].lines().count() >= 3, "{place:?}");
    assert_eq!(sources.candidates()[0].words, "a.m:good");
}

#[test]
fn an_argument_that_no_request_brings_is_no_handlers() {
    for (argument, taken) in [
        ("x: int", None),
        ("x: list[str]", None),
        ("x: Question", None),
        ("x: \"Question\"", None),
        ("x: models.Question", None),
        ("x: Asked", Some(Passing::Payload)),
        ("x: str | None", Some(Passing::Prompt)),
        ("x: Elsewhere", Some(Passing::Prompt)),
    ] {
        let main = format!("def f({argument}): ...\n");
        let models = "class Question(BaseModel): ...\nclass Asked(TypedDict): ...\n";
        let sources = sources(&[("main.py", &main), ("models.py", models)]);
        let found = sources.find("main:f", Use::Whole);
        assert_eq!(found.ok().map(|f| f.passing), taken, "{argument}");
    }
}

#[test]
fn requirements_keep_their_lines_and_get_what_the_entry_point_needs_once() {
    let sdk = BTreeSet::from(["bedrock-agentcore"]);
    let taken = from_requirements(
        "# mine\nboto3>=1\n-r base.txt\n-e .\n./wheel.whl\n--index-url https://x\n",
    );
    let text = "# mine\nboto3>=1\n--index-url https://x\n";
    assert_eq!(taken.with(&BTreeSet::new()), text);
    assert_eq!(
        taken.with(&sdk),
        format!("{text}bedrock-agentcore>=1.25,<2\n")
    );
    assert_eq!(taken.left_out[0], (3, "-r base.txt".to_owned()));
    assert_eq!(taken.left_out.len(), 3);
    let named = from_requirements("Bedrock_AgentCore==1.26");
    assert_eq!(named.with(&sdk), "Bedrock_AgentCore==1.26\n");
    let toolkit = from_requirements("boto3\nbedrock_agentcore_starter_toolkit\n");
    assert!(toolkit.with(&sdk).ends_with("<2\n"));
    assert_eq!(toolkit.toolkit, Some(2));
    let project =
        "[project]\ndependencies = [\n  \"boto3\",\n  \"bedrock-agentcore-starter-toolkit\",\n]\n";
    let project = from_pyproject(project).unwrap();
    assert_eq!(project.text, "boto3\nbedrock-agentcore-starter-toolkit\n");
    assert_eq!(project.toolkit, Some(4));
    assert_eq!(from_pyproject("[build-system]\n").unwrap().text, "");
    assert!(from_pyproject("[project]\ndynamic = [\"dependencies\"]\n").is_err());
    assert!(from_pyproject("[tool.poetry.dependencies]\nboto3 = \"1\"\n").is_err());
    assert!(from_pyproject("[project\n").is_err());
    let uvicorn = BTreeSet::from(["uvicorn"]);
    for (text, lacking) in [
        ("fastapi\n", true),
        ("mcp>=1\n", false),
        ("uvicorn\n", false),
    ] {
        let found = !from_requirements(text).lacking(&uvicorn).is_empty();
        assert_eq!(found, lacking, "{text}");
    }
}

#[test]
fn names_that_the_entry_point_uses_itself_are_imported_under_another() {
    let sources = sources(&[("main.py", "def invoke(x): ...\n")]);
    let entry = Entry::Handlers {
        whole: Some(sources.find("main:invoke", Use::Whole).unwrap()),
        streaming: None,
    };
    let files = entry_points(&sources.placed(entry), &sources).unwrap();
    let text = String::from_utf8(files[Path::new("invoke.py")].clone()).unwrap();
    assert!(
        text.contains("from my_agent.main import invoke as handler\n"),
        "{text}"
    );
    assert!(
        text.contains("return handler(prompt_of(payload))"),
        "{text}"
    );
}

#[test]
fn a_new_gitignore_says_each_line_once() {
    let lines = [
        "/target/",
        ".env",
        "/deployment_b/pack/",
        "/deployment_b/.cargo-agentcore",
    ];
    let whole = gitignore(&lines.map(str::to_owned)).unwrap();
    for line in lines {
        assert_eq!(
            whole.lines().filter(|found| *found == line).count(),
            1,
            "{line}"
        );
    }
    assert!(!gitignore(&[]).unwrap().contains("prepare"));
}

/// Strict mode lets `{{#if typo}}` pass as false, so this test checks the variables.
#[test]
fn the_templates_use_only_words_that_they_are_given() {
    let values = entry::words();
    let mut seen = 0;
    for name in [
        "invoke.py",
        "invoke_async.py",
        "serve.py",
        "asgi.py",
        "flask.py",
        "mcp.py",
        "run.py",
        "call.py",
        "README.md",
        "prompt.partial",
        "serve.partial",
        "Cargo.toml",
        "_gitignore",
    ] {
        let text = crate::scaffold::embedded(&format!("_init/{name}.hbs")).unwrap();
        for part in text.split("{{").skip(1) {
            let word = part
                .split("}}")
                .next()
                .unwrap()
                .trim_start_matches(['#', '/']);
            let word = word
                .trim_start_matches("if")
                .trim_start_matches("unless")
                .trim();
            let known = word.is_empty() || word == "else" || word.starts_with('>');
            assert!(known || values.get(word).is_some(), "{word} in {name}");
            seen += 1;
        }
    }
    assert!(seen > 20);
}

#[test]
fn code_that_is_nested_without_end_is_read() {
    let depth = 100_000;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    for expression in [
        deep("(", ")"),
        deep("[", "]"),
        deep("{1: ", "}"),
        deep("not ", ""),
        deep("-", ""),
        deep("lambda: ", ""),
        deep("f(", ")"),
        deep("1 + ", ""),
        deep("1 if 1 else ", ""),
        deep("(", ""),
        format!("x{}", ".x".repeat(depth)),
        format!("f{}", "()".repeat(depth)),
    ] {
        let text =
            format!("import os\n\ndef handler(payload):\n    x = {expression}\n    return x\n");
        let module = parse(&text);
        assert_eq!(module.imports.len(), 1, "{expression:.20}");
    }
    let indented = (0..500).map(|at| format!("{}if 1:\n", " ".repeat(at)));
    let indented = indented.collect::<Vec<_>>().concat();
    let text = format!("import os\n{indented}{}import sys\n", " ".repeat(500));
    assert_eq!(parse(&text).imports.len(), 2);
    let classes = (1..1_000).map(|at| format!("class C{at}(C{}):\n    pass\n", at - 1));
    let classes = classes.collect::<Vec<_>>().concat();
    let text = format!(
        "class C0:\n    pass\n{classes}class Last(C999):\n    def run(self, payload): ...\n"
    );
    assert_eq!(words(&[("agent.py", &text)]), ["my_agent.agent:Last.run"]);
}
