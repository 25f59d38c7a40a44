//! What is deployed of an agent, and how it differs from what is here.

mod code;
mod there;
mod unread;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub(crate) use self::there::There;
use self::{there::differences, unread::Unread};
use super::{
    agent::{
        AT_ONCE,
        in_aws::{self, Compared, Gap, InAws, Purpose, Why},
    },
    build_project::BuildRead,
    declared::DeclaredWork,
    former_agents, repository, role,
    runtime::{
        find::{Deployed, Found},
        lists::Lists,
        own::{self, Proof, Seen},
        read::{Endpoints, Read},
    },
};
use crate::{
    config::{Agent, Declared},
    effects::{
        aws::{AwsError, data_plane, emulated::ACCOUNT_ID, session::LOCAL_REGION},
        clock,
        manifest::Project,
    },
    error::Failure,
    names::Region,
    options,
    project::sessions::Placed,
    resources::{
        difference::{Difference, Part},
        ownership::Identity,
        role::Adopt,
        runtime::{
            ObservedRuntime,
            fields::Artifact,
            observed::{Code, EndpointState, Standing},
        },
        tags::Tags,
    },
    ui::Ui,
};

/// One agent's report.
pub(crate) enum Report<'a> {
    Absent {
        agent: &'a Agent,
        account: String,
        region: String,
        /// Whether its execution role exists; `None` without permission to look.
        prepared: Option<bool>,
        /// The endpoints that the next deploy creates again, after a replacement was interrupted.
        endpoints: Vec<String>,
        gaps: Vec<Gap>,
    },
    There(Box<There<'a>>),
}

/// What the reports of a run have in common.
#[derive(Clone, Copy)]
pub(crate) struct Reporting<'a> {
    pub(crate) project: &'a Project,
    pub(crate) declared: &'a Declared,
    pub(crate) resources: &'a DeclaredWork<'a>,
    /// The address of the service, if it was given.
    pub(crate) base: Option<&'a str>,
    pub(crate) ui: &'a Ui,
}

/// Observes the agents, and notes former ones.
pub(crate) async fn observe<'a>(
    placed: &'a [Placed<'a>],
    reporting: Reporting<'_>,
) -> Result<Vec<Report<'a>>, Failure> {
    let lists = &Lists::default();
    let place = (reporting.project, reporting.declared);
    let observing = stream::iter(placed)
        .map(|one| Report::of(one, lists, reporting))
        .buffered(AT_ONCE)
        .try_collect();
    let noticing = former_agents::notice(lists, placed, place, reporting.ui);
    let (reports, ()) = tokio::join!(observing, noticing);
    reports
}

/// The parts of a runtime that a report can do without.
struct Parts {
    endpoints: Option<Vec<EndpointState>>,
    gaps: Vec<Gap>,
}

