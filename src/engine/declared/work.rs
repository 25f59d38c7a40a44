//! One declared resource with its role and its parts: observed, written and waited for.

use serde_json::{Map, Value};

use crate::{
    config::{Link, Resource, ResourceKind},
    effects::aws::{
        AwsError, Session,
        declared::{Resources, failure},
        idempotency::Token,
    },
    engine::{
        agent::in_aws::Purpose,
        declared::{files::complete, target_agents},
        plan_output::{Planned, announce},
        role::{self, RoleWork},
        waiting::{Patience, State, wait},
    },
    error::{Failure, Message},
    names::ours::ADOPTED,
    plan::retry,
    project::sessions::Placed,
    protocol::control::{Parts, api},
    resources::{
        change::{Change, Reveal, Step},
        declared::{self, DeclaredStep, ObservedResource, UNKNOWN, Untagged},
        role::{Adopt, RoleStep},
        runtime::refusal::{self, Refusal},
    },
    ui::Ui,
};

/// The statuses of a resource that is about to change by itself.
const BUSY: [&str; 4] = ["CREATING", "UPDATING", "DELETING", "SYNCHRONIZING"];

/// A declared resource in one account and region.
pub(super) struct Work<'a> {
    pub(super) session: &'a Session,
    /// With the ARNs of this place, and the contents of its files.
    pub(super) resource: Resource,
    /// The role that the service assumes, if this tool keeps it.
    pub(super) role: Option<RoleWork>,
    pub(super) observed: Option<ObservedResource>,
    pub(super) steps: Vec<DeclaredStep>,
    /// Why it may not be changed.
    pub(super) refusal: Option<String>,
    /// Why a report could not read it.
    pub(super) denied: Option<Failure>,
    /// The ID, the ARN and the address, once the resource exists.
    pub(super) id: Option<String>,
    arn: Option<String>,
    pub(super) url: Option<String>,
}

pub(super) fn untagged(session: &Session) -> Untagged {
    if session.capabilities().resource_tags {
        Untagged::ProvesNothing
    } else {
        Untagged::IsOurs
    }
}

/// Returns the address of a resource that has one.
fn url(document: &Map<String, Value>) -> Option<String> {
    let url = document.get("gatewayUrl")?.as_str()?;
    Some(url.to_owned())
}

impl<'a> Work<'a> {
    /// Observes one resource with its role, and plans.
    pub(super) async fn observe(
        placed: &'a Placed<'a>,
        resource: &Resource,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let adopt = purpose.adopt();
        let session = &placed.session;
        let mut resource = complete(resource, session)?;
        let runtimes = target_agents::runtimes(&resource, session).await?;
        declared::lead_to(&mut resource, &runtimes);
        let there = Resources::new(session).find(&resource).await;
        let (observed, denied) = match purpose.tolerates(there)? {
            Ok(observed) => (observed, None),
            Err(why) => (None, Some(Failure::from(why))),
        };
        let how = (untagged(session), adopt);
        let planned = async {
            if denied.is_some() {
                return Ok((Vec::new(), None));
            }
            let steps = declared::plan(&resource, observed.as_ref(), how)?;
            let role = match role::of_resource(&resource, placed.agent, session)? {
                Some(desired) => Some(role::decide_own(desired, session, adopt).await?),
                None => None,
            };
            Ok((steps, role))
        };
        let (steps, role, refusal) = match planned.await {
            Ok((steps, role)) => (steps, role, None),
            Err(why) if purpose == Purpose::Report => (Vec::new(), None, Some(why)),
            Err(why) => return Err(why),
        };
        Ok(Self {
            session,
            role,
            id: observed.as_ref().map(|there| there.id.clone()),
            arn: observed.as_ref().map(|there| there.arn.clone()),
            url: observed.as_ref().and_then(|there| url(&there.document)),
            observed,
            steps,
            refusal: refusal.map(|why: Failure| why.to_string()),
            denied,
            resource,
        })
    }

    /// Plans again, as the service has the resource now.
    pub(super) async fn plan_again(&self, adopt: Adopt) -> Result<Vec<DeclaredStep>, Failure> {
        let there = Resources::new(self.session).find(&self.resource).await?;
        let how = (untagged(self.session), adopt);
        declared::plan(&self.resource, there.as_ref(), how)
    }

    fn role_steps(&self) -> &[RoleStep] {
        self.role.as_ref().map_or(&[], RoleWork::steps)
    }

