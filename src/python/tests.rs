//! Small agents, and what is missing in them.

use std::collections::BTreeMap;

use super::*;

/// Returns the findings, one per line: severity, file, the marked text, and details.
fn found(entry: &str, files: &[(&str, &str)], dependencies: &[&str]) -> Vec<String> {
    let (_, findings) = look(entry, files, dependencies);
    findings
}

fn look(entry: &str, files: &[(&str, &str)], dependencies: &[&str]) -> (Vec<String>, Vec<String>) {
    let texts: BTreeMap<&str, &str> = files.iter().copied().collect();
    let modules = Modules::new(texts.keys().copied(), dependencies.iter().copied());
    let program = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Parsed::read((*text).to_owned())))
        .collect();
    let reached = follow(entry, &modules, 13, &program);
    let findings = reached.findings.iter().map(|finding| {
        let near = |near: &Option<String>| match near {
            Some(near) => format!(" ({near}?)"),
            None => String::new(),
        };
        let missing = match &finding.missing {
            Missing::Module { name, near: it } => format!("{name}{}", near(it)),
            Missing::Submodule { name, near: it } => format!("module {name}{}", near(it)),
            Missing::Name {
                module,
                name,
                near: it,
            } => format!("{name} of {module}{}", near(it)),
            Missing::Package { is_entry } => format!("package, entry: {is_entry}"),
        };
        let marked = &texts[finding.file.as_str()][finding.span.clone()];
        let through = finding.through.join(" ");
        let through = if through.is_empty() {
            through
        } else {
            format!(" through {through}")
        };
        format!(
            "{:?} {} `{marked}`: {missing}{through}",
            finding.weight, finding.file
        )
    });
    let findings = findings.collect();
    (reached.at_start.into_iter().collect(), findings)
}

const NOTHING: [&str; 0] = [];

#[test]
fn what_nothing_provides_is_found_wherever_the_entry_point_leads() {
    let files = [
        ("invoke.py", "import os\nfrom my_agent import agent\n"),
        ("my_agent/__init__.py", ""),
        (
            "my_agent/agent.py",
            "import json, yaml\nfrom . import tools\nfrom .prompts import SYSTEM\n",
        ),
        (
            "my_agent/tools.py",
            "import requests.sessions\nimport cgi\n",
        ),
        ("my_agent/prompts.py", "SYSTEM = ''\nimport yaml\n"),
        ("my_agent/unused.py", "import nowhere\n"),
    ];
    assert_eq!(
        found(
            "invoke.py",
            &files,
            &["requests/__init__.py", "requests/sessions.py"]
        ),
        [
            "Stops my_agent/agent.py `yaml`: yaml through invoke.py",
            "Stops my_agent/tools.py `cgi`: cgi through invoke.py my_agent/agent.py",
        ]
    );
    let (at_start, _) = look("invoke.py", &files, &[]);
    assert_eq!(
        at_start,
        [
            "invoke.py",
            "my_agent/__init__.py",
            "my_agent/agent.py",
            "my_agent/prompts.py",
            "my_agent/tools.py"
        ]
    );
}

#[test]
fn a_misspelled_module_or_name_of_the_agents_own_is_found_with_the_one_that_is_meant() {
    let files = [
        (
            "invoke.py",
            "from my_agent.tols import search\nimport my_agent.sub.deep\nfrom my_agent.tools import serch, search\n\
             from my_agent import Tools, nothing_alike, tools\nimport my_agnt\n",
        ),
        ("my_agent/__init__.py", ""),
        ("my_agent/tools.py", "def search():\n    pass\n"),
        ("my_agent/sub/deeper.py", ""),
    ];
    assert_eq!(
        found("invoke.py", &files, &[]),
        [
            "Stops invoke.py `my_agent.tols`: module my_agent.tols (my_agent.tools?)",
            "Stops invoke.py `my_agent.sub.deep`: module my_agent.sub.deep (my_agent.sub.deeper?)",
            "Stops invoke.py `serch`: serch of my_agent.tools (search?)",
            "Stops invoke.py `Tools`: Tools of my_agent (tools?)",
            "Stops invoke.py `nothing_alike`: nothing_alike of my_agent",
            "Stops invoke.py `my_agnt`: my_agnt (my_agent?)",
        ]
    );
}

