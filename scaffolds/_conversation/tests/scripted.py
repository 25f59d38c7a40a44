"""Stand-ins for a caller and a model, so that the tests need no AWS."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from bedrock_agentcore import RequestContext
from strands.models import Model
from strands.types.content import Messages


def context(session_id: str | None = None) -> RequestContext:
    """Return the context of a request in this session."""
    return RequestContext(session_id=session_id, request_headers=None, request=None)


class ScriptedModel(Model):
    """Answers each call with the next reply of its script.

    A reply is a text, or the name of a tool with its arguments. `heard` holds the
    messages of each call.
    """

    def __init__(self, *replies: str | tuple[str, dict[str, Any]]) -> None:
        """Answer with these replies, in this order."""
        self.replies = list(replies)
        self.heard: list[Messages] = []

    async def stream(
        self, messages: Messages, *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Yield the next reply, as Bedrock would."""
        self.heard.append(list(messages))
        reply = self.replies.pop(0)
        yield {"messageStart": {"role": "assistant"}}
        if isinstance(reply, str):
            for word in re.findall(r"\S+\s*", reply):
                yield {"contentBlockDelta": {"delta": {"text": word}}}
        else:
            name, arguments = reply
            tool = {"name": name, "toolUseId": f"call-{len(self.heard)}"}
            yield {"contentBlockStart": {"start": {"toolUse": tool}}}
            given = {"input": json.dumps(arguments)}
            yield {"contentBlockDelta": {"delta": {"toolUse": given}}}
        yield {"contentBlockStop": {}}
        reason = "end_turn" if isinstance(reply, str) else "tool_use"
        yield {"messageStop": {"stopReason": reason}}

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        """Not scripted."""
        raise NotImplementedError

    def update_config(self, **config: Any) -> None:
        """Ignore the configuration."""

    def get_config(self) -> dict[str, Any]:
        """Return no configuration."""
        return {}
