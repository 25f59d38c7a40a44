"""Runs calculations in the AgentCore Code Interpreter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Lock
from typing import Any

from bedrock_agentcore.tools.code_interpreter_client import CodeInterpreter
from botocore.exceptions import BotoCoreError, ClientError
from strands import tool
from strands.types.tools import AgentTool

from .settings import region


class InterpreterUnavailable(RuntimeError):
    """The interpreter cannot be started."""


class Interpreter:
    """An interpreter that starts when it is first used."""

    def __init__(self) -> None:
        """Create an interpreter without starting it."""
        self.client: CodeInterpreter | None = None
        self.problem: InterpreterUnavailable | None = None
        self.lock = Lock()

    def run(self, code: str) -> str:
        """Run Python code and return what it prints."""
        # A model may use a tool several times at once.
        with self.lock:
            return printed(self.started().execute_code(code))

    def started(self) -> CodeInterpreter:
        """Return the client, starting the interpreter if necessary."""
        if self.client is None:
            client = CodeInterpreter(region())
            try:
                client.start()
            except (BotoCoreError, ClientError) as error:
                self.problem = InterpreterUnavailable(
                    "the AgentCore Code Interpreter cannot be started in "
                    f"{region()}: {error}. The agent needs the permission "
                    '"code-interpreter" in Cargo.toml, and a region that has it.'
                )
                raise self.problem from error
            self.client, self.problem = client, None
        return self.client

    def stop(self) -> None:
        """Stop the interpreter if it is running."""
        if self.client is not None:
            # If this fails, the interpreter ends by itself after a while.
            with suppress(BotoCoreError, ClientError):
                self.client.stop()


@asynccontextmanager
async def calculator() -> AsyncIterator[AgentTool]:
    """Yield an interpreter as a tool, and stop it afterwards."""
    interpreter = Interpreter()

    @tool
    def run_python(code: str) -> str:
        """Run Python code and return what it prints.

        Args:
            code: The code. It can use variables from earlier calls.
        """
        return interpreter.run(code)

    try:
        yield run_python
    finally:
        await asyncio.to_thread(interpreter.stop)
    # The model saw the error, but its answer is then no estimate.
    if interpreter.problem:
        raise interpreter.problem


def printed(response: dict[str, Any]) -> str:
    """Join the texts in the interpreter's response."""
    texts = [
        block["text"]
        for event in response["stream"]
        for block in event.get("result", {}).get("content", [])
        if block.get("type") == "text"
    ]
    return "\n".join(texts)
