"""Does the work of `new` and `prepare` as the Python sample does: with argparse, shutil and boto3.

Does only what the sample does: no tags, no boundary, no read-back, only top-level *.py files.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import boto3

INVOKE = """from bedrock_agentcore import BedrockAgentCoreApp
from {name}.agent import answer

app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return answer(payload["prompt"])


if __name__ == "__main__":
    app.run()
"""


def new(arguments: argparse.Namespace) -> None:
    root = Path(arguments.path)
    name = root.name.replace("-", "_")
    sources = root / name
    deployment = root / "deployment"
    sources.mkdir(parents=True)
    deployment.mkdir()
    (sources / "__init__.py").write_text("")
    (sources / "agent.py").write_text("def answer(prompt: str) -> str:\n    return prompt\n")
    (deployment / "invoke.py").write_text(INVOKE.format(name=name))
    (deployment / "invoke_async.py").write_text(INVOKE.format(name=name))
    (deployment / "requirements.txt").write_text("bedrock-agentcore\n")
    (root / "README.md").write_text(f"# {name}\n")
    (root / ".gitignore").write_text("__pycache__/\n")


def trust(account: str, region: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": account},
                        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock-agentcore:{region}:{account}:*"},
                    },
                }
            ],
        }
    )


def permissions(account: str, region: str) -> str:
    logs = f"arn:aws:logs:{region}:{account}:log-group:/aws/bedrock-agentcore/runtimes/*"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:PutLogEvents"], "Resource": logs},
                {"Effect": "Allow", "Action": ["bedrock:InvokeModel"], "Resource": "arn:aws:bedrock:*::foundation-model/*"},
            ],
        }
    )


def prepare(arguments: argparse.Namespace) -> None:
    source = Path(arguments.source_dir)
    name = source.name
    copy = Path("deployment") / name
    copy.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.py"):
        shutil.copy2(file, copy / file.name)

    region = arguments.region
    account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
    iam = boto3.client("iam", region_name=region)
    role = f"AgentCoreRole-{name}"
    try:
        arn = iam.get_role(RoleName=role)["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        answer = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(account, region))
        arn = answer["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=role, PolicyName=f"{role}-policy", PolicyDocument=permissions(account, region)
    )
    print(
        "agentcore configure --entrypoint deployment/invoke.py "
        f"--name {name} --execution-role {arn} "
        f"--requirements-file deployment/requirements.txt --region {region}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Prepare an agent for Amazon Bedrock AgentCore.")
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("new", help="scaffold a folder")
    making.add_argument("path")
    making.set_defaults(run=new)
    preparing = commands.add_parser("prepare", help="copy the sources and make the role")
    preparing.add_argument("--source-dir", required=True)
    preparing.add_argument("--region", default=os.environ.get("AWS_DEFAULT_REGION", "us-west-2"))
    preparing.set_defaults(run=prepare)
    arguments = parser.parse_args()
    arguments.run(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