#[test]
fn relative_imports_are_resolved_from_where_they_are() {
    let files = [
        (
            "invoke.py",
            "import my_agent.tools.web\nimport beside\nfrom .my_agent import x\n",
        ),
        ("beside.py", "from . import invoke\n"),
        ("my_agent/__init__.py", "from .tools import web\n"),
        ("my_agent/models.py", "MODEL = 1\n"),
        ("my_agent/tools/__init__.py", "from ..models import MODEL\n"),
        (
            "my_agent/tools/web.py",
            "from . import gone\nfrom .. import models\nfrom ..modls import MODEL\nfrom ... import x\nfrom .fetch import x\n",
        ),
    ];
    assert_eq!(
        found("invoke.py", &files, &[]),
        [
            "Stops invoke.py `.`: package, entry: true",
            "Stops my_agent/tools/web.py `gone`: gone of my_agent.tools through invoke.py",
            "Stops my_agent/tools/web.py `modls`: module my_agent.modls (my_agent.models?) through invoke.py",
            "Stops my_agent/tools/web.py `...`: package, entry: false through invoke.py",
            "Stops my_agent/tools/web.py `fetch`: module my_agent.tools.fetch through invoke.py",
            // `beside` is loaded after it.
        ]
    );
}

#[test]
fn what_may_be_missing_is_not_asked_for() {
    let entry = "\
from __future__ import annotations
from typing import TYPE_CHECKING
import sys
try:
    import uvloop
    from my_agent.local import X
except ImportError:
    uvloop = None
if TYPE_CHECKING:
    from mypy_boto3 import Client
if sys.version_info < (3, 11):
    import tomli as tomllib
else:
    import tomllib
with suppress(ImportError):
    import orjson
for x in []:
    import nowhere
match sys.platform:
    case 'win32':
        import win32api
class A:
    try:
        import b
    except Exception:
        pass
sys.exit(0)
import never_reached
";
    let files = [("invoke.py", entry), ("my_agent/__init__.py", "")];
    assert_eq!(found("invoke.py", &files, &[]), NOTHING);
}

#[test]
fn what_fails_only_when_a_function_is_called_is_a_note() {
    let files = [
        (
            "invoke.py",
            "def answer():\n    import pandas\n    from my_agent import deep\n    try:\n        import polars\n    except ImportError:\n        pass\n",
        ),
        ("my_agent/deep.py", "import numpy\nfrom . import gone\n"),
    ];
    assert_eq!(
        found("invoke.py", &files, &[]),
        [
            "Note invoke.py `pandas`: pandas",
            "Note my_agent/deep.py `numpy`: numpy through invoke.py",
            "Note my_agent/deep.py `gone`: module my_agent.gone through invoke.py",
        ]
    );
}

#[test]
fn what_is_surely_loaded_weighs_as_much_wherever_it_is_seen_first() {
    let files = [
        (
            "invoke.py",
            "def answer():\n    import late\nimport first\nif __name__ == '__main__':\n    import served\n",
        ),
        (
            "first.py",
            "import late\nif __name__ == '__main__':\n    import only_by_hand\n",
        ),
        ("late.py", "import nowhere\n"),
    ];
    assert_eq!(
        found("invoke.py", &files, &[]),
        [
            "Stops invoke.py `served`: served",
            "Stops late.py `nowhere`: nowhere through invoke.py first.py",
        ]
    );
}

#[test]
fn whoever_changes_the_search_path_is_only_warned() {
    let entry = "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n\
                 import helper, yaml\nfrom helper import gone\n";
    let files = [
        ("invoke.py", entry),
        ("lib/helper.py", "import nested.deep\n"),
        ("lib/nested/deep.py", "import requests\n"),
    ];
    assert_eq!(
        found("invoke.py", &files, &[]),
        [
            "Warning invoke.py `yaml`: yaml",
            "Warning invoke.py `gone`: gone of helper",
            "Warning lib/nested/deep.py `requests`: requests through invoke.py lib/helper.py",
        ]
    );
}

#[test]
fn names_that_only_running_the_module_would_tell_are_left_alone() {
    let entry = "from a import x1\nfrom b import x2\nfrom c import x3\nfrom d import x4\nfrom e import x5, e1, f1, x6\n\
                 from g import x7\nfrom h import x8\nfrom p import x9, __version__\nfrom native import x0\n\
                 from k import k1, k2, k3, k4, k5, k6, k7, __name__\n";
    let files = [
        ("invoke.py", entry),
        ("a.py", "def __getattr__(name):\n    return 1\n"),
        ("b.py", "globals()['x2'] = 1\n"),
        ("c.py", "from installed import *\n"),
        ("d.py", "exec('x4 = 1')\n"),
        ("e.py", "e1 = 1\nfrom f import *\n"),
        ("f.py", "f1 = 1\nfrom p import *\n"),
        ("g.py", "def set():\n    global x7\n    x7 = 1\n"),
        ("h.py", "import later\n"),
        ("later.py", "import h\nh.x8 = 3\n"),
        ("p/__init__.py", "from . import q as x6\nx5: int = 1\n"),
        ("p/x9.py", ""),
        ("p/q.py", ""),
        ("native.so", ""),
        (
            "k.py",
            "if 1:\n    k1 = 1\nfor k2, (k3, *k4) in []:\n    pass\nwith open('x') as k5:\n    pass\n\
             print(k6 := 1)\ntry:\n    pass\nexcept Exception as k7:\n    pass\n",
        ),
    ];
    assert_eq!(
        found("invoke.py", &files, &["installed.py"]),
        ["Stops invoke.py `__version__`: __version__ of p"]
    );
}

