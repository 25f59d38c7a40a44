//! `check` of a running agent.

use super::{Args, Manner, Tested};
use crate::{
    check::remote::{self, AgentPlace},
    commands::target::Whom,
    config::Protocol,
    effects::{
        aws::runtime::Runtimes,
        check::{Remote, test_remote},
        clock,
    },
    engine::target::{Partner, refused},
    error::{Exit, Failure},
    options,
    protocol::{RuntimeArn, contract::Contract},
    text::counted,
    ui::Ui,
};

/// Where the agent runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Against {
    Dev,
    Local,
    Aws,
    Arn(RuntimeArn),
}

impl Against {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "dev" => Ok(Self::Dev),
            "local" => Ok(Self::Local),
            "aws" => Ok(Self::Aws),
            arn if arn.starts_with("arn:") => RuntimeArn::parse(arn).map(Self::Arn),
            _ => Err("expected `dev`, `local`, `aws`, or the ARN of a runtime".to_owned()),
        }
    }

    fn place(&self) -> AgentPlace {
        match self {
            Self::Dev => AgentPlace::Dev,
            Self::Local => AgentPlace::Local,
            Self::Aws | Self::Arn(_) => AgentPlace::Aws,
        }
    }

    async fn find(&self, args: &Args, ui: &Ui) -> Result<Partner, Failure> {
        let arn = match self {
            Self::Arn(arn) => Some(arn.clone()),
            Self::Dev | Self::Local | Self::Aws => None,
        };
        let aws = options::Aws {
            local: *self == Self::Local,
            ..args.aws.clone()
        };
        let runtime = (arn, args.endpoint.clone());
        let whom = Whom::new(runtime, args.bearer.clone(), args.project.clone(), aws);
        match self {
            Self::Dev => whom.find_developed(ui),
            Self::Local | Self::Aws | Self::Arn(_) => whom.find(ui).await,
        }
    }
}

pub(super) async fn test(
    args: &Args,
    manner: &Manner,
    against: &Against,
    ui: &Ui,
) -> Result<Tested, Failure> {
    let partner = against.find(args, ui).await?;
    partner.introduction(ui).await;
    let protocol = protocol(&partner).await?;
    let place = against.place();
    let report = remote::begin(protocol, place, |rule| args.is_wanted(rule));
    let end = match place {
        AgentPlace::Dev => "",
        AgentPlace::Local | AgentPlace::Aws => "; its sessions are stopped afterwards",
    };
    ui.status(
        "Checking",
        &format!(
            "{} with {}{end}",
            partner.name(),
            counted(remote::requests(protocol), "request")
        ),
    );
    let remote = Remote {
        plane: &partner.plane,
        arn: &partner.arn,
        endpoint: &partner.endpoint,
        contract: Contract::of(protocol, None, None),
        place,
    };
    let since = clock::wall();
    let testing = Box::pin(test_remote(&remote, manner, report));
    let Some(tested) = clock::unless_interrupted(testing).await else {
        return Err(interrupted(place));
    };
    match tested {
        Ok(report) => Ok(Tested {
            name: partner.id.clone(),
            protocol,
            report,
        }),
        Err(refusal) => Err(refused::explain(refusal, &partner, manner.limit, since, ui).await),
    }
}

/// Returns the protocol; if only an ARN is given, reads it from the runtime.
async fn protocol(partner: &Partner) -> Result<Protocol, Failure> {
    if let Some(agent) = &partner.agent {
        return Ok(agent.protocol);
    }
    let connection = partner.connection().await?;
    let Some(state) = Runtimes::over(&connection).read(&partner.id, None).await? else {
        return Err(Failure::world(format!("there is no {}", partner.name()))
            .note(format!("its ARN is `{}`", partner.arn)));
    };
    let name = state.fields.protocol;
    let known = Protocol::ALL
        .into_iter()
        .find(|known| known.service_name() == name);
    known.ok_or_else(|| {
        Failure::world(format!(
            "the {} speaks `{name}`, which `check` does not support",
            partner.name()
        ))
    })
}

fn interrupted(place: AgentPlace) -> Failure {
    let failure = Failure::new(Exit::Interrupted, "interrupted");
    match place {
        AgentPlace::Dev => failure,
        AgentPlace::Local | AgentPlace::Aws => failure
            .note("the sessions that were begun end when they have been idle for long enough"),
    }
}
