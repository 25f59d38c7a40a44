//! The options that say which runtime `invoke` and `stop-session` talk to.

use crate::{
    engine::target::{Partner, Wanted},
    error::Failure,
    names::EndpointName,
    options,
    protocol::{RuntimeArn, invocation::Token},
    ui::Ui,
};

/// Which runtime.
#[derive(Debug, clap::Args)]
pub(crate) struct Whom {
    /// ARN of a runtime to use instead of a project's agent; implies the region
    #[arg(long, value_name = "ARN", value_parser = RuntimeArn::parse, conflicts_with_all = ["agent", "local"])]
    arn: Option<RuntimeArn>,
    /// Endpoint of the runtime [default: DEFAULT]
    #[arg(long, value_name = "NAME", value_parser = EndpointName::from_option)]
    endpoint: Option<EndpointName>,
    #[command(flatten)]
    bearer: options::Bearer,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    pub(crate) aws: options::Aws,
}

impl Whom {
    pub(crate) fn new(
        (arn, endpoint): (Option<RuntimeArn>, Option<EndpointName>),
        bearer: options::Bearer,
        project: options::Project,
        aws: options::Aws,
    ) -> Self {
        Self {
            arn,
            endpoint,
            bearer,
            project,
            aws,
        }
    }

    /// Finds the runtime. An ARN needs no request to AWS.
    pub(crate) async fn find(&self, ui: &Ui) -> Result<Partner, Failure> {
        let wanted = self.wanted(self.token()?);
        match &self.arn {
            Some(arn) => wanted.by_arn(arn, ui).await,
            None => wanted.by_name(ui).await,
        }
    }

    /// Finds the agent that `dev` runs.
    pub(crate) fn find_developed(&self, ui: &Ui) -> Result<Partner, Failure> {
        self.wanted(None).developed(ui)
    }

    fn wanted(&self, token: Option<Token>) -> Wanted<'_> {
        Wanted {
            endpoint: self.endpoint.as_ref(),
            token,
            project: &self.project,
            aws: &self.aws,
        }
    }

    /// Parses the token. Never printed, even if it is invalid.
    fn token(&self) -> Result<Option<Token>, Failure> {
        let given = self.bearer.given();
        given
            .map(|text| Token::parse(text).map_err(Failure::usage))
            .transpose()
    }
}
