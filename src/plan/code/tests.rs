//! Findings in small agents.

use std::path::PathBuf;

use super::*;
use crate::{
    config::{Agent, Manifest, Stage, load},
    python::Parsed,
};

fn agent(keys: &str) -> Agent {
    let text = format!(
        "[workspace.metadata.agentcore]\nproject = \"x\"\n[workspace.metadata.agentcore.agents.a]\n{keys}\n"
    );
    let manifest = Manifest::new("/real/fake/Cargo.toml", text);
    load(&[manifest], &Stage::None).unwrap().agents.remove(0)
}

fn program(files: &[(&str, &str)]) -> Program {
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Parsed::read((*text).to_owned())))
        .collect()
}

/// Returns the findings: the marked text, and the entry that the help suggests.
fn told_in(keys: &str, files: &[(&str, &str)], settings: &[(&str, &str)]) -> Vec<String> {
    let program = program(files);
    let mut code = Code::reached(files[0].0, &program, program.keys().map(String::as_str));
    let paths: Vec<String> = settings
        .iter()
        .map(|(path, _)| (*path).to_owned())
        .collect();
    for path in code.named_settings(paths.iter()) {
        let (_, text) = settings.iter().find(|(name, _)| *name == path).unwrap();
        code.settings.insert(path.to_owned(), (*text).to_owned());
    }
    warnings(&agent(keys), &code, &|path| PathBuf::from(path))
        .into_iter()
        .map(|message| {
            let help = message.help.concat();
            let entry = help.split('`').nth(1).unwrap_or_default();
            match message.at {
                Some(at) => format!("{} -> {entry}", &at.text[at.span]),
                None => message.what,
            }
        })
        .collect()
}

