//! Takes away each action of the policy in turn: the run fails with exit code 4 and names the
//! action, and the next run with all permissions continues.
//!
//! There are two ways to take an action away, see [`Way`]. Both run the same [`life`], and every
//! action in the policy is taken away in at least one way.

use std::collections::{BTreeMap, BTreeSet};

use super::{WITH_TLS_ONLY, actions, agent, declare_tags, document, life::life, proxy_to};
use crate::support::{Cli, Emulator, Ministack, Moto, Outcome, Project, Proxy, boto3};

/// ID and secret.
type Key = (String, String);

/// Who denies the action.
pub(super) enum Way {
    /// ministack with `AUTH=true`: for each action, a user whose policy lacks it.
    Enforced {
        whole: Key,
        without: BTreeMap<String, Key>,
    },
    /// The proxy, which answers like AWS.
    Answered,
}

/// Actions that ministack does not check, although it enforces their services.
const NOT_ENFORCED: [(&str, &str); 2] = [
    ("iam:PassRole", "it asks for what is called only"),
    (
        "iam:CreateServiceLinkedRole",
        "it makes no role of AgentCore's own",
    ),
];

/// Returns the full name of an action of AgentCore.
pub(super) fn own(action: &str) -> String {
    format!("bedrock-agentcore:{action}")
}

/// A deployer whose policy can lack one action.
pub(super) struct Deployer<'a> {
    pub(super) project: &'a Project,
    pub(super) emulator: &'a Emulator,
    pub(super) proxy: Proxy,
    pub(super) way: Way,
    printed: BTreeSet<String>,
    taken: BTreeSet<String>,
}

impl<'a> Deployer<'a> {
    fn enforced(project: &'a Project, emulator: &'a Emulator) -> Self {
        let mut deployer = Self::answered(project, emulator);
        deployer.printed.retain(|action| is_enforced(action));
        let document = document(project, emulator.account()).to_string();
        let actions = serde_json::to_string(&deployer.printed).unwrap();
        let keys = boto3(
            emulator,
            &format!(
                r#"
iam, keys = client("iam"), {{}}
for number, action in enumerate([""] + json.loads('''{actions}''')):
    document = json.loads('''{document}''')
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [a for a in actions if a != action] or ["none:None"]
        # ministack does not know `iam:PolicyARN`; what the commands send of it is compared elsewhere.
        statement.get("Condition", {{}}).pop("ArnEquals", None)
    user = f"deployer-{{number}}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    keys[action] = [key["AccessKeyId"], key["SecretAccessKey"]]
print(json.dumps(keys))
"#
            ),
        );
        let mut without: BTreeMap<String, Key> = serde_json::from_str(&keys).unwrap();
        let whole = without.remove("").unwrap();
        deployer.way = Way::Enforced { whole, without };
        deployer
    }

    pub(super) fn answered(project: &'a Project, emulator: &'a Emulator) -> Self {
        Self {
            project,
            emulator,
            proxy: proxy_to(emulator),
            way: Way::Answered,
            printed: &actions(&document(project, emulator.account()))
                - &WITH_TLS_ONLY.map(str::to_owned).into(),
            taken: BTreeSet::new(),
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.way, Way::Answered)
    }

    /// Runs with all permissions of the policy.
    pub(super) fn run(&self, words: &[&str]) -> Outcome {
        self.run_without(None, words)
    }

    fn run_without(&self, action: Option<&str>, words: &[&str]) -> Outcome {
        let cli = Cli::new(self.project).at(&self.proxy.url()).args(words);
        match &self.way {
            Way::Enforced { whole, without } => {
                let (id, secret) = action.map_or(whole, |action| &without[action]);
                cli.env("AWS_ACCESS_KEY_ID", id)
                    .env("AWS_SECRET_ACCESS_KEY", secret)
                    .run()
            }
            Way::Answered => {
                self.proxy.take_away(action);
                let outcome = cli.run();
                self.proxy.take_away(None);
                outcome
            }
        }
    }

    /// Misses each action in turn, by name; each run continues where the previous one failed.
    pub(super) fn misses(&mut self, words: &[&str], actions: &[&str]) {
        for action in actions {
            self.misses_once(words, action);
        }
        self.run(words).succeeds();
    }

    /// Like [`Self::misses`], for actions of AgentCore, without the service's name.
    pub(super) fn misses_own(&mut self, words: &[&str], actions: &[&str]) {
        let actions: Vec<String> = actions.iter().copied().map(own).collect();
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        self.misses(words, &actions);
    }

    pub(super) fn misses_once(&mut self, words: &[&str], action: &str) {
        if self.takes(action) {
            let denied = self.run_without(Some(action), words);
            let is_denied = denied.status.code() == Some(4) && names(&denied, action);
            assert!(is_denied, "{action}: {denied:?}");
        }
    }

