//! Kills a deploy at each of its writes, and on request at each of its requests, with dependencies
//! uploaded in parts and copied inside the bucket. The next run must reach the same state as an undisturbed one, without duplicates or
//! leftovers.

use serde_json::Value;
use tempfile::TempDir;

use super::project;
use crate::support::{
    Cli, Counted, Emulator, Ministack, Moment, Project, Proxy,
    emulator::listing_of,
    wheels::{require_heavy, with_uv},
};

/// An emulator, and a cache so that dependencies are installed only once.
struct Stage {
    emulator: Emulator,
    cache: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self {
            emulator: Ministack::start(),
            cache: TempDir::new().unwrap(),
        }
    }

    /// Creates a project whose agent has never been deployed, in an empty account.
    fn fresh(&self) -> Project {
        self.emulator.reset();
        let project = project();
        require_heavy(&project);
        project
    }

    /// Creates a project whose agent was deployed and then changed.
    fn changed(&self) -> Project {
        let project = self.fresh();
        self.deploys(&project, "Created");
        project.write("one/more.py", "MORE = 1\n");
        project
    }

    fn deploy(&self, project: &Project) -> Cli {
        with_uv(Cli::new(project))
            .env("CARGO_AGENTCORE_CACHE_DIR", self.cache.path())
            .arg("deploy")
    }

    fn deploys(&self, project: &Project, word: &str) {
        let outcome = self.deploy(project).on(&self.emulator).run().succeeds();
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }

    /// Returns everything in the account, with the runtime replaced by its name, and the unfinished
    /// uploads. Those contain no object, and the bucket's lifecycle rule deletes them.
    fn account(&self) -> (Value, Vec<Value>) {
        let mut listing = listing_of(&self.emulator, &["us-east-1"]);
        let mut unfinished = Vec::new();
        for (_, bucket) in listing["buckets"].as_object_mut().unwrap() {
            unfinished.extend(bucket["uploads"].take().as_array().unwrap().clone());
        }
        let runtimes = &mut listing["regions"]["us-east-1"]["runtimes"];
        let found: Vec<Value> = runtimes.as_object().unwrap().values().cloned().collect();
        *runtimes = Value::Array(found);
        (listing, unfinished)
    }
}

/// Returns the number of requests that write an archive to the bucket, and of those that copy
/// inside it.
fn sent(proxy: &Proxy) -> (usize, usize) {
    let requests = proxy.requests();
    let puts = requests.iter().filter(|request| {
        let action = request.calls.first().map(|call| call.action.as_str());
        action == Some("s3:PutObject")
    });
    let copies = puts.clone().filter(|request| request.calls.len() > 1);
    (puts.count(), copies.count())
}

/// Checks that every kill leads to the same account as an undisturbed run.
fn converges(start: impl Fn(&Stage) -> Project, counted: Counted, moment: Moment, puts: usize) {
    let stage = Stage::new();
    let project = start(&stage);
    let proxy = Proxy::to(&stage.emulator);
    stage.deploy(&project).at(&proxy.url()).run().succeeds();
    let (undisturbed, unfinished) = stage.account();
    assert_eq!(unfinished, Vec::<Value>::new());
    assert_eq!(sent(&proxy), (puts, 1));
    for n in 1.. {
        let project = start(&stage);
        let deploy = stage.deploy(&project);
        let killed = Proxy::to(&stage.emulator).kill_at(deploy, n, counted, moment);
        stage.deploy(&project).on(&stage.emulator).run().succeeds();
        stage.deploys(&project, "Unchanged");
        let (account, unfinished) = stage.account();
        assert_eq!(account, undisturbed, "{moment:?} {n}");
        assert!(unfinished.len() <= 1, "{moment:?} {n}: {unfinished:?}");
        if killed.is_err() {
            assert_eq!(n, proxy.count_of(counted) + 1, "the run was killed at each");
            break;
        }
    }
}

/// The dependencies in two parts, then the archive: their copy and the rest.
const FIRST: usize = 4 + 4;

const UPDATE: usize = 4;

#[test]
fn a_first_deploy_killed_before_any_write_converges_at_the_next_run() {
    converges(Stage::fresh, Counted::Writes, Moment::Before, FIRST);
}

#[test]
#[ignore = "takes a minute"]
fn a_first_deploy_killed_before_any_request_converges_at_the_next_run() {
    converges(Stage::fresh, Counted::All, Moment::Before, FIRST);
}

#[test]
fn a_first_deploy_killed_after_any_write_converges_at_the_next_run() {
    converges(Stage::fresh, Counted::Writes, Moment::After, FIRST);
}

#[test]
#[ignore = "takes a minute"]
fn a_first_deploy_killed_after_any_request_converges_at_the_next_run() {
    converges(Stage::fresh, Counted::All, Moment::After, FIRST);
}

#[test]
fn an_update_killed_before_any_write_converges_at_the_next_run() {
    converges(Stage::changed, Counted::Writes, Moment::Before, UPDATE);
}

#[test]
#[ignore = "takes a minute"]
fn an_update_killed_before_any_request_converges_at_the_next_run() {
    converges(Stage::changed, Counted::All, Moment::Before, UPDATE);
}

#[test]
fn an_update_killed_after_any_write_converges_at_the_next_run() {
    converges(Stage::changed, Counted::Writes, Moment::After, UPDATE);
}

#[test]
#[ignore = "takes a minute"]
fn an_update_killed_after_any_request_converges_at_the_next_run() {
    converges(Stage::changed, Counted::All, Moment::After, UPDATE);
}
