use super::{
    parse::{Kind, parse},
    signature::{Passing, passing},
    *,
};
use crate::{error::Exit, names::AgentName};

fn sources(files: &[(&str, &str)]) -> Sources {
    let files = files.iter().map(|(path, text)| PythonFile {
        path: (*path).to_owned(),
        shown: std::path::Path::new("src").join(path),
        text: (*text).to_owned(),
    });
    let agent = AgentName::parse("my_agent").unwrap();
    let (sources, warnings) = Sources::read(&agent, "my_agent", true, files.collect());
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
            failure.messages[0].what.contains("names no function"),
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
    let (sources, warnings) = Sources::read(&agent, "a", true, vec![file]);
    let place = warnings[0].at.as_ref().unwrap();
    assert!(text[..place.span.start].lines().count() >= 3, "{place:?}");
    assert_eq!(sources.candidates()[0].words, "a.m:good");
}

#[test]
fn an_app_of_its_own_runs_alone_only_where_it_needs_no_package() {
    let app = "from bedrock_agentcore import BedrockAgentCoreApp\napp = BedrockAgentCoreApp()\n";
    for (more, alone) in [
        ("app.run()\n", true),
        ("if __name__ == '__main__':\n    app.run()\n", true),
        ("", false),
        ("from .tools import x\napp.run()\n", false),
        ("import my_agent.tools\napp.run()\n", false),
    ] {
        let own = sources(&[("main.py", &format!("{app}{more}"))]).own_entries();
        assert_eq!(own[0].runs_alone, alone, "{more}");
        assert_eq!(own[0].app, "app");
    }
}

#[test]
fn an_app_of_another_framework_needs_both_routes_and_a_server() {
    let routes = "@app.post('/invocations')\ndef a(r): ...\n@app.get('/ping')\ndef b(): ...\n";
    for (text, found) in [
        (format!("{routes}uvicorn.run(app, port=8080)\n"), true),
        (format!("{routes}app.run(port=8080)\n"), true),
        (routes.to_owned(), false),
        (
            format!("from .x import y\n{routes}uvicorn.run(app)\n"),
            false,
        ),
        (
            routes.replace("/ping", "/health") + "uvicorn.run(app)\n",
            false,
        ),
    ] {
        let sources = sources(&[("main.py", &text)]);
        assert_eq!(sources.own_entries().len(), usize::from(found), "{text}");
        assert_eq!(sources.candidates(), []);
    }
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
fn neighbours_are_told_from_pythons_own_modules() {
    for (imports, neighbours) in [
        ("import tools", true),
        ("from tools import x", true),
        ("from .tools import x", false),
        ("from my_agent.tools import x", false),
        ("import logging", false),
    ] {
        let files = [("main.py", imports), ("tools.py", ""), ("logging.py", "")];
        assert_eq!(
            sources(&files).imports_its_neighbours(),
            neighbours,
            "{imports}"
        );
    }
}

#[test]
fn sources_that_would_not_find_themselves_are_refused() {
    let agent = AgentName::parse("other").unwrap();
    let file = |path: &str, text: &str| PythonFile {
        path: path.into(),
        shown: path.into(),
        text: text.into(),
    };
    let itself = file("main.py", "import json\nfrom pkg.tools import x\n");
    let (renamed, _) = Sources::read(&agent, "pkg", false, vec![itself.clone()]);
    let failure = renamed.check_own_imports().unwrap_err();
    assert_eq!(failure.messages[0].notes, ["imported in main.py:2"]);
    let (project, _) = Sources::read(
        &agent,
        "x",
        false,
        vec![itself, file("src/pkg/tools.py", "")],
    );
    assert!(project.check_own_imports().unwrap_err().messages[0].help[0].contains("src/pkg"));
    let (inner, _) = Sources::read(
        &agent,
        "x",
        false,
        vec![file("main.py", "import other.a"), file("other/a.py", "")],
    );
    assert!(inner.check_own_imports().is_err());
}

#[test]
fn requirements_keep_their_lines_and_get_the_sdk_once() {
    let taken = from_requirements(
        "# mine\nboto3>=1\n-r base.txt\n-e .\n./wheel.whl\n--index-url https://x\n",
    );
    assert_eq!(
        taken.text,
        "# mine\nboto3>=1\n--index-url https://x\nbedrock-agentcore>=1.25,<2\n"
    );
    assert_eq!(taken.left_out[0], (3, "-r base.txt".to_owned()));
    assert_eq!(taken.left_out.len(), 3);
    assert_eq!(
        from_requirements("Bedrock_AgentCore==1.26").text,
        "Bedrock_AgentCore==1.26\n"
    );
    assert!(
        from_requirements("bedrock-agentcore-starter-toolkit\n")
            .text
            .ends_with("<2\n")
    );
    let project = from_pyproject("[project]\ndependencies = [\"boto3\"]\n").unwrap();
    assert_eq!(project.text, "boto3\nbedrock-agentcore>=1.25,<2\n");
    assert_eq!(from_pyproject("[build-system]\n").unwrap(), only_the_sdk());
    assert!(from_pyproject("[project]\ndynamic = [\"dependencies\"]\n").is_err());
    assert!(from_pyproject("[tool.poetry.dependencies]\nboto3 = \"1\"\n").is_err());
    assert!(from_pyproject("[project\n").is_err());
}

#[test]
fn names_that_the_entry_point_uses_itself_are_imported_under_another() {
    let sources = sources(&[("main.py", "def invoke(x): ...\n")]);
    let entry = Entry::Handlers {
        whole: Some(sources.find("main:invoke", Use::Whole).unwrap()),
        streaming: None,
    };
    let files = entry_points(&entry, &sources).unwrap();
    let text = String::from_utf8(files[std::path::Path::new("invoke.py")].clone()).unwrap();
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
fn what_an_older_gitignore_must_have_is_in_a_new_one() {
    let agent = AgentName::parse("my_agent").unwrap();
    let whole = gitignore("deployment_b", &agent).unwrap();
    for line in ignored("deployment_b", &agent) {
        assert!(whole.lines().any(|found| found == line), "{line}");
    }
}

/// Strict mode lets `{{#if typo}}` pass as false, so the words are checked here.
#[test]
fn the_templates_use_only_words_that_they_are_given() {
    let values = entry::words();
    let mut seen = 0;
    for name in [
        "invoke.py",
        "invoke_async.py",
        "serve.py",
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
