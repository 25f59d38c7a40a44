//! Agents that declare every capability.

use super::{
    AccountId, Agent, Partition, Permission, Region, RoleSettings, RuntimeName, Scope, Target,
};
use crate::{
    config::{
        Access, Allowed, Bytecode, Language, Layout, Lifecycle, Local, ManagedPolicy, Model,
        Network, Protocol, QueueAccess, RoleArn, Runtime, Settings, TableScope,
    },
    names::{AgentName, IamPath, ProjectId, RoleName},
};

pub(super) const ACCOUNT: &str = "123456789012";
/// Region and account of resources that are declared by ARN.
pub(super) const ELSEWHERE: (&str, &str) = ("eu-west-1", "210987654321");

#[derive(Debug, Clone)]
pub(super) enum What {
    Model(Model),
    Permission(Permission),
}

/// Something that the metadata can declare, with a file name.
#[derive(Debug, Clone)]
pub(super) struct Capability {
    pub(super) name: &'static str,
    what: What,
}

/// Returns every capability, on resources whose names contain `mark`.
pub(super) fn capabilities(partition: Partition, mark: &str) -> Vec<Capability> {
    let model = |name, id: &str| Capability {
        name,
        what: What::Model(Model::parse(id).unwrap()),
    };
    let asked = |name, permission| Capability {
        name,
        what: What::Permission(permission),
    };
    let objects = |kind: &str, access| Permission::S3 {
        arn: format!("arn:{partition}:s3:::bucket-{mark}/{kind}"),
        access,
    };
    let region = match partition {
        Partition::Aws => "us-west-2",
        Partition::AwsUsGov => "us-gov-west-1",
        Partition::AwsCn => "cn-north-1",
        Partition::AwsEusc => "eusc-de-east-1",
    };
    let secret =
        format!("arn:{partition}:secretsmanager:{region}:{ACCOUNT}:secret:secret-{mark}-AbCdEf");
    let id = |kind: &str| Some(format!("{kind}-{mark}"));
    let cluster = format!("arn:{partition}:rds:{region}:{ACCOUNT}:cluster:cluster-{mark}");
    let runtime = format!("called_{}", mark.replace('-', "_"));
    let mut all = vec![
        model("model", "amazon.nova-lite-v1:0"),
        model("model-profile", "us.anthropic.claude-sonnet-4-6"),
        model("model-profile-global", "global.anthropic.claude-sonnet-4-6"),
        model("model-profile-gov", "us-gov.anthropic.claude-sonnet-4-6"),
        asked("code-interpreter", Permission::CodeInterpreter(None)),
        asked(
            "code-interpreter-custom",
            Permission::CodeInterpreter(id("interpreter")),
        ),
        asked("browser", Permission::Browser(None)),
        asked("browser-custom", Permission::Browser(id("browser"))),
        asked("pricing", Permission::Pricing),
        asked(
            "memory",
            Permission::Memory(format!("memory_{mark}-AbCdEf1234")),
        ),
        asked("gateway", Permission::Gateway(format!("gateway-{mark}"))),
        asked(
            "guardrail",
            Permission::Guardrail(format!("guardrail{mark}")),
        ),
        asked("s3-read", objects("read/*", Access::Read)),
        asked("s3-read-write", objects("write/*", Access::ReadWrite)),
        asked("s3-object", objects("one.txt", Access::Read)),
        asked("secret", Permission::Secret(secret)),
        asked("identity", Permission::WorkloadIdentity),
        asked("api-key", Permission::ApiKey(format!("key-{mark}"))),
        asked("oauth", Permission::OAuth(format!("oauth-{mark}"))),
        asked(
            "agent",
            Permission::Agent(RuntimeName::parse(&runtime).unwrap()),
        ),
        asked("marketplace", Permission::Marketplace),
        asked(
            "allow",
            Permission::Allow(Allowed {
                actions: vec!["rds-data:ExecuteStatement".into()],
                on: vec![cluster],
                reason: None,
            }),
        ),
    ];
    all.extend(of_services(partition, mark));
    all
}

/// Resources of other services, by name and by an ARN in another region and account.
fn of_services(partition: Partition, mark: &str) -> Vec<Capability> {
    let asked = |name, permission| Capability {
        name,
        what: What::Permission(permission),
    };
    let elsewhere = |service: &str, resource: &str| {
        let (region, account) = ELSEWHERE;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}-{mark}")
    };
    // Ten letters and digits.
    let base: String = format!("kb{}0000000000", mark.replace('-', "x"));
    let queue = |queue, access| Permission::SqsQueue { queue, access };
    let table = |table, access| Permission::DynamoDb { table, access };
    vec![
        asked(
            "inference-profile",
            Permission::InferenceProfile(format!("profile-{mark}")),
        ),
        asked(
            "knowledge-base",
            Permission::KnowledgeBase(base[..10].to_owned()),
        ),
        asked("dynamodb-read", table(format!("read-{mark}"), Access::Read)),
        asked(
            "dynamodb-read-write",
            table(format!("write-{mark}"), Access::ReadWrite),
        ),
        asked(
            "dynamodb-elsewhere",
            table(elsewhere("dynamodb", "table/table"), Access::Read),
        ),
        asked("ssm", Permission::SsmParameter(format!("parameter-{mark}"))),
        asked(
            "ssm-path",
            Permission::SsmParameter(format!("/path-{mark}/*")),
        ),
        asked(
            "ssm-public",
            Permission::SsmParameter(format!("/aws/service/{mark}/*")),
        ),
        asked("sqs-send", queue(format!("send-{mark}"), QueueAccess::Send)),
        asked(
            "sqs-receive",
            queue(format!("receive-{mark}.fifo"), QueueAccess::Receive),
        ),
        asked(
            "sqs-send-receive",
            queue(elsewhere("sqs", "both"), QueueAccess::SendReceive),
        ),
        asked("sns", Permission::SnsTopic(format!("topic-{mark}"))),
        asked(
            "lambda",
            Permission::LambdaFunction(format!("function-{mark}")),
        ),
        asked(
            "lambda-alias",
            Permission::LambdaFunction(format!("function-{mark}:live")),
        ),
    ]
}