    /// Returns everything that is written, in order.
    pub(super) fn changes(&self) -> Vec<Change> {
        let role = self.role_steps().iter().map(Step::change);
        role.chain(self.steps.iter().map(Step::change)).collect()
    }

    /// Prints the changes as a part of a plan.
    pub(super) fn show(&self, planned: Planned<'_>) {
        planned.changes(&self.changes(), Reveal::Keys);
    }

    /// Returns how an agent reaches the resource. An agent is reported without one that could not be
    /// read.
    pub(super) fn link(&self) -> Link {
        if self.denied.is_some() {
            return Link::Missing;
        }
        let name = &self.resource.service_name;
        let id = self.id.clone();
        let id = id.unwrap_or_else(|| format!("{name}-{UNKNOWN}"));
        let address = match self.resource.kind {
            ResourceKind::Gateway => self.url.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
            ResourceKind::Memory => id.clone(),
        };
        Link::There { id, address }
    }

    /// Returns what the user must agree to, if anything.
    pub(super) fn question(&self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        let mut adopts = self.role.as_ref().is_some_and(RoleWork::adopts);
        for step in &self.steps {
            match step {
                DeclaredStep::Update { loses, .. } => {
                    lines.extend(loses.iter().map(|what| format!("This deletes {what}.")));
                }
                DeclaredStep::Tag { tags, .. } => adopts |= tags.contains_key(ADOPTED),
                DeclaredStep::DeletePart { subject, .. } => {
                    lines.push(format!(
                        "This deletes the {} `{}`.",
                        subject.kind, subject.name
                    ));
                }
                DeclaredStep::Create { .. }
                | DeclaredStep::CreatePart { .. }
                | DeclaredStep::UpdatePart { .. }
                | DeclaredStep::Untag { .. } => {}
            }
        }
        (adopts || !lines.is_empty()).then_some(lines)
    }

    pub(super) async fn apply(&mut self, adopt: Adopt, ui: &Ui) -> Result<(), Failure> {
        if let Some(role) = &self.role {
            role::apply(role, self.session, adopt, ui).await?;
        }
        // An earlier run may have been stopped, or may have failed; an update can mend a failure.
        if let Some(there) = &self.observed
            && there.status != api(self.resource.kind).ready
            && (self.steps.is_empty() || BUSY.contains(&there.status.as_str()))
        {
            self.ready(None, ui).await?;
        }
        let mut written = false;
        let steps = self.steps.clone().into_iter();
        for step in steps.filter(|step| !step.awaits_a_runtime()) {
            announce(&step.change(), ui);
            written |= self.step(&step, ui).await?;
        }
        if written {
            self.compare_again(ui).await?;
        }
        Ok(())
    }

