//! The tests that do not depend on the protocol.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Test,
    exchange::{self, ask},
    system,
};
use crate::{
    check::{
        Answer, Finding, Outcome, Rule,
        judge::{self, After},
        request::Request,
        snapshot,
    },
    effects::{
        clock,
        local::agent::{left, shim},
    },
};

/// The number of concurrent requests, and of clients that disconnect.
const MANY: u32 = 10;
/// How long an agent may keep the connection of a client that disconnected.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a snapshot's second process may take to listen.
const FORK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// The result of the first valid request.
#[derive(Debug, Clone, Default)]
pub(super) struct First {
    pub(super) is_answered: bool,
    /// True if it was answered with an error of the agent's own.
    pub(super) is_error: bool,
    /// The text that only this request contains, if any.
    pub(super) mark: String,
    /// True if the answer repeated it.
    pub(super) echoes: bool,
    pub(super) took: Duration,
}

impl First {
    /// Returns why rules that need an answer cannot be tested after this request failed.
    pub(super) fn obstacle(&self) -> &'static str {
        if self.is_error { FAILS } else { NO_ANSWER }
    }
}

impl Test<'_> {
    /// Sends bodies that should not break any agent.
    pub(super) async fn hostile(&mut self, first: &First) {
        let session = self.session();
        let contract = &self.subject.contract;
        let post = |body: &[u8]| Request::post(contract, &session, body);
        let bodies = [
            (
                Rule::BadJson,
                "a body that is not JSON",
                post(b"{\"prompt\": "),
            ),
            (Rule::EmptyBody, "an empty body", post(b"")),
            (
                Rule::InvalidUtf8,
                "a body that is not UTF-8",
                post(b"{\"prompt\": \"\xff\xfe\"}"),
            ),
            (
                Rule::LargePayload,
                "a payload of 10 MB",
                Request::large(contract, &self.manner.payload, &session),
            ),
        ];
        for (rule, what, request) in bodies {
            if self.is_over || !self.report.wants(rule) {
                continue;
            }
            self.begin(what);
            let outcome = self.ask(request).await;
            let after = self.after().await;
            if first.is_error
                && after == After::Well
                && outcome.as_ref().is_ok_and(Answer::is_error)
            {
                // The body need not be the reason.
                self.report.skip(&[rule], FAILS);
            } else {
                let finding = judge::hostile(rule, what, &outcome, &after);
                self.judge(rule, finding);
            }
            if let (Rule::LargePayload, Some(pings)) = (rule, &self.pings) {
                // Parsing this much may take long on a busy machine.
                pings.forget(self.began);
            }
            self.revive(&after).await;
        }
    }

    /// Sends several requests at once.
    pub(super) async fn concurrent(&mut self, first: &First) {
        if self.is_over || !self.report.wants(Rule::Concurrent) {
            return;
        }
        if !first.is_answered {
            self.report.skip(&[Rule::Concurrent], first.obstacle());
            return;
        }
        self.begin("ten requests at once");
        let mut asking: JoinSet<(String, Outcome)> = JoinSet::new();
        for number in 0..MANY {
            let mark = mark(number + 2);
            let request = self.valid(&mark);
            let address = self.address.clone();
            asking.spawn(async move { (mark, ask(&address, request).await) });
        }
        let outcomes = asking.join_all().await;
        let after = self.after().await;
        let finding = judge::concurrent(&outcomes, first.echoes, &after);
        self.judge(Rule::Concurrent, finding);
        self.revive(&after).await;
    }

    /// Disconnects during answers.
    pub(super) async fn disconnect(&mut self, first: &First) {
        let rules = [Rule::Disconnect, Rule::DisconnectLeak];
        if self.is_over || !self.report.wants_any(&rules) {
            return;
        }
        self.begin("clients that go away");
        let before = self.descriptors();
        let mut leaving = JoinSet::new();
        for number in 0..MANY {
            let request = self.valid(&mark(number + 20));
            let address = self.address.clone();
            // Half of the clients leave before the answer begins, the others after.
            let wait = if number % 2 == 0 {
                Duration::from_millis(5)
            } else {
                SETTLE
            };
            leaving.spawn(async move { exchange::leave(&address, request, wait).await });
        }
        leaving.join_all().await;
        let after = self.after().await;
        let finding = judge::disconnect(&after);
        self.judge(Rule::Disconnect, finding);
        if after == After::Well {
            let finding = self.leak(before, first.took).await;
            self.judge(Rule::DisconnectLeak, finding);
        }
        self.revive(&after).await;
    }

    async fn leak(&self, before: usize, took: Duration) -> Option<Finding> {
        let begin = clock::now();
        loop {
            let now = self.descriptors();
            let finding = judge::leak(before, now, MANY as usize)?;
            // The agent may need some time to close what a request used.
            if begin.elapsed() > SETTLE + took * 2 {
                return Some(finding);
            }
            clock::sleep(PAUSE).await;
        }
    }

    fn descriptors(&self) -> usize {
        system::descriptors(&left::processes(&self.running.listening))
    }

    /// Compares two processes from one snapshot, and a session in an independent process.
    pub(super) async fn apart(&mut self, first: &First) {
        let rules = [Rule::SnapshotIds, Rule::SessionLeak];
        if self.is_over || !self.report.wants_any(&rules) {
            return;
        }
        if !first.is_answered {
            self.report.skip(&rules, first.obstacle());
            return;
        }
        self.begin("two processes from one snapshot");
        let snapshot = [("CARGO_AGENTCORE_SNAPSHOT", "1".to_owned())];
        let Ok(running) = self.subject.start("snapshot", &snapshot).await else {
            self.report
                .skip(&rules, "the agent could not be started a second time");
            return;
        };
        let mut texts = [String::new(), String::new()];
        let fork = running.fork_port(FORK).await;
        let ports = [Some(running.port), fork];
        for (number, port) in ports.into_iter().enumerate() {
            let Some(port) = port else { continue };
            for round in 0..2_u32 {
                let mark = mark(40 + round);
                let request = self.valid(&mark);
                let address = exchange::Address {
                    port,
                    ..self.address.clone()
                };
                if let Ok(answer) = ask(&address, request).await {
                    if number == 0 && self.is_leak_told(first) {
                        let finding = judge::leaked(&answer, &first.mark);
                        self.judge(Rule::SessionLeak, finding);
                    }
                    texts[number] += &words(&answer);
                }
            }
        }
        running.end().await;
        if !self.is_leak_told(first) {
            self.report.skip(
                &[Rule::SessionLeak],
                "the payload has no prompt to recognize",
            );
        }
        if fork.is_none() {
            self.report.skip(
                &[Rule::SnapshotIds],
                "the agent's process cannot be doubled here: it is a binary, or runs threads before it serves",
            );
            return;
        }
        let now = Duration::from_millis(u64::try_from(clock::milliseconds()).unwrap_or_default());
        let [one, two] = texts;
        let shared = snapshot::shared(&one, &two, &self.heard, &self.asked, now);
        let finding = shared.map(|text| {
            Finding::error(
                Rule::SnapshotIds,
                format!("two processes from one snapshot both answer with `{text}`"),
            )
        });
        self.judge(Rule::SnapshotIds, finding);
    }

    fn is_leak_told(&self, first: &First) -> bool {
        !first.mark.is_empty() && self.report.wants(Rule::SessionLeak)
    }

    /// Ends the agent and judges how it ends.
    pub(super) async fn finish(&mut self) {
        self.begin("the end");
        let ended = self.running.end().await;
        let finding = (ended.took >= shim::GRACE).then(|| {
            Finding::warning(
                Rule::Sigterm,
                format!(
                    "the agent still runs {} s after SIGTERM",
                    shim::GRACE.as_secs()
                ),
            )
        });
        self.judge(Rule::Sigterm, finding);
        let finding = ended.left.first().map(|first| {
            Finding::warning(
                Rule::ProcessLeft,
                format!(
                    "{} of the agent still run after its end, such as `{first}`",
                    match ended.left.len() {
                        1 => "1 process".to_owned(),
                        several => format!("{several} processes"),
                    }
                ),
            )
        });
        self.judge(Rule::ProcessLeft, finding);
    }

    /// Judges a rule, adding the agent's output to the finding.
    pub(super) fn judge(&mut self, rule: Rule, finding: Option<Finding>) {
        let finding = finding.map(|finding| {
            let lines = self.running.last_lines();
            let lines = added(&self.lines, &lines);
            let begin = lines.len().saturating_sub(SHOWN);
            finding.with_lines(lines[begin..].to_vec())
        });
        self.report.judge(rule, finding);
    }

    /// Begins a test, to which everything observed from now on belongs.
    pub(super) fn begin(&mut self, what: &str) {
        self.began = clock::now();
        self.lines = self.running.last_lines();
        (self.say)(what);
    }
}

