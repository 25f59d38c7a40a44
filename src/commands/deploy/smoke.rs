//! Calls an agent once after the deployment, to see that it answers.

use std::time::Duration;

use crate::{
    effects::{
        aws::data_plane::{self, CutOff, DataPlane, Invocation, Refusal, Target},
        clock,
    },
    engine::{
        runtime::{startup_logs, write::Outcome},
        target::{no_token, refused},
    },
    error::Failure,
    names::{EndpointName, SessionId},
    project::sessions::Placed,
    protocol::{
        answer::{self, Answer, Kept},
        invocation::{self, Token},
        refusal::LOG_ENDS,
    },
    resources::runtime::observed::DEFAULT_ENDPOINT,
    ui::Ui,
};

/// The time to wait for more output from the agent, including a cold start.
const LIMIT: Duration = Duration::from_mins(5);

/// How many characters of the answer are printed.
const SHOWN: usize = 200;

/// The request, and its token.
#[derive(Debug, Clone)]
pub(crate) struct Smoke {
    pub(crate) payload: Vec<u8>,
    pub(crate) token: Option<String>,
    pub(crate) endpoint_url: Option<String>,
}

impl Smoke {
    /// Reports what is known to fail, before anything is deployed.
    pub(crate) fn check(&self, placed: &[Placed<'_>]) -> Result<(), Failure> {
        let payload = &self.payload;
        let ways = ["quote it for your shell, as in `--smoke '{\"prompt\": \"hi\"}'`"];
        invocation::check_payload(payload, invocation::JSON, false, &ways)?;
        for Placed { agent, .. } in placed {
            if agent.authorizer.is_some() && self.token.is_none() {
                return Err(no_token(&format!(
                    "the agent `{}` has an authorizer, and `--smoke` calls it",
                    agent.name
                )));
            }
        }
        Ok(())
    }

    /// Calls the agent once, in a new session.
    pub(crate) async fn call(
        &self,
        placed: &Placed<'_>,
        outcome: &Outcome,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let (start, since) = (clock::now(), clock::wall());
        let Outcome { state, .. } = outcome;
        let work = ui.working("Calling", &format!("agent `{}`", placed.agent.name));
        let answered = self.answer(placed, &state.arn).await;
        drop(work);
        match answered {
            Ok(text) => {
                let shown: String = text.chars().take(SHOWN).collect();
                let more = if shown.len() < text.len() { "…" } else { "" };
                ui.status(
                    "Answered",
                    &format!(
                        "agent `{}` in {:.1} s: {shown}{more}",
                        placed.agent.name,
                        start.elapsed().as_secs_f64()
                    ),
                );
                Ok(())
            }
            Err(why) => {
                let failure = Failure::world(format!(
                    "the agent `{}` is deployed and did not answer the smoke call",
                    placed.agent.name
                ));
                let has_log = why.iter().any(|note| note.contains(LOG_ENDS));
                let mut failure = why.into_iter().fold(failure, Failure::note);
                if !has_log {
                    failure = startup_logs::with_log(failure, placed, &state.id, since).await;
                }
                Err(failure.help(format!(
                    "`cargo agentcore logs --agent {}` shows more; the endpoint `{DEFAULT_ENDPOINT}` answers with this version",
                    placed.agent.name
                )))
            }
        }
    }

    async fn answer(&self, placed: &Placed<'_>, arn: &str) -> Result<String, Vec<String>> {
        let plane = self.plane(placed)?;
        let target = Target {
            arn: arn.to_owned(),
            endpoint: EndpointName::default(),
            session: SessionId::parse(&clock::unique_id()).expect("a UUID is a session's id"),
        };
        let invocation = Invocation {
            payload: self.payload.clone(),
            content_type: invocation::JSON.to_owned(),
            user: None,
            headers: Vec::new(),
        };
        let send = async || plane.invoke(&target, &invocation, LIMIT).await;
        let mut reply = refused::persist(send, |_, _| {}).await.map_err(words)?;
        let mut body = Kept::default();
        let mut answer = Answer::new(&reply.content_type, false);
        while let Some(piece) = reply.next(LIMIT).await {
            match piece {
                Ok(bytes) => {
                    answer.push(&bytes);
                    let too_long = answer.too_long().or(body.push(&bytes).err());
                    if let Some(why) = too_long {
                        return Err(vec![format!("the answer is too long: {why}")]);
                    }
                }
                Err(CutOff::Broken(cause)) => {
                    return Err(vec![format!("the answer was cut off: {cause}")]);
                }
                Err(CutOff::Silent) => return Err(vec!["the answer did not end".to_owned()]),
            }
        }
        match answer.finish(true).error {
            Some(error) => Err(vec![format!("{}: {}", error.kind, error.message)]),
            None => Ok(line(&answer::value(&reply.content_type, body.bytes()))),
        }
    }

    fn plane(&self, placed: &Placed<'_>) -> Result<DataPlane, Vec<String>> {
        let Placed { agent, session } = placed;
        let url = data_plane::endpoint(
            self.endpoint_url.as_deref(),
            session.partition,
            &session.region,
        );
        let connection = session.connection();
        let plane = match (&agent.authorizer, &self.token) {
            (Some(_), Some(token)) => {
                let token = Token::parse(token).map_err(|error| vec![error])?;
                DataPlane::bearing(token, url, &connection.network)
            }
            _ => DataPlane::signing(&connection, url),
        };
        plane.map_err(|failure| vec![failure.to_string()])
    }
}

fn words(refusal: Refusal) -> Vec<String> {
    match refusal {
        Refusal::Answered { error, .. } => {
            let mut words = vec![match error.code {
                Some(code) => format!("{code}: {}", error.message),
                None => error.message,
            }];
            words.extend(error.request_id.map(|id| format!("request id {id}")));
            words
        }
        Refusal::Unreachable(cause) => vec![format!("cannot connect to it: {cause}")],
        Refusal::Broken(cause) => vec![format!("the connection was lost: {cause}")],
        Refusal::Silent => vec![format!(
            "it sent nothing for {}",
            humantime::format_duration(LIMIT)
        )],
    }
}

/// Returns an answer on one line.
fn line(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
