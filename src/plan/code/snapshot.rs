//! What the sessions of a snapshot share.
//!
//! Runtime V2 starts the agent once, and starts every session from a snapshot of it. Everything
//! that the code created before that is the same in every session.

use std::path::PathBuf;

use super::{At, Code, warnings::snippet};
use crate::{
    error::Message,
    python::{Call, Uses},
};

/// A kind of value that should not be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shared {
    Id,
    Random,
    /// The state of a random generator.
    Generator,
    Time,
    Connection,
    Credentials,
    TemporaryFile,
    /// The name of the machine or of the process.
    Machine,
}

impl Shared {
    /// Describes what the agent does, for a sentence about it.
    fn what(self) -> &'static str {
        match self {
            Self::Id => "creates an ID before the first request",
            Self::Random => "draws a random value before the first request",
            Self::Generator => "uses a random generator that is seeded before the first request",
            Self::Time => "takes the time before the first request",
            Self::Connection => "opens a connection before the first request",
            Self::Credentials => "gets credentials before the first request",
            Self::TemporaryFile => "names a temporary file before the first request",
            Self::Machine => "identifies the machine or process before the first request",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Id => {
                "Runtime V2 starts every session from one snapshot, so all sessions have the same ID"
            }
            Self::Random => {
                "Runtime V2 starts every session from one snapshot, so all sessions have the same value"
            }
            Self::Generator => {
                "Runtime V2 starts every session from one snapshot, so all sessions draw the same values"
            }
            Self::Time => {
                "Runtime V2 starts every session from one snapshot, which may be days old"
            }
            Self::Connection => {
                "Runtime V2 starts every session from one snapshot, in which the connection is no longer open"
            }
            Self::Credentials => {
                "Runtime V2 starts every session from one snapshot, in which the credentials expire"
            }
            Self::TemporaryFile => {
                "Runtime V2 starts every session from one snapshot, so all sessions have the same name"
            }
            Self::Machine => {
                "Runtime V2 starts every session from one snapshot, so all sessions have the same answer"
            }
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Generator => {
                "use `secrets` or `random.SystemRandom()`, or make the generator in the function that answers a request"
            }
            Self::Id
            | Self::Random
            | Self::Time
            | Self::Connection
            | Self::Credentials
            | Self::TemporaryFile
            | Self::Machine => "do it in the function that answers a request",
        }
    }
}

/// Returns a message for each place where the code creates something that all sessions would share.
/// `whose` describes the code at the start of a sentence.
pub(crate) fn shared(
    whose: &str,
    code: &Code<'_>,
    origin: &dyn Fn(&str) -> PathBuf,
) -> Vec<Message> {
    found(code)
        .into_iter()
        .map(|at| {
            Message::new(format!("{whose} {}", at.it.what()))
                .at(snippet(code, &at, origin))
                .note(at.it.note())
                .help(at.it.help())
        })
        .collect()
}

fn found(code: &Code<'_>) -> Vec<At<Shared>> {
    let mut found: Vec<At<Shared>> = Vec::new();
    let is_seeded = code.uses().any(|(_, uses)| seeds_later(uses));
    for (file, uses) in code.uses() {
        let is_entry = file == code.entrypoint;
        let is_at_start = code.at_start.contains(file);
        let calls = uses.calls.iter();
        for call in calls.filter(|call| is_entry || !call.as_script) {
            let shared = if is_at_start && call.at_load {
                at_start(call)
            } else {
                later(call).filter(|_| !is_seeded)
            };
            let Some(shared) = shared else { continue };
            // A generator may be used in many places; one message is enough.
            if shared == Shared::Generator && found.iter().any(|other| other.it == shared) {
                continue;
            }
            let at = At {
                it: shared,
                file: file.to_owned(),
                span: call.span.clone(),
            };
            if !found.contains(&at) {
                found.push(at);
            }
        }
    }
    found
}

/// Returns whether a request reseeds the shared generator.
fn seeds_later(uses: &Uses) -> bool {
    uses.calls.iter().any(|call| {
        let is_seed = ["random.seed", "numpy.random.seed"].contains(&call.callee.as_str());
        is_seed && !call.at_load && call.arguments.is_empty()
    })
}