fn told(keys: &str, code: &str) -> Vec<String> {
    told_in(keys, &[("agent.py", code)], &[])
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_model_that_only_the_code_names_is_told_once_with_its_place() {
    let code = "import os\n# \"us.anthropic.claude-1\"\nMODEL = os.environ.get('M') or \"us.anthropic.claude-2\"\nAGAIN = 'us.anthropic.claude-2'\nBARE = \"amazon.nova-pro-v1:0\"\n";
    let nova = "amazon.nova-pro-v1:0 -> \"amazon.nova-pro-v1:0\"";
    let claude = "us.anthropic.claude-2 -> \"us.anthropic.claude-2\"";
    assert_eq!(told("", code), [claude, nova]);
    assert_eq!(told("models = [\"us.anthropic.claude-2\"]", code), [nova]);
    // Another geography is another profile, which the role does not allow.
    let other = "models = [\"eu.anthropic.claude-2\", \"amazon.nova-pro-v1:0\"]";
    assert_eq!(told(other, code), [claude]);
}

#[test]
fn a_default_that_a_variable_replaces_is_left_alone_and_the_variable_is_looked_at() {
    let keys = "models = [\"eu.anthropic.claude-2\"]\nenv = { M = \"eu.anthropic.claude-2\" }";
    for code in [
        "import os\nMODEL = os.environ.get(\"M\") or \"us.anthropic.claude-2\"\n",
        "import os\nMODEL = os.getenv(\"M\", \"us.anthropic.claude-2\")\n",
        "from os import environ\nMODEL = environ.get(\"M\", default=\"us.anthropic.claude-2\")\n",
    ] {
        assert_eq!(told(keys, code), NOTHING, "{code}");
        assert_eq!(
            told("env = { M = \"eu.anthropic.claude-2\" }", code),
            [
                "the variable `M` of agent `a` names the model `eu.anthropic.claude-2`, which `models` does not list"
            ]
        );
    }
}

#[test]
fn a_model_is_known_however_it_is_written() {
    for (code, marked, id) in [
        (
            "model = f'bedrock/us.anthropic.claude-{V}'\n",
            "bedrock/us.anthropic.claude-{V}",
            "us.anthropic.claude-3",
        ),
        (
            "model = 'bedrock_converse:' + 'amazon.nova-pro-v1:0'\n",
            "'bedrock_converse:' + 'amazon.nova-pro-v1:0'",
            "amazon.nova-pro-v1:0",
        ),
        (
            "x(model='arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3')\n",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3",
            "us.anthropic.claude-3",
        ),
        (
            "import os\nM = f\"{os.getenv('GEO', 'eu')}.amazon.nova-lite-v1:0\"\n",
            "{os.getenv('GEO', 'eu')}.amazon.nova-lite-v1:0",
            "eu.amazon.nova-lite-v1:0",
        ),
        (
            "def f(model=('us.'\n  'meta.llama-4')): pass\n",
            "'us.'\n  'meta.llama-4'",
            "us.meta.llama-4",
        ),
    ] {
        let code = format!("V = '3'\nV = '3'\n{code}");
        assert_eq!(told("", &code), [format!("{marked} -> \"{id}\"")], "{code}");
    }
}

#[test]
fn other_words_are_no_models_and_a_brought_role_is_not_judged() {
    let code = "from x import y\na = \"amazon.com\"\nb = 'openai.types'\nc = \"it's anthropic.claude-2 here\"\nd = \"google.Cloud-x\"\ne = {'us.anthropic.claude-2': 3}\nif a == 'us.anthropic.claude-3': pass\n'us.anthropic.claude-4'\nf = f'us.anthropic.claude-{a()}'\n";
    assert_eq!(told("", code), NOTHING);
    let given = "role = { arn = \"arn:aws:iam::123456789012:role/ours\" }";
    assert_eq!(told(given, "m = \"us.anthropic.claude-2\"\n"), NOTHING);
    let attached = "managed-policies = [\"arn:aws:iam::aws:policy/AmazonBedrockFullAccess\"]";
    assert_eq!(told(attached, "m = \"us.anthropic.claude-2\"\n"), NOTHING);
}

#[test]
fn only_what_the_entry_point_reaches_counts() {
    let files = [
        ("invoke.py", "def main():\n    from shop import agent\n"),
        (
            "shop/agent.py",
            "from . import tools\nCONFIG = 'conf/models.yaml'\n",
        ),
        ("shop/tools.py", "M = 'us.anthropic.claude-2'\n"),
        ("shop/old.py", "M = 'us.anthropic.claude-1'\n"),
    ];
    let settings = [
        (
            "shop/conf/models.yaml",
            "# us.anthropic.claude-4\nllm: bedrock/us.anthropic.claude-3 # why\n",
        ),
        ("shop/conf/other.json", "{\"m\": \"us.anthropic.claude-5\"}"),
    ];
    assert_eq!(
        told_in("", &files, &settings),
        [
            "us.anthropic.claude-2 -> \"us.anthropic.claude-2\"",
            "bedrock/us.anthropic.claude-3 -> \"us.anthropic.claude-3\"",
        ]
    );
}

#[test]
fn the_default_model_of_strands_counts_where_nothing_else_is_named() {
    let default = ["Agent -> \"global.anthropic.claude-sonnet-4-6\""];
    let code = "from strands import Agent\nagent = Agent(tools=[])\n";
    assert_eq!(told("", code), default);
    assert_eq!(told("models = [\"us.anthropic.claude-2\"]", code), NOTHING);
    for code in [
        "from strands import Agent\nagent = Agent(model=made())\n",
        "from strands import Agent\nagent = Agent(made())\n",
        "from strands import Agent\nagent = Agent(**made())\n",
        "from other import Agent\nagent = Agent()\n",
    ] {
        assert_eq!(told("", code), NOTHING, "{code}");
    }
}

const USES: &str = "\
import boto3, os
from bedrock_agentcore.tools.code_interpreter_client import code_session
from bedrock_agentcore.memory import MemoryClient
from bedrock_agentcore.identity.auth import requires_api_key
from strands_tools.browser import AgentCoreBrowser
s3 = boto3.client('s3')
session = boto3.Session(region_name='us-east-1')
TABLE = 'orders'
class Store:
    def __init__(self):
        self.table = boto3.resource('dynamodb').Table(TABLE)
        self.queue = None
    def go(self, key):
        self.table.get_item(Key=key)
        self.table.put_item(Item=key)
        self.queue = self.queue or session.client('sqs')
def go(bucket):
    s3.list_buckets()
    s3.get_object(Bucket='data', Key='x')
    s3.put_object(Bucket=bucket)
    session.client('secretsmanager').get_secret_value(SecretId='name')
    boto3.client('pricing').get_products()
    boto3.client('sts').get_caller_identity()
    boto3.client('lambda').invoke(FunctionName='price:prod')
    boto3.client('bedrock-agent-runtime').retrieve(knowledgeBaseId=os.environ['KB'])
    for page in boto3.client('dynamodb').get_paginator('scan').paginate(TableName='stock'): pass
    boto3.client('ssm').get_parameter(Name='/shop/key')
    boto3.client('sqs').send_message(QueueUrl='https://sqs.us-east-1.amazonaws.com/123456789012/jobs')
    boto3.client('sns', endpoint_url='http://localhost').publish(TopicArn='arn')
    with code_session('us-west-2') as client: pass
    MemoryClient().create_event(memory_id=os.getenv('MEMORY_ID'))
    AgentCoreBrowser(identifier='mine-AbCdEf1234')
@requires_api_key(provider_name='search')
def tool(): pass
if __name__ == '__main__':
    pass
";

#[test]
fn what_the_code_uses_is_told_with_what_to_declare() {
    assert_eq!(
        told("", USES),
        [
            "boto3.resource('dynamodb').Table -> { dynamodb = \"orders\", access = \"read-write\" }",
            "s3.get_object -> { s3 = \"arn:aws:s3:::data/*\", access = \"read\" }",
            "session.client('secretsmanager').get_secret_value -> { secret = \"ARN\" }",
            "boto3.client('pricing').get_products -> \"pricing\"",
            "boto3.client('lambda').invoke -> { lambda = \"price:prod\" }",
            "boto3.client('bedrock-agent-runtime').retrieve -> { knowledge-base = \"ID\" }",
            "boto3.client('dynamodb').get_paginator('scan').paginate -> { dynamodb = \"stock\", access = \"read\" }",
            "boto3.client('ssm').get_parameter -> { ssm = \"/shop/key\" }",
            "boto3.client('sqs').send_message -> { sqs = \"jobs\", access = \"send\" }",
            "code_session -> \"code-interpreter\"",
            "MemoryClient().create_event -> { memory = \"ID\" }",
            "AgentCoreBrowser -> { browser = \"mine-AbCdEf1234\" }",
            "requires_api_key -> { api-key = \"search\" }",
        ]
    );
}

#[test]
fn what_may_be_allowed_is_left_alone() {
    let table = "permissions = [\"code-interpreter\", \"pricing\", { browser = \"mine-AbCdEf1234\" }, \
        { memory = \"notes-AbCdEf1234\" }, { s3 = \"arn:aws:s3:::data/*\", access = \"read-write\" }, \
        { api-key = \"search\" }, { lambda = \"price:prod\" }, { knowledge-base = \"ABCDEFGHIJ\" }, \
        { secret = \"arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf\" }, \
        { dynamodb = \"arn:aws:dynamodb:us-east-1:123456789012:table/orders\", access = \"read-write\" }, \
        { dynamodb = \"stock\" }, { ssm = \"/shop/*\" }, { sqs = \"jobs\", access = \"send-receive\" }]";
    assert_eq!(told(table, USES), NOTHING);
    let narrower = table
        .replace(
            "\"read-write\" }, \\\n        { dynamodb = \"stock\"",
            "\"read\" }, { dynamodb = \"other\"",
        )
        .replace(
            ", access = \"read-write\" }, { dynamodb",
            ", access = \"read\" }, { dynamodb",
        )
        .replace("/shop/*", "/store/*")
        .replace("stock", "stocks")
        .replace("mine-AbCdEf1234", "other-AbCdEf1234");
    let told_of = told(&narrower, USES);
    for entry in [
        "{ dynamodb = \"orders\", access = \"read-write\" }",
        "{ dynamodb = \"stock\", access = \"read\" }",
        "{ ssm = \"/shop/key\" }",
        "{ browser = \"mine-AbCdEf1234\" }",
    ] {
        assert!(
            told_of.iter().any(|told| told.ends_with(entry)),
            "{entry}: {told_of:?}"
        );
    }
    assert_eq!(told_of.len(), 4, "{told_of:?}");
    let all = "permissions = [{ allow = [\"dynamodb:GetItem\"], on = [\"arn:aws:dynamodb:us-east-1:123456789012:table/x\"] }]";
    let told_of = told(all, USES);
    assert!(
        !told_of.iter().any(|told| told.contains("dynamodb")),
        "{told_of:?}"
    );
    assert_eq!(told_of.len(), 11, "{told_of:?}");
}

#[test]
fn a_gateway_that_takes_signatures_is_told_by_its_address() {
    let code = "\
from mcp_proxy_for_aws.client import aws_iam_streamablehttp_client
def tools():
    return aws_iam_streamablehttp_client(
        'https://tools-AbCdEf1234.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp',
        aws_region='us-east-1', aws_service='bedrock-agentcore')
";
    assert_eq!(
        told("", code),
        ["aws_iam_streamablehttp_client -> { gateway = \"tools-AbCdEf1234\" }"]
    );
    let declared = "permissions = [{ gateway = \"tools-AbCdEf1234\" }]";
    assert_eq!(told(declared, code), NOTHING);
}

#[test]
fn a_knowledge_base_is_found_in_the_settings_of_a_call() {
    let code = "\
import boto3
client = boto3.client('bedrock-agent-runtime')
def ask(text):
    return client.retrieve_and_generate(
        input={'text': text},
        retrieveAndGenerateConfiguration={
            'type': 'KNOWLEDGE_BASE',
            'knowledgeBaseConfiguration': {
                'knowledgeBaseId': 'KB12345678',
                'modelArn': 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3d4e5f6',
            },
        },
    )
";
    assert_eq!(
        told("", code),
        [
            "client.retrieve_and_generate -> { knowledge-base = \"KB12345678\" }",
            "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3d4e5f6 -> { inference-profile = \"arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3d4e5f6\" }",
        ]
    );
    let declared = "permissions = [{ knowledge-base = \"KB12345678\" }, { inference-profile = \"a1b2c3d4e5f6\" }]";
    assert_eq!(told(declared, code), NOTHING);
}

#[test]
fn another_agent_is_told_by_the_name_of_its_runtime() {
    let code = "\
import boto3
boto3.client('bedrock-agentcore').invoke_agent_runtime(
    agentRuntimeArn='arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/price_agent-AbCdEf1234',
    payload=b'{}')
";
    assert_eq!(
        told("", code),
        ["boto3.client('bedrock-agentcore').invoke_agent_runtime -> { agent = \"price_agent\" }"]
    );
    assert_eq!(
        told("permissions = [{ agent = \"price_agent\" }]", code),
        NOTHING
    );
}

#[test]
fn headers_that_fastapi_hands_over_are_told() {
    let code = "\
from typing import Annotated
from fastapi import FastAPI, Header
app = FastAPI()
@app.post('/invocations')
async def invoke(body: dict, x_tenant: str = Header(), key: str = Header(None, alias='X-Key'),
                 trace: Annotated[str, Header()] = '', other: str = Query()):
    pass
";
    assert_eq!(
        told("header-allowlist = [\"X-Tenant\"]", code),
        ["key -> \"X-Key\"", "trace -> \"trace\""]
    );
}

#[test]
fn names_that_hold_different_things_are_left_alone() {
    for code in [
        "import boto3\ns3 = boto3.client('s3')\ndef go(s3):\n    s3.get_object(Bucket='x')\n",
        "import boto3\ns3 = boto3.client('s3')\nif x:\n    s3 = made()\ns3.get_object(Bucket='x')\n",
        "import boto3\ns3 = boto3.client('s3', aws_access_key_id=key())\ns3.get_object(Bucket='x')\n",
        "import boto3\ns3 = boto3.Session(**role()).client('s3')\ns3.get_object(Bucket='x')\n",
        "class S3:\n    pass\ns3 = S3()\ns3.get_object(Bucket='x')\nclient('s3').get_object()\n",
    ] {
        assert_eq!(told("", code), NOTHING, "{code}");
    }
    let later = "import boto3\ns3 = None\ndef go():\n    global s3\n    s3 = boto3.client('s3')\n    s3.get_object(Bucket='x')\n";
    assert_eq!(told("", later).len(), 1);
}

#[test]
fn headers_that_never_arrive_are_told() {
    let code = "\
def a(payload, context):
    tenant = context.request_headers.get('X-Tenant')
    headers = context.request_headers or {}
    user = headers['X-User']
    session = headers.get('X-Amzn-Bedrock-AgentCore-Runtime-Session-Id')
    {}.get('X-Other')
async def b(request):
    return request.headers.get('content-type'), request.headers.get('authorization')
";
    assert_eq!(
        told("header-allowlist = [\"x-tenant\"]", code),
        [
            "'X-User' -> \"X-User\"",
            "'authorization' -> \"authorization\""
        ]
    );
}

#[test]
fn deep_nesting_and_growing_texts_come_to_an_end() {
    let deep = format!(
        "x = {}'us.anthropic.claude-2'{}\n",
        "(".repeat(30_000),
        ")".repeat(30_000)
    );
    let calls = format!(
        "import boto3\nx = boto3.client('s3'){}\n",
        ".a()".repeat(20_000)
    );
    let or = format!("import os\nx = {}'x'\n", "os.getenv('A') or ".repeat(5_000));
    let growing = (0..60).fold("a0 = 'xxxxxxxxxxxxxxxx'\n".to_owned(), |text, at| {
        format!("{text}a{} = f'{{a{at}}}{{a{at}}}'\n", at + 1)
    });
    for code in [deep, calls, or, growing] {
        told("", &code);
    }
}
