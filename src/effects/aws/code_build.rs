//! AWS CodeBuild: the project of an agent, and its builds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    AwsError, Session, gone_or,
    json_client::{JsonClient, items, text},
};
use crate::{
    package::build_script::FROM,
    protocol::json_services,
    resources::build_project::{BuildProjectStep, DeletionStep, ObservedBuildProject},
};

#[derive(Debug, Clone)]
pub(crate) struct CodeBuild {
    client: JsonClient,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Build {
    pub(crate) id: String,
    pub(crate) status: Status,
    /// The phase that it is in, such as `PROVISIONING`.
    pub(crate) phase: String,
    /// The phase that failed, with its messages.
    pub(crate) failed: Option<(String, Vec<String>)>,
    /// The group and the stream of its log, once it has one.
    pub(crate) log: Option<(String, String)>,
    /// The digest of what is built.
    sources: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Succeeded,
    /// It failed, or had a fault or a timeout.
    Failed,
    Stopped,
}

/// How many of the newest builds are looked at for one that goes on.
const NEWEST: usize = 5;

impl CodeBuild {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            client: JsonClient::new(session.connection(), &json_services::CODE_BUILD),
        }
    }

    async fn call(
        &self,
        action: &'static str,
        project: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        let shown = format!("build project `{project}`");
        self.client.call(action, &shown, body).await
    }

    /// Returns the project, or `None` if it does not exist.
    pub(crate) async fn project(
        &self,
        name: &str,
    ) -> Result<Option<ObservedBuildProject>, AwsError> {
        let body = json!({ "names": [name] });
        let answer = self.call("codebuild:BatchGetProjects", name, &body).await?;
        Ok(items(&answer, "projects").first().map(|project| {
            let tags = items(project, "tags").iter();
            let tags: BTreeMap<_, _> = tags
                .filter_map(|tag| Some((text(tag, "key")?, text(tag, "value")?)))
                .collect();
            ObservedBuildProject {
                document: project.clone(),
                tags,
            }
        }))
    }

    /// Carries out a step.
    pub(crate) async fn apply(&self, step: &BuildProjectStep) -> Result<(), AwsError> {
        let (action, name, body) = match step {
            BuildProjectStep::Create { name, body } => ("codebuild:CreateProject", name, body),
            BuildProjectStep::Update { name, body, .. } => ("codebuild:UpdateProject", name, body),
        };
        self.call(action, name, body).await.map(|_| ())
    }

    pub(crate) async fn delete(
        &self,
        DeletionStep { name }: &DeletionStep,
    ) -> Result<(), AwsError> {
        let body = json!({ "name": name });
        gone_or(self.call("codebuild:DeleteProject", name, &body).await)
    }

    /// Returns a build of the same sources that another run started and that goes on.
    pub(crate) async fn running(
        &self,
        project: &str,
        sources: &str,
    ) -> Result<Option<Build>, AwsError> {
        let body = json!({ "projectName": project, "sortOrder": "DESCENDING" });
        let answer = self
            .call("codebuild:ListBuildsForProject", project, &body)
            .await?;
        let newest = items(&answer, "ids").iter().take(NEWEST);
        let newest: Vec<&Value> = newest.collect();
        if newest.is_empty() {
            return Ok(None);
        }
        let body = json!({ "ids": newest });
        let answer = self
            .call("codebuild:BatchGetBuilds", project, &body)
            .await?;
        let mut builds = items(&answer, "builds").iter().filter_map(build);
        Ok(builds.find(|build| {
            build.status == Status::Running && build.sources.as_deref() == Some(sources)
        }))
    }

    /// Starts a build. `token` makes it safe to send twice.
    pub(crate) async fn start(
        &self,
        project: &str,
        location: &str,
        variables: &Value,
        token: &str,
    ) -> Result<Build, AwsError> {
        const ACTION: &str = "codebuild:StartBuild";
        let body = json!({
            "projectName": project,
            "sourceTypeOverride": "S3",
            "sourceLocationOverride": location,
            "environmentVariablesOverride": variables,
            "idempotencyToken": token,
        });
        let answer = self.call(ACTION, project, &body).await?;
        build(&answer["build"]).ok_or_else(|| {
            let message = "the answer has no build";
            AwsError::refused(
                ACTION,
                format!("build project `{project}`"),
                None,
                Some(message),
            )
        })
    }

    /// Returns a build as it is now; `None` if it does not exist.
    pub(crate) async fn build(&self, project: &str, id: &str) -> Result<Option<Build>, AwsError> {
        let body = json!({ "ids": [id] });
        let answer = self
            .call("codebuild:BatchGetBuilds", project, &body)
            .await?;
        Ok(items(&answer, "builds").first().and_then(build))
    }

    pub(crate) async fn stop(&self, project: &str, id: &str) -> Result<(), AwsError> {
        let body = json!({ "id": id });
        gone_or(self.call("codebuild:StopBuild", project, &body).await)
    }
}

fn build(document: &Value) -> Option<Build> {
    let status = match document["buildStatus"].as_str()? {
        "IN_PROGRESS" => Status::Running,
        "SUCCEEDED" => Status::Succeeded,
        "STOPPED" => Status::Stopped,
        _ => Status::Failed,
    };
    let failed = items(document, "phases").iter().find(|phase| {
        let status = phase["phaseStatus"].as_str().unwrap_or("SUCCEEDED");
        !["SUCCEEDED", "IN_PROGRESS", "QUEUED"].contains(&status)
    });
    let messages = |phase: &Value| {
        let contexts = items(phase, "contexts").iter();
        let messages = contexts.filter_map(|context| text(context, "message"));
        messages.filter(|message| !message.is_empty()).collect()
    };
    let variables = items(&document["environment"], "environmentVariables").iter();
    let mut variables = variables.filter(|variable| variable["name"] == FROM);
    let log = &document["logs"];
    Some(Build {
        id: text(document, "id")?,
        status,
        phase: text(document, "currentPhase").unwrap_or_default(),
        failed: failed.map(|phase| {
            (
                text(phase, "phaseType").unwrap_or_default(),
                messages(phase),
            )
        }),
        log: text(log, "groupName").zip(text(log, "streamName")),
        sources: variables
            .next()
            .and_then(|variable| text(variable, "value")),
    })
}