/// Returns the lines added to a list that drops its oldest ones.
fn added<'l>(before: &[String], now: &'l [String]) -> &'l [String] {
    let known = (0..=before.len().min(now.len()))
        .rev()
        .find(|count| before.ends_with(&now[..*count]));
    &now[known.unwrap_or_default()..]
}

/// The number of the agent's lines shown with a finding.
const SHOWN: usize = 8;

pub(super) const FAILS: &str = "the agent fails even a plain request";

pub(super) const NO_ANSWER: &str =
    "no valid request was answered; give one that is with `--prompt` or `--payload`";

/// Returns a text that no other request contains.
pub(super) fn mark(number: u32) -> String {
    format!("check{number}x{}", &clock::unique_id()[..8])
}

/// Returns the parts of a request that an answer may repeat.
pub(super) fn words_of(request: &Request) -> String {
    let headers: Vec<&str> = request.headers.iter().map(|(_, v)| v.as_str()).collect();
    let body = String::from_utf8_lossy(&request.body);
    format!("{}\n{body}\n", headers.join("\n"))
}

/// Returns the parts of an answer that may contain IDs.
pub(super) fn words(answer: &Answer) -> String {
    const OTHERS: [&str; 6] = [
        "date",
        "content-length",
        "etag",
        "last-modified",
        "server",
        "content-type",
    ];
    let headers = answer.headers.iter();
    let headers: Vec<&str> = headers
        .filter(|(name, _)| !OTHERS.contains(&name.as_str()))
        .map(|(_, value)| value.as_str())
        .collect();
    format!("{}\n{}\n", headers.join("\n"), answer.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_test_stand_beside_its_finding() {
        let lines = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        for (before, now, expected) in [
            ("", "", ""),
            ("", "ab", "ab"),
            ("ab", "ab", ""),
            ("ab", "abc", "c"),
            ("abc", "bcd", "d"),
            ("abc", "xyz", "xyz"),
            ("aa", "aaa", "a"),
        ] {
            assert_eq!(
                added(&lines(before), &lines(now)),
                lines(expected),
                "{before} {now}"
            );
        }
    }
}