    /// Carries out one step, and waits until the service has. Returns whether something was written
    /// besides tags.
    pub(super) async fn step(&mut self, step: &DeclaredStep, ui: &Ui) -> Result<bool, Failure> {
        let resources = Resources::new(self.session);
        let resource = &self.resource;
        let id = self.id.clone().unwrap_or_default();
        let parts = || {
            api(resource.kind)
                .parts
                .expect("only such kinds have steps for parts")
        };
        match step {
            DeclaredStep::Create { body, .. } => {
                let token = Token::new();
                let create = async || resources.create(resource, body, &token).await;
                let made = self.once_the_role_is_known(create, ui).await?;
                self.id = Some(made.id);
                self.arn = Some(made.arn);
                self.ready(None, ui).await?;
            }
            DeclaredStep::Update { body, .. } => {
                let token = Token::new();
                let update = async || resources.update(resource, &id, body, &token).await;
                self.once_the_role_is_known(update, ui).await?;
                self.ready(None, ui).await?;
            }
            DeclaredStep::CreatePart { body, subject, .. } => {
                let (place, token) = ((parts(), &*id), Token::new());
                let create = async || resources.create_part(resource, place, body, &token).await;
                let part = self.once_the_role_is_known(create, ui).await?;
                self.ready(Some((&part, &subject.name)), ui).await?;
            }
            DeclaredStep::UpdatePart {
                id: part,
                body,
                subject,
                ..
            } => {
                let place = (parts(), &*id);
                let update = async || resources.update_part(resource, place, part, body).await;
                self.once_the_role_is_known(update, ui).await?;
                self.ready(Some((part, &subject.name)), ui).await?;
            }
            DeclaredStep::DeletePart { id: part, .. } => {
                delete_part(self.session, resource, (parts(), &id, part), ui).await?;
            }
            DeclaredStep::Untag { keys, .. } => {
                let arn = self.arn.as_deref().unwrap_or_default();
                resources.untag(arn, keys).await?;
                return Ok(false);
            }
            DeclaredStep::Tag { tags, .. } => {
                let arn = self.arn.as_deref().unwrap_or_default();
                resources.tag(arn, tags).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Repeats a request while the service does not know the role that this run just wrote.
    async fn once_the_role_is_known<T>(
        &self,
        request: impl AsyncFn() -> Result<T, AwsError>,
        ui: &Ui,
    ) -> Result<T, Failure> {
        let mut patience = Patience::new(refusal::PROPAGATION);
        loop {
            match request().await {
                Err(error)
                    if !self.role_steps().is_empty()
                        && refusal::of(error.code.as_deref(), &error.message) == Refusal::Role
                        && !patience.is_over() =>
                {
                    let role = self.resource.own_role().unwrap_or_default();
                    let what = format!("AgentCore to recognize the role `{role}`");
                    patience.say(&what, "not known yet", ui);
                    patience.pause().await;
                }
                other => return Ok(other?),
            }
        }
    }

    /// Waits until the resource, or the part with this ID and name, can be used.
    async fn ready(&mut self, part: Option<(&str, &str)>, ui: &Ui) -> Result<(), Failure> {
        let api = api(self.resource.kind);
        let resources = Resources::new(self.session);
        let resource = &self.resource;
        let id = self.id.clone().unwrap_or_default();
        let subject = declared::subject(resource);
        let what = match (api.parts, part) {
            (Some(parts), Some((_, name))) => {
                format!("{} `{name}` of {subject} to be {}", parts.word, api.ready)
            }
            _ => format!("{subject} to be {}", api.ready),
        };
        let look = async || {
            let document = match (api.parts, part) {
                (Some(parts), Some((part, _))) => {
                    resources.part(resource, parts, (&id, part)).await?
                }
                _ => resources.get(resource, &id).await?,
            };
            let status = document.get("status").and_then(Value::as_str);
            let status = status.unwrap_or_default().to_owned();
            Ok(if status == api.ready {
                State::Done(document)
            } else if BUSY.contains(&status.as_str()) {
                State::Going(status)
            } else {
                let reason = failure(&document);
                State::Failed { status, reason }
            })
        };
        let document = wait(&what, retry::READY, look, ui).await?;
        if part.is_none() {
            self.url = url(&document);
        }
        Ok(())
    }

    /// Warns about settings that the service did not take over as they were sent.
    async fn compare_again(&self, ui: &Ui) -> Result<(), Failure> {
        let steps = self.plan_again(Adopt::Yes).await?;
        for step in steps.into_iter().filter(|step| !step.awaits_a_runtime()) {
            if let DeclaredStep::Update {
                fields, subject, ..
            }
            | DeclaredStep::UpdatePart {
                fields, subject, ..
            } = step
            {
                let message = Message::new(format!(
                    "the {} `{}` has other settings than the metadata",
                    subject.kind, subject.name
                ));
                let fields = fields.iter().map(|field| field.words(Reveal::Keys));
                ui.warning(&fields.fold(message, Message::note));
            }
        }
        Ok(())
    }
}

/// Deletes a part and waits until it is gone. The IDs are those of the whole and the part.
pub(super) async fn delete_part(
    session: &Session,
    resource: &Resource,
    (parts, whole, id): (&Parts, &str, &str),
    ui: &Ui,
) -> Result<(), Failure> {
    let resources = Resources::new(session);
    resources.delete_part(resource, (parts, whole), id).await?;
    let what = format!(
        "the {} of {} to be deleted",
        parts.word,
        declared::subject(resource)
    );
    let look = async || gone(resources.part(resource, parts, (whole, id)).await);
    wait(&what, retry::DELETION, look, ui).await
}

/// Judges an answer about something that was deleted.
pub(super) fn gone(answer: Result<Map<String, Value>, AwsError>) -> Result<State<()>, Failure> {
    match answer {
        Err(error) if error.is_not_found() => Ok(State::Done(())),
        Err(error) => Err(error.into()),
        Ok(document) => {
            let status = document.get("status").and_then(Value::as_str);
            Ok(State::Going(status.unwrap_or("there").to_owned()))
        }
    }
}
