import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

arn = os.environ["ARN"]
config = Config(retries={"max_attempts": 0}, read_timeout=60)
plane = boto3.client("bedrock-agentcore", config=config)
control = boto3.client("bedrock-agentcore-control", config=config)


def error(call, **arguments):
    """Returns the name and message of a call's error."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise SystemExit("there was no error")