    /// Expects success with a warning or note, because the command does not depend on these actions.
    pub(super) fn is_warned_of(&mut self, words: &[&str], warning: &str, actions: &[&str]) {
        for action in actions {
            if self.takes(action) {
                let warned = self.run_without(Some(action), words).succeeds();
                let is_said = warned.stderr.contains(warning) && names(&warned, action);
                assert!(is_said, "{action}: {warned:?}");
            }
        }
    }

    /// Returns true if this way can take the action away, and records it.
    fn takes(&mut self, action: &str) -> bool {
        let takes = match self.way {
            Way::Enforced { .. } => is_enforced(action),
            Way::Answered => true,
        };
        if takes {
            assert!(self.printed.contains(action), "{action} is not printed");
            self.taken.insert(action.to_owned());
        }
        takes
    }

    /// Returns the actions in the policy that were not taken away.
    fn left(&self) -> Vec<&str> {
        let left = self.printed.difference(&self.taken);
        left.map(String::as_str).collect()
    }
}

fn is_enforced(action: &str) -> bool {
    ["iam:", "s3:", "ecr:", "logs:"]
        .iter()
        .any(|service| action.starts_with(service))
        && NOT_ENFORCED.iter().all(|(exempt, _)| *exempt != action)
}

/// Checks for the whole name in this tool's or the service's wording, because a name can be a
/// prefix of another.
fn names(outcome: &Outcome, action: &str) -> bool {
    [format!("`{action}`"), format!("perform: {action} ")]
        .iter()
        .any(|words| outcome.stderr.contains(words))
}

#[test]
fn ministack_enforces_the_document_and_each_of_its_actions_is_missed_by_name() {
    let emulator = Ministack::start_with(&[("AUTH", "true")]);
    let project = agent();
    let mut deployer = Deployer::enforced(&project, &emulator);
    for words in [
        &["prepare"][..],
        &["prepare", "--check"],
        &["deploy"],
        &["invoke", "{}"],
        &["status"],
        &["logs"],
        &["versions"],
        &["endpoint", "set", "prod", "--version", "1"],
        &["endpoint", "delete", "prod", "--yes"],
        &["clean", "--yes", "--logs"],
    ] {
        deployer.run(words).succeeds();
    }
    life(&mut deployer);
    assert_eq!(deployer.left(), Vec::<&str>::new());
}

#[test]
fn each_action_that_aws_denies_is_missed_by_name() {
    let (emulator, with_tags) = (Ministack::start(), Moto::start());
    let (project, tagged) = (agent(), agent());
    let mut deployer = Deployer::answered(&project, &emulator);
    life(&mut deployer);
    // Tags of runtimes, which only one emulator supports.
    let mut tagging = Deployer::answered(&tagged, &with_tags);
    tagging.run(&["deploy"]).succeeds();
    declare_tags(&tagged, "{ team = \"x\" }");
    tagging.misses(&["deploy"], &["bedrock-agentcore:TagResource"]);
    declare_tags(&tagged, "{}");
    tagging.misses(&["deploy"], &["bedrock-agentcore:UntagResource"]);
    deployer.taken.append(&mut tagging.taken);
    assert_eq!(deployer.left(), Vec::<&str>::new());
}

/// A command that changes nothing can run once for each action that it calls.
#[test]
fn commands_that_only_read_name_whatever_they_miss() {
    let emulator = Ministack::start();
    let project = agent();
    let deployer = Deployer::answered(&project, &emulator);
    deployer.run(&["deploy"]).succeeds();
    project.write("one/more.py", "MORE = 1\n");
    deployer.run(&["deploy"]).succeeds();
    deployer
        .run(&["endpoint", "set", "prod", "--version", "2"])
        .succeeds();
    project.write("one/more.py", "MORE = 2\n");
    for (words, exit) in [
        (&["prepare", "--check"][..], 5),
        (&["deploy", "--check"], 5),
        (&["invoke", "{}"], 0),
        (&["status"], 0),
        (&["logs"], 0),
        (&["versions"], 0),
        (&["endpoint", "list"], 0),
        (&["rollback", "--check"], 5),
        (&["clean", "--check", "--logs"], 5),
    ] {
        deployer.proxy.forget();
        deployer.run(words).exits(exit);
        let mut called: BTreeSet<String> = deployer.proxy.actions().into_iter().collect();
        assert!(called.remove("sts:GetCallerIdentity"), "{words:?}");
        assert!(!called.is_empty(), "{words:?}");
        for action in called {
            let denied = deployer.run_without(Some(&action), words);
            // A report says which parts it could not read.
            let exit = match (words, action.as_str()) {
                (
                    ["status"],
                    "s3:GetObject"
                    | "iam:GetRole"
                    | "iam:ListRolePolicies"
                    | "iam:GetRolePolicy"
                    | "bedrock-agentcore:ListTagsForResource"
                    | "bedrock-agentcore:ListAgentRuntimeEndpoints",
                ) => 0,
                // What is old is only shown.
                (["deploy", "--check"], "s3:ListBucketVersions") => 5,
                _ => 4,
            };
            let is_named = denied.status.code() == Some(exit) && names(&denied, &action);
            assert!(is_named, "{words:?}, {action}: {denied:?}");
        }
    }
}
