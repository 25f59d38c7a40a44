"""Sums are done in the AgentCore Code Interpreter, not in the model's head."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bedrock_agentcore.tools.code_interpreter_client import CodeInterpreter
from botocore.exceptions import BotoCoreError, ClientError
from strands import tool

from .settings import region


class InterpreterUnavailable(RuntimeError):
    """The interpreter cannot be started."""

    def __init__(self, where: str, cause: Exception) -> None:
        super().__init__(
            f"the AgentCore Code Interpreter cannot be started in {where}: {cause}. "
            'The agent needs the permission "code-interpreter" in Cargo.toml, '
            "and a region that has the interpreter."
        )


@contextmanager
def calculator() -> Iterator[Any]:
    """Start the interpreter and offer it as a tool; stop it at the end."""
    client = CodeInterpreter(region())
    try:
        client.start()
    except (BotoCoreError, ClientError, ValueError) as error:
        raise InterpreterUnavailable(region(), error) from error

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
        client.stop()


def printed(response: dict[str, Any]) -> str:
    """Join the texts of the interpreter's answer."""
    texts = [
        block["text"]
        for event in response["stream"]
        for block in event.get("result", {}).get("content", [])
        if block.get("type") == "text"
    ]
    return "\n".join(texts)
