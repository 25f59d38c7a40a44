//! The AWS sessions of a command: one for each combination of profile, region and endpoint.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::{
    config::Agent,
    effects::{
        self,
        aws::{
            Session,
            session::{Connection, Request, connect, open},
        },
        manifest::Project,
    },
    error::Failure,
    names::{Region, StageName},
    options,
    project::{self, consent},
    ui::Ui,
};

/// An agent and its AWS session.
pub(crate) struct Placed<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) session: Session,
}

/// Opens a session for every agent, checks the account pins, and prints the accounts.
pub(crate) async fn place<'a>(
    (project, agents): (&Project, &'a [Agent]),
    options: &options::Aws,
    emulator: Option<&effects::local::Emulator>,
    ui: &Ui,
) -> Result<Vec<Placed<'a>>, Failure> {
    let mut groups: BTreeMap<Request, Vec<&Agent>> = BTreeMap::new();
    for agent in agents {
        groups
            .entry(request(agent, options, emulator))
            .or_default()
            .push(agent);
    }
    for request in groups.keys() {
        confirmed(request, project, ui)?;
    }
    let connecting = ui.working("Connecting", "to AWS");
    let opened = join_all(groups.keys().map(open)).await;
    drop(connecting);
    let mut placed = Vec::new();
    for (members, session) in groups.into_values().zip(opened) {
        let session = session?;
        announce(&session, &members, ui);
        project::hint_at_region(&session.region, ui);
        for agent in members {
            pinned(agent, &session)?;
            placed.push(Placed {
                agent,
                session: session.clone(),
            });
        }
    }
    placed.sort_by(|a, b| a.agent.name.cmp(&b.agent.name));
    Ok(placed)
}

/// Returns the same sessions with other versions of the same agents, in the same order.
pub(crate) fn with_agents<'a>(placed: &[Placed<'_>], agents: &'a [Agent]) -> Vec<Placed<'a>> {
    let sessions = placed.iter().map(|placed| placed.session.clone());
    agents
        .iter()
        .zip(sessions)
        .map(|(agent, session)| Placed { agent, session })
        .collect()
}

/// Asks for confirmation of a profile that only the metadata names.
pub(crate) fn confirmed(request: &Request, project: &Project, ui: &Ui) -> Result<(), Failure> {
    match request.profile_of_the_metadata() {
        Some(profile) => consent::profile(project, &profile, ui),
        None => Ok(()),
    }
}

/// Like [`place`], for an emulator that does not run and has no state: sends no request.
pub(crate) async fn place_nowhere<'a>(
    agents: &'a [Agent],
    options: &options::Aws,
) -> Result<Vec<Placed<'a>>, Failure> {
    let mut placed = Vec::new();
    for agent in agents {
        let request = Request {
            // An address without a server, so that a request would fail.
            endpoint_url: Some("http://127.0.0.1:0".to_owned()),
            ..request(agent, options, None)
        };
        let session = connect(&request).await?.to_emulator()?;
        placed.push(Placed { agent, session });
    }
    Ok(placed)
}

pub(crate) fn request(
    agent: &Agent,
    options: &options::Aws,
    emulator: Option<&effects::local::Emulator>,
) -> Request {
    Request {
        explicit_profile: options.profile.clone(),
        metadata_profile: agent.profile.clone(),
        region: options.region.clone().or_else(|| agent.region.clone()),
        endpoint_url: emulator
            .map(|emulator| emulator.url.clone())
            .or_else(|| options.endpoint_url.as_ref().map(ToString::to_string)),
        local: options.local,
    }
}

/// Prints the line about the account, first in every command that uses AWS.
pub(crate) fn announce(session: &Session, agents: &[&Agent], ui: &Ui) {
    if !session.capabilities().accounts {
        announce_local(&session.region, &names_shown(agents), ui);
        return;
    }
    ui.status(
        "Account",
        &format!(
            "{} as {} in {} via {}{}",
            session.account,
            session.principal,
            session.region,
            session.source,
            agents_shown(agents)
        ),
    );
}

/// Like [`announce`], for the local emulator, whose account is not mentioned.
pub(crate) fn announce_local(region: &Region, agents: &str, ui: &Ui) {
    ui.status("Account", &format!("local emulator in {region}{agents}"));
}

/// Like [`announce`], if AWS does not identify the caller in time.
pub(crate) fn announce_unknown(connection: &Connection, what: &str, ui: &Ui) {
    ui.status(
        "Account",
        &format!(
            "unknown (AWS STS does not answer) in {} via {}{what}",
            connection.region,
            connection.source(),
        ),
    );
}

/// Returns the stage and the agents for the end of the line.
pub(crate) fn agents_shown(agents: &[&Agent]) -> String {
    let stage = agents.first().and_then(|agent| agent.stage.as_ref());
    let stage = stage.map_or(String::new(), |stage| format!(", stage `{stage}`"));
    format!("{stage}{}", names_shown(agents))
}

/// Returns the agents' names for the end of the line.
pub(crate) fn names_shown(agents: &[&Agent]) -> String {
    let names: Vec<String> = agents
        .iter()
        .map(|agent| format!("`{}`", agent.name))
        .collect();
    let word = if names.len() == 1 { "agent" } else { "agents" };
    if names.len() > 5 {
        format!(", {} agents", names.len())
    } else {
        format!(", {word} {}", names.join(", "))
    }
}

/// Describes the places in a question, such as "account 123456789012, region us-west-2, stage
/// `prod`".
pub(crate) fn places<'a>(
    places: impl IntoIterator<Item = (&'a Session, Option<&'a StageName>)>,
) -> String {
    let mut regions: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for (session, stage) in places {
        if !session.capabilities().accounts {
            return "local emulator".to_owned();
        }
        let of_place = regions.entry((session.account.as_str(), stage));
        of_place.or_default().insert(session.region.as_str());
    }
    let words = regions.into_iter().map(|((account, stage), regions)| {
        let word = if regions.len() == 1 {
            "region"
        } else {
            "regions"
        };
        let regions: Vec<&str> = regions.into_iter().collect();
        let stage = stage.map_or(String::new(), |stage| format!(", stage `{stage}`"));
        format!("account {account}, {word} {}{stage}", regions.join(" and "))
    });
    words.collect::<Vec<_>>().join("; ")
}

pub(crate) fn pinned(agent: &Agent, session: &Session) -> Result<(), Failure> {
    match &agent.account {
        Some(pin) if *pin != session.account => Err(Failure::access(format!(
            "the agent `{}` belongs to account {pin}, these credentials to account {}",
            agent.name, session.account
        ))
        .note(format!("the credentials come from {}", session.source))
        .help("choose the profile of that account with `--profile`, or a stage with `--stage`; nothing was written")),
        _ => Ok(()),
    }
}