/// Returns an agent whose role has a boundary.
pub(super) fn agent(name: &str, capabilities: &[Capability]) -> Agent {
    let mut models = Vec::new();
    let mut permissions = Vec::new();
    for capability in capabilities {
        match &capability.what {
            What::Model(model) => models.push(model.clone()),
            What::Permission(permission) => permissions.push(permission.clone()),
        }
    }
    Agent {
        name: AgentName::parse(name).unwrap(),
        runtime_name: RuntimeName::parse(name).unwrap(),
        project: ProjectId::parse("project-7k2qpx").unwrap(),
        stage: None,
        scope: TableScope::Workspace,
        dir: "/real/fake".into(),
        language: Language::Python,
        artifact: crate::config::Artifact::Zip,
        base_image: None,
        dockerfile: None,
        image: None,
        source: name.into(),
        include: Vec::new(),
        layout: Layout::Flat,
        deployment: None,
        entrypoint: "invoke.py".into(),
        requirements: "requirements.txt".into(),
        runtime: Runtime::Python313,
        bytecode: Bytecode::Auto,
        exclude_packages: Vec::new(),
        models,
        permissions,
        resources: Vec::new(),
        env: [].into(),
        lifecycle: Lifecycle::default(),
        network: Network::Public,
        protocol: Protocol::Http,
        authorizer: None,
        header_allowlist: Vec::new(),
        description: None,
        platform: None,
        callers: [].into(),
        settings: Settings::default(),
        region: None,
        account: None,
        profile: None,
        tags: [].into(),
        shared_tags: [].into(),
        role: RoleSettings::Managed {
            name: RoleName::parse(&format!("AgentCoreRole-{name}")).unwrap(),
            path: IamPath::parse("/agents/").unwrap(),
            boundary: Some(ManagedPolicy::Name("AgentBoundary".into())),
            policies: [].into(),
        },
        local: Local::default(),
    }
}

/// Returns the ARN of the bucket that all agents of the project share.
pub(super) fn bucket() -> String {
    let agent = agent("any", &[]);
    let scope = scope("any", "us-west-2");
    let name = crate::names::ours::bucket(&agent.project, &scope.account, &scope.region);
    format!("arn:aws:s3:::{name}")
}

/// Gives the agent an image instead of an archive.
pub(super) fn into_image(agent: &mut Agent) {
    agent.artifact = crate::config::Artifact::Image;
}

/// Has CodeBuild build the agent's image.
pub(super) fn into_dockerfile(agent: &mut Agent) {
    agent.artifact = crate::config::Artifact::Dockerfile;
    agent.dockerfile = Some(crate::config::Dockerfile::default());
}

pub(super) fn take_boundary(agent: &mut Agent) {
    if let RoleSettings::Managed { boundary, .. } = &mut agent.role {
        *boundary = None;
    }
}

pub(super) fn attach(agent: &mut Agent, declared: &[ManagedPolicy]) {
    if let RoleSettings::Managed { policies, .. } = &mut agent.role {
        policies.extend(declared.iter().cloned());
    }
}

pub(super) fn into_vpc(agent: &mut Agent) {
    agent.network = Network::Vpc {
        subnets: vec!["subnet-0a1b2c3d".into()],
        security_groups: vec!["sg-0a1b2c3d".into()],
    };
}

pub(super) fn give_role(agent: &mut Agent) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/theirs/role");
    agent.role = RoleSettings::Given {
        arn: RoleArn::parse(&arn).unwrap(),
    };
}

pub(super) fn scope(runtime: &str, region: &str) -> Scope {
    let region = Region::parse(region).unwrap();
    Scope {
        partition: region.partition(),
        region,
        account: AccountId::parse(ACCOUNT).unwrap(),
        runtime: RuntimeName::parse(runtime).unwrap(),
    }
}

pub(super) fn target<'a>(agent: &'a Agent, region: &str) -> Target<'a> {
    Target {
        agent,
        scope: scope(agent.runtime_name.as_str(), region),
        repository: Some(format!("bedrock-agentcore-{}", agent.runtime_name)),
    }
}
