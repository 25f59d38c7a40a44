"""Sums are done in the AgentCore Code Interpreter, not in the model's head."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from bedrock_agentcore.tools.code_interpreter_client import CodeInterpreter
from botocore.exceptions import BotoCoreError, ClientError
from strands import tool
from strands.types.tools import AgentTool

from .settings import region


class InterpreterUnavailable(RuntimeError):
    """The interpreter cannot be started."""


@asynccontextmanager
async def calculator() -> AsyncIterator[AgentTool]:
    """Start the interpreter and offer it as a tool; stop it at the end."""
    client = CodeInterpreter(region())
    try:
        await asyncio.to_thread(client.start)
    except (BotoCoreError, ClientError) as error:
        raise InterpreterUnavailable(
            "the AgentCore Code Interpreter cannot be started in "
            f"{region()}: {error}. The agent needs the permission "
            '"code-interpreter" in Cargo.toml, and a region that has the interpreter.'
        ) from error

    @tool
    def run_python(code: str) -> str:
        """Run Python code and return what it prints.

        Args:
            code: The code. Variables stay between calls.
        """
        return printed(client.execute_code(code))

    try:
        yield run_python
    finally:
        # A session that is not stopped ends by itself: no reason to lose an answer.
        with suppress(BotoCoreError, ClientError):
            await asyncio.to_thread(client.stop)


def printed(response: dict[str, Any]) -> str:
    """Join the texts of the interpreter's answer."""
    texts = [
        block["text"]
        for event in response["stream"]
        for block in event.get("result", {}).get("content", [])
        if block.get("type") == "text"
    ]
    return "\n".join(texts)
