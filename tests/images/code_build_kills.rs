//! Deploys and cleans with CodeBuild that are killed after a write.

use serde_json::{Value, json};

use super::{
    code_build::{project, run},
    support::{
        Cli, Emulator, Ministack, Outcome, Project, Proxy, boto3,
        code_build::{CodeBuild, Fate},
        emulator::listing_of,
    },
};

/// A project in front of an account, where CodeBuild builds.
struct Stage {
    emulator: Emulator,
    project: Project,
    builds: CodeBuild,
}

impl Stage {
    fn new() -> Self {
        let emulator = Ministack::start();
        let project = project("");
        let builds = CodeBuild::before(&emulator, project.root().join("codebuild"), &[]);
        Self {
            emulator,
            project,
            builds,
        }
    }

    fn run(&self, words: &[&str]) -> Outcome {
        run(&self.project, &self.builds, words)
    }

    /// Kills the command after a write, then after the next one, until a run has nothing more to
    /// write. That makes each kill like the only one, because the writes must be the same as
    /// without kills.
    fn killed_after_each_write(&self, words: &[&str], undisturbed: &Proxy) {
        let proxy = self.builds.proxy(&self.emulator);
        let wanted = actions(undisturbed);
        for write in &wanted {
            let killed = proxy.kill_after_new_write(Cli::new(&self.project).args(words));
            assert!(killed.is_ok(), "{write:?}: {killed:?}");
            assert_eq!(actions(&proxy).last(), Some(write));
        }
        let last = Cli::new(&self.project).args(words).at(&proxy.url());
        last.run().succeeds();
        assert_eq!(actions(&proxy), wanted);
    }

    /// Runs a command to its end.
    fn undisturbed(&self, words: &[&str]) -> Proxy {
        let proxy = self.builds.proxy(&self.emulator);
        let cli = Cli::new(&self.project).args(words);
        cli.at(&proxy.url()).run().succeeds();
        proxy
    }

    /// Creates the log group of the builds as the service does.
    fn logs(&self) {
        let group = format!("/aws/codebuild/{}", self.builds.projects()[0]);
        let create = format!("client('logs').create_log_group(logGroupName='{group}')");
        boto3(&self.emulator, &create);
    }

    /// Checks that the policy of the deployer allows what these runs asked for.
    fn is_allowed(&self, runs: &[&Proxy]) {
        let account = self.emulator.account();
        let policy = ["policy", "--only", "deployer", "--account", account];
        let printed = Cli::new(&self.project).args(policy).run().succeeds().stdout;
        for action in runs.iter().flat_map(|run| run.actions()) {
            // This needs no permission.
            let is_free = action == "sts:GetCallerIdentity";
            let is_there = printed.contains(&format!("\"{action}\""));
            assert!(is_free || is_there, "{action}: {printed}");
        }
    }

    /// Returns what is in the account: the ID of a runtime is random, and the tag of an image ends
    /// with the time of its build.
    fn account(&self) -> Value {
        let mut listing = listing_of(&self.emulator, &["us-east-1"]);
        let region = &mut listing["regions"]["us-east-1"];
        let runtimes = region["runtimes"].as_object().unwrap();
        region["runtimes"] = runtimes.values().cloned().collect();
        for (_, repository) in region["repositories"].as_object_mut().unwrap() {
            for image in repository["images"].as_array_mut().unwrap() {
                let (tag, digest) = image.as_str().unwrap().split_once('@').unwrap();
                let (kind, _) = tag.rsplit_once('-').unwrap();
                *image = json!([kind, digest]);
            }
        }
        listing["projects"] = json!(self.builds.projects());
        listing
    }
}

/// Returns the actions of the writes; the resources include the random ID of a runtime.
fn actions(proxy: &Proxy) -> Vec<String> {
    let writes = proxy.writes().into_iter();
    writes.map(|(action, _)| action).collect()
}

const DEPLOY: [&str; 1] = ["deploy"];
const CLEAN: [&str; 3] = ["clean", "--yes", "--logs"];

#[test]
fn a_deploy_with_codebuild_and_its_clean_killed_after_any_write_are_finished_by_the_next_run() {
    let stage = Stage::new();
    let before = stage.account();
    let deploying = stage.undisturbed(&DEPLOY);
    let deployed = stage.account();
    stage.logs();
    let cleaning = stage.undisturbed(&CLEAN);
    assert_eq!(stage.account(), before);
    for action in [
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "codebuild:CreateProject",
        "s3:PutObject",
        "codebuild:StartBuild",
        "s3:DeleteObjectVersion",
        "codebuild:DeleteProject",
        "logs:DeleteLogGroup",
        "iam:DeleteRole",
    ] {
        let writes = [actions(&deploying), actions(&cleaning)].concat();
        assert!(
            writes.iter().any(|write| write == action),
            "{action}: {writes:?}"
        );
    }
    stage.is_allowed(&[&deploying, &cleaning]);

    stage.killed_after_each_write(&DEPLOY, &deploying);
    assert_eq!(stage.account(), deployed);
    stage.run(&["deploy", "--check"]).succeeds();
    let status = stage.run(&["status", "--output", "json"]).succeeds().json();
    assert_eq!(status["agents"][0]["runtime"]["status"], "READY");
    assert_eq!(stage.builds.builds(), 2, "one for each deployment");
    stage.logs();
    stage.killed_after_each_write(&CLEAN, &cleaning);
    assert_eq!(stage.account(), before);

    // A build may end before the next run, which then deletes its sources.
    stage.builds.then(&[Fate::SucceedsAtOnce]);
    let deploy = Cli::new(&stage.project).args(DEPLOY);
    let proxy = stage.builds.proxy(&stage.emulator);
    let killed = proxy.kill_after(deploy, "codebuild:StartBuild");
    assert!(killed.is_ok(), "{killed:?}");
    assert_ne!(stage.account()["buckets"], deployed["buckets"]);
    stage.run(&DEPLOY).succeeds();
    assert_eq!(stage.account(), deployed);
    assert_eq!(stage.builds.builds(), 3);
    stage.run(&CLEAN).succeeds();
    assert_eq!(stage.account(), before);
}