impl<'a> Report<'a> {
    /// Returns the report for an emulator that has never run.
    pub(crate) fn never_deployed(agent: &'a Agent, options: &options::Aws) -> Self {
        let region = options.region.as_ref().or(agent.region.as_ref());
        Self::Absent {
            agent,
            account: ACCOUNT_ID.to_owned(),
            region: region.map_or(LOCAL_REGION, Region::as_str).to_owned(),
            prepared: Some(false),
            endpoints: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// Observes the agent, and compares it with what is here.
    async fn of(
        placed: &'a Placed<'a>,
        lists: &Lists,
        reporting: Reporting<'_>,
    ) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let ui = reporting.ui;
        let existing = BuildRead::existing(placed);
        let InAws {
            role,
            runtimes,
            build,
        } = Box::pin(in_aws::read(placed, lists, existing, Purpose::Report)).await?;
        let observed = role.as_ref().map(Option::as_ref);
        let prepared = observed.as_ref().ok().map(Option::is_some);
        let proof = observed.map(|role| role::proof(agent, role, Adopt::No));
        let mut unread = Unread::of(placed, reporting.resources);
        let Some((found, parts)) = one(placed, runtimes, proof.as_ref())? else {
            let nothing = (role, Ok(None));
            let mut compared =
                Compared::plan(placed, nothing, Ok(None), Purpose::Report, ui).await?;
            compared.gaps.extend(unread.gaps);
            return Ok(Self::Absent {
                agent,
                account: session.account.to_string(),
                region: session.region.to_string(),
                prepared,
                endpoints: compared.replacement.endpoints.into_keys().collect(),
                gaps: compared.gaps,
            });
        };
        let Parts {
            endpoints,
            mut gaps,
        } = parts;
        let artifact = &found.state.fields.artifact;
        let running = as_running(placed, artifact);
        let running = &Placed {
            agent: &running,
            session: session.clone(),
        };
        let build =
            build.map(|build| build.filter(|_| running.agent.builds_dockerfile().is_some()));
        let seen = Seen {
            observed: ObservedRuntime {
                state: found.state.clone(),
                tags: found.tags.clone(),
            },
            endpoints: Endpoints::All(endpoints.clone().unwrap_or_default()),
        };
        let (age, mut compared) = tokio::try_join!(
            async { Ok(code::age(placed, artifact, ui).await) },
            Compared::plan(running, (role, build), Ok(Some(seen)), Purpose::Report, ui),
        )?;
        gaps.append(&mut compared.gaps);
        unread.leave_out_role(&mut compared);
        let here = (reporting.project, reporting.declared);
        let builds = compared.build.is_some() || gaps.iter().any(|gap| gap.part == Part::Build);
        let code = code::compare(running, here, artifact, builds, ui).await;
        let mut differences = differences(&compared, &found, &gaps)?;
        differences.retain(|difference| !unread.decides(difference));
        gaps.extend(unread.gaps);
        differences.extend(age.difference(artifact).map(Difference::Field));
        if let Code::Differs(change) = &code {
            differences.push(Difference::Field(change.clone()));
        }
        Ok(Self::There(Box::new(There {
            placed,
            endpoints,
            code,
            build: compared.build.as_ref().map(|build| build.name().to_owned()),
            gaps,
            differences,
            age,
            base: data_plane::endpoint(reporting.base, session.partition, &session.region),
            now: clock::seconds(),
            found,
        })))
    }

    /// Reports what could not be read, and a runtime that may belong to someone else.
    pub(crate) fn tell(&self, ui: &Ui) {
        let (agent, gaps) = match self {
            Self::Absent { agent, gaps, .. } => (*agent, gaps),
            Self::There(there) => (there.placed.agent, &there.gaps),
        };
        for Gap { part, why } in gaps {
            if let Why::Denied(failure) = why {
                let (noun, verb) = part.words();
                let name = &agent.name;
                ui.note(&format!(
                    "the {noun} of `{name}` {verb} not compared: {failure}"
                ));
            }
        }
        if let Self::There(there) = self {
            there.found.say_whose(ui);
        }
    }
}

/// Returns the runtime that the report is about, if there is one. `proof` is an error if reading the
/// role is not permitted.
fn one(
    placed: &Placed<'_>,
    runtimes: Vec<Read>,
    proof: Result<&Proof<'_>, &&AwsError>,
) -> Result<Option<(Found, Parts)>, Failure> {
    let (mut found, mut parts) = (Vec::new(), Vec::new());
    for Read {
        state,
        tags,
        endpoints,
    } in runtimes
    {
        let mut gaps = Vec::new();
        let tags = readable(Part::Tags, tags, &mut gaps)?.unwrap_or(Tags::Unknown);
        let endpoints = match readable(Part::Endpoints, endpoints, &mut gaps)? {
            Some(Endpoints::All(all)) => Some(all),
            Some(Endpoints::Default(one)) => Some(one.into_iter().collect()),
            None => None,
        };
        let mut standing = own::standing(placed, &state, &tags, proof.unwrap_or(&None));
        if let Standing::NotOurs(why) = &mut standing
            && proof.is_err()
            && Standing::by_tags(&Identity::of(placed.agent), &tags).is_none()
        {
            "it has none of this project's tags, and its role cannot be read".clone_into(why);
        }
        parts.push(Parts { endpoints, gaps });
        found.push(Found {
            state,
            standing,
            tags,
        });
    }
    let deployed = Deployed { placed, found };
    let Some(one) = deployed.one()?.map(|one| one.state.id.clone()) else {
        return Ok(None);
    };
    let all = deployed.found.into_iter().zip(parts);
    Ok(all.into_iter().find(|(found, _)| found.state.id == one))
}

fn readable<T>(
    part: Part,
    read: Result<T, AwsError>,
    gaps: &mut Vec<Gap>,
) -> Result<Option<T>, Failure> {
    Purpose::Report.plan(part, read, Ok, gaps)
}

/// Returns the agent with the image that `deploy --image` gave its runtime, if any.
fn as_running(placed: &Placed<'_>, artifact: &Artifact) -> Agent {
    let mut running = placed.agent.clone();
    if let Some(image) = repository::existing(placed, artifact) {
        running.run_from(image);
    }
    running
}