/// Returns what a call creates if it runs before the snapshot.
fn at_start(call: &Call) -> Option<Shared> {
    let callee = call.callee.as_str();
    let listed = |list: &[&str]| list.contains(&callee);
    if listed(&CONNECTIONS) || connects(call) {
        return Some(Shared::Connection);
    }
    if listed(&GENERATORS) || callee.ends_with("random.seed") {
        return Some(Shared::Generator);
    }
    let kept = if is_generators(callee) || listed(&RANDOM) {
        Shared::Random
    } else if listed(&IDS) {
        Shared::Id
    } else if listed(&TIMES) {
        Shared::Time
    } else if listed(&TEMPORARY_FILES) {
        Shared::TemporaryFile
    } else if listed(&MACHINES) {
        Shared::Machine
    } else if callee.ends_with(".get_frozen_credentials")
        || (callee.starts_with("boto3.") && callee.contains("\"sts\").assume_role"))
    {
        Shared::Credentials
    } else {
        return None;
    };
    call.is_kept.then_some(kept)
}

/// Returns what a call during a request takes from the snapshot.
fn later(call: &Call) -> Option<Shared> {
    is_generators(&call.callee).then_some(Shared::Generator)
}

/// Returns whether the call uses Python's or NumPy's global generator, which is seeded on import.
fn is_generators(callee: &str) -> bool {
    const OTHERS: [&str; 9] = [
        "Generator",
        "PCG64",
        "Random",
        "RandomState",
        "SeedSequence",
        "SystemRandom",
        "default_rng",
        "getstate",
        "seed",
    ];
    let name = callee
        .strip_prefix("numpy.random.")
        .or_else(|| callee.strip_prefix("random."));
    name.is_some_and(|name| !OTHERS.contains(&name) && !name.contains(['.', '(']))
}

/// Classes that connect on creation if they get an address.
fn connects(call: &Call) -> bool {
    const WITH_A_HOST: [&str; 5] = [
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "imaplib.IMAP4_SSL",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
    ];
    let callee = call.callee.as_str();
    let connects_later = ["sqlalchemy.create_engine(", "socket.socket("];
    (WITH_A_HOST.contains(&callee) && !call.arguments.is_empty())
        || (connects_later.iter().any(|start| callee.starts_with(start))
            && callee.ends_with(").connect"))
}

const IDS: [&str; 13] = [
    "cuid.cuid",
    "ksuid.Ksuid",
    "nanoid.generate",
    "secrets.token_bytes",
    "secrets.token_hex",
    "secrets.token_urlsafe",
    "shortuuid.uuid",
    "ulid.ULID",
    "ulid.new",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid6",
    "uuid.uuid7",
];

const RANDOM: [&str; 5] = [
    "os.getrandom",
    "os.urandom",
    "secrets.choice",
    "secrets.randbelow",
    "secrets.randbits",
];

const GENERATORS: [&str; 3] = [
    "numpy.random.RandomState",
    "numpy.random.default_rng",
    "random.Random",
];

const TIMES: [&str; 10] = [
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.time",
    "time.time_ns",
];

const TEMPORARY_FILES: [&str; 5] = [
    "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryDirectory",
    "tempfile.mkdtemp",
    "tempfile.mkstemp",
    "tempfile.mktemp",
];

const MACHINES: [&str; 5] = [
    "os.getpid",
    "platform.node",
    "socket.getfqdn",
    "socket.gethostname",
    "uuid.getnode",
];

