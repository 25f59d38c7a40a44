"""Runs the boto3 scripts of a test binary, one after another.

Importing boto3 and reading the models of the services takes longer than most scripts, so a process is
kept for many of them. Each line of stdin is a request and each line of stdout its answer, in JSON. The
process ends with its stdin, that is, with the test binary.
"""

import contextlib
import functools
import gc
import io
import json
import os
import sys
import traceback

import boto3
from botocore.config import Config


@functools.lru_cache(maxsize=64)
def client_of(endpoint: str, service: str, region: str):
    """Returns a client, which is made once because that takes longer than most requests."""
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


def names(endpoint: str, account: str) -> dict:
    """Returns the names for every script: `client(service, region)`, `account`, `endpoint`, `json` and `os`."""

    def client(service: str, region: str = "us-east-1"):
        return client_of(endpoint, service, region)

    return {
        "__name__": "__main__",
        "account": account,
        "boto3": boto3,
        "client": client,
        "Config": Config,
        "endpoint": endpoint,
        "json": json,
        "os": os,
    }


def answer(request: dict) -> dict:
    os.environ.update(request["variables"])
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            code = compile(request["script"], "<script>", "exec")
            exec(code, names(request["endpoint"], request["account"]))
    except BaseException:
        return {"printed": printed.getvalue(), "error": traceback.format_exc()}
    finally:
        for name in request["variables"]:
            os.environ.pop(name, None)
    return {"printed": printed.getvalue(), "error": None}


# As in launch.py.
gc.freeze()
gc.set_threshold(100_000, 50, 100)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
