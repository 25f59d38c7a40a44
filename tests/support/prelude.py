"""Comes before every script that the tests run with boto3: `client`, `account`, `endpoint`."""

import json  # noqa: F401
import os

import boto3
from botocore.config import Config

endpoint = os.environ["EMULATOR_URL"]
account = os.environ["EMULATOR_ACCOUNT"]


def client(service: str, region: str = "us-east-1"):
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        config=Config(
            retries={"max_attempts": 1},
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
        ),
    )