/// Calls that connect at once. Clients of boto3, httpx, requests and redis connect with their first
/// request.
const CONNECTIONS: [&str; 18] = [
    "MySQLdb.connect",
    "kafka.KafkaConsumer",
    "kafka.KafkaProducer",
    "mysql.connector.connect",
    "oracledb.connect",
    "pika.BlockingConnection",
    "psycopg.connect",
    "psycopg2.connect",
    "psycopg2.pool.SimpleConnectionPool",
    "psycopg2.pool.ThreadedConnectionPool",
    "psycopg_pool.ConnectionPool",
    "pymongo.MongoClient",
    "pymssql.connect",
    "pymysql.connect",
    "pyodbc.connect",
    "snowflake.connector.connect",
    "socket.create_connection",
    "websocket.create_connection",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::{Parsed, Program};

    /// Returns the findings, with the marked text.
    fn told(files: &[(&str, &str)]) -> Vec<(String, Shared)> {
        let program: Program = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Parsed::read((*text).to_owned())))
            .collect();
        let code = Code::reached(files[0].0, &program, program.keys().map(String::as_str));
        found(&code)
            .into_iter()
            .map(|at| (program[&at.file].text[at.span].to_owned(), at.it))
            .collect()
    }

    fn told_of(text: &str) -> Option<Shared> {
        let told = told(&[("main.py", text)]);
        assert!(told.len() < 2, "{told:?}");
        told.first().map(|(_, shared)| *shared)
    }

    #[test]
    fn what_is_made_before_the_snapshot_is_found() {
        for (text, shared) in [
            ("import uuid\nID = str(uuid.uuid4())\n", Shared::Id),
            (
                "from uuid import uuid4 as new\nID = f'a-{new().hex}'\n",
                Shared::Id,
            ),
            (
                "import os, uuid\nID = os.getenv('ID') or uuid.uuid4()\n",
                Shared::Id,
            ),
            (
                "import os, uuid\nID = os.environ.get('ID', str(uuid.uuid4()))\n",
                Shared::Id,
            ),
            (
                "import uuid\ndef f(id=uuid.uuid4()):\n    return id\n",
                Shared::Id,
            ),
            (
                "import uuid\nclass A:\n    id: str = uuid.uuid4().hex\n",
                Shared::Id,
            ),
            (
                "import uuid\nids = [uuid.uuid4() for _ in range(3)]\n",
                Shared::Id,
            ),
            (
                "import uuid\nif True:\n    app.id = uuid.uuid4()\n",
                Shared::Id,
            ),
            ("import secrets\nKEY = secrets.token_hex()\n", Shared::Id),
            (
                "import uuid\nif __name__ == '__main__':\n    ID = uuid.uuid4()\n",
                Shared::Id,
            ),
            ("import random\nN = random.randint(1, 9)\n", Shared::Random),
            ("import os\nSALT = os.urandom(8)\n", Shared::Random),
            ("import random\nrandom.seed(1)\n", Shared::Generator),
            ("import random\nrng = random.Random()\n", Shared::Generator),
            (
                "import numpy as np\nrng = np.random.default_rng()\n",
                Shared::Generator,
            ),
            (
                "import random\ndef f():\n    return random.choice([1, 2])\n",
                Shared::Generator,
            ),
            (
                "from datetime import datetime, UTC\nNOW = datetime.now(UTC)\n",
                Shared::Time,
            ),
            ("import time\nstarted = int(time.time())\n", Shared::Time),
            ("import psycopg\npsycopg.connect('x')\n", Shared::Connection),
            (
                "import sqlalchemy as sa\nengine = sa.create_engine('x')\nc = engine.connect()\n",
                Shared::Connection,
            ),
            (
                "import smtplib\nmail = smtplib.SMTP('mail')\n",
                Shared::Connection,
            ),
            (
                "import boto3\nc = boto3.Session().get_credentials().get_frozen_credentials()\n",
                Shared::Credentials,
            ),
            (
                "import boto3\nsts = boto3.client('sts')\nc = sts.assume_role(RoleArn='x')['Credentials']\n",
                Shared::Credentials,
            ),
            (
                "import tempfile\nD = tempfile.mkdtemp()\n",
                Shared::TemporaryFile,
            ),
            (
                "import socket\nHOST = socket.gethostname()\n",
                Shared::Machine,
            ),
        ] {
            assert_eq!(told_of(text), Some(shared), "{text}");
        }
    }

    #[test]
    fn what_a_request_makes_is_left_alone() {
        for text in [
            "import uuid\ndef f():\n    return uuid.uuid4()\n",
            "import uuid\nf = lambda: uuid.uuid4()\n",
            "import uuid\nasync def f():\n    id = uuid.uuid4()\n",
            "import uuid\nfrom dataclasses import field\nid = field(default_factory=uuid.uuid4)\n",
            "import uuid\nNAMED = uuid.uuid5(uuid.NAMESPACE_DNS, 'a')\n",
            "import time\nprint(time.time())\n",
            "import secrets\nrng = secrets.SystemRandom()\n",
            "import random\nrng = random.SystemRandom()\ndef f():\n    return rng.random()\n",
            "import random\ndef f():\n    random.seed()\n    return random.random()\n",
            "import random\ndef f():\n    return random.Random(4).random()\n",
            "import boto3\ns3 = boto3.client('s3')\n",
            "import sqlalchemy\nengine = sqlalchemy.create_engine('x')\n",
            "import smtplib\nmail = smtplib.SMTP()\n",
            "import psycopg\ndef f():\n    return psycopg.connect('x')\n",
            "from typing import TYPE_CHECKING\nclass random:\n    pass\nx = random.random()\n",
        ] {
            assert_eq!(told_of(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_the_entry_point_loads_at_its_start_counts() {
        let id = "import uuid\nID = uuid.uuid4()\n";
        let script = "import uuid\nif __name__ == '__main__':\n    ID = uuid.uuid4()\n";
        let found = told(&[
            (
                "main.py",
                "import first\ndef f():\n    import later\nif __name__ == '__main__':\n    import run\n",
            ),
            ("first.py", id),
            ("later.py", id),
            ("run.py", "import script\n"),
            ("script.py", script),
            ("unused.py", id),
        ]);
        assert_eq!(found, [("uuid.uuid4".to_owned(), Shared::Id)]);
    }
}