#[test]
fn dependencies_are_taken_as_they_are_installed() {
    let entry = "import strands.models\nfrom strands.modelz import Bedrock\nfrom strands import anything\n\
                 from google import genai\nfrom google import genia\nimport google.cloud.storage\nimport six.moves.urllib\n\
                 import distutils\nimport attr, native\nimport Strands\ndef later():\n    import strands.gone\n";
    let dependencies = [
        "strands/__init__.py",
        "strands/models/__init__.py",
        "google/genai/__init__.py",
        "six.py",
        "setuptools/__init__.py",
        "attr/__init__.py",
        "native.cpython-313-aarch64-linux-gnu.so",
    ];
    assert_eq!(
        found("invoke.py", &[("invoke.py", entry)], &dependencies),
        [
            "Stops invoke.py `genia`: module google.genia (google.genai?)",
            "Stops invoke.py `google.cloud`: module google.cloud",
            "Stops invoke.py `Strands`: Strands (strands?)",
            "Warning invoke.py `strands.modelz`: module strands.modelz (strands.models?)",
        ]
    );
}

#[test]
fn an_entry_point_in_a_folder_finds_its_neighbors_and_the_root() {
    let files = [
        (
            "src/main.py",
            "import beside, at_root\nfrom src.beside import x\n",
        ),
        ("src/beside.py", "x = 1\n"),
        ("at_root.py", "import main\nimport src.main\n"),
    ];
    assert_eq!(found("src/main.py", &files, &[]), NOTHING);
}

#[test]
fn an_app_that_is_named_in_a_string_is_loaded() {
    let entry = "import uvicorn\nif __name__ == '__main__':\n    uvicorn.run('my_agent.web:app', port=8080)\n";
    let files = [
        ("invoke.py", entry),
        ("my_agent/web.py", "import nowhere\napplication = 1\n"),
    ];
    assert_eq!(
        found("invoke.py", &files, &["uvicorn/__init__.py"]),
        [
            "Stops invoke.py `app`: app of my_agent.web",
            "Stops my_agent/web.py `nowhere`: nowhere through invoke.py",
        ]
    );
}

#[test]
fn a_module_that_is_run_by_its_name_is_loaded() {
    let entry = "import runpy\nif __name__ == '__main__':\n    runpy.run_module('my_agent.server', run_name='__main__')\n";
    let files = [
        ("invoke.py", entry),
        ("my_agent/__init__.py", ""),
        ("my_agent/server.py", "from .words import upper\n"),
        ("my_agent/words.py", "upper = 1\n"),
    ];
    let (at_start, findings) = look("invoke.py", &files, &[]);
    assert_eq!(findings, NOTHING);
    assert!(
        at_start.contains(&"my_agent/words.py".to_owned()),
        "{at_start:?}"
    );
}

#[test]
fn an_unreadable_file_asks_for_nothing_and_may_define_anything() {
    let files = [
        ("invoke.py", "from broken import whatever\n"),
        ("broken.py", "import nowhere\ndef (:\n"),
    ];
    let (at_start, findings) = look("invoke.py", &files, &[]);
    assert_eq!(findings, NOTHING);
    assert_eq!(at_start, ["broken.py", "invoke.py"]);
}

#[test]
fn circles_and_deep_nesting_come_to_an_end() {
    let deep = format!("x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
    let files = [
        ("invoke.py", "import a\nfrom b import two, three\n"),
        ("a.py", "from b import *\nfrom b import one\ntwo = 2\n"),
        ("b.py", "from a import *\nimport deep\none = 1\n"),
        ("deep.py", deep.as_str()),
    ];
    assert_eq!(
        found("invoke.py", &files, &[]),
        ["Stops invoke.py `three`: three of b"]
    );
}
