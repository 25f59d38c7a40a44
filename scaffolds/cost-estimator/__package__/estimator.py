"""The agent: prices from the AWS price list, calculations in the interpreter."""

from collections.abc import AsyncIterator
from functools import cache

from strands import Agent
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.models import BedrockModel, Model
from strands.types.content import Messages
from strands.types.tools import AgentTool

from .conversations import MAX_MESSAGES, conversation
from .interpreter import calculator
from .prices import attribute_values, prices
from .settings import MODEL_ID, region

INSTRUCTIONS = """\
You estimate what an architecture costs on AWS per month.

1. List the services that the architecture needs, and how much of each. If the question
   leaves something open, make a modest assumption and state it.
2. Look prices up with attribute_values and prices. Never guess a price.
3. Do every calculation with run_python.
4. Answer in the language of the question: a table with service, usage, unit price and
   monthly cost, then the total, then your assumptions.
"""


@cache
def model() -> Model:
    """Return the model, which is created on the first request."""
    return BedrockModel(model_id=MODEL_ID, region_name=region())


class CostEstimator:
    """Estimates what an architecture costs, within a session's conversation."""

    def __init__(self, session_id: str | None = None) -> None:
        """Continue the session's conversation, or start one."""
        self.session_id = session_id

    def agent(self, messages: Messages, run_python: AgentTool) -> Agent:
        """Build an agent that continues a conversation."""
        return Agent(
            model=model(),
            messages=list(messages),
            conversation_manager=SlidingWindowConversationManager(MAX_MESSAGES),
            system_prompt=INSTRUCTIONS,
            tools=[attribute_values, prices, run_python],
            callback_handler=None,
        )

    async def estimate(self, architecture: str) -> str:
        """Estimate what the described architecture costs."""
        async with conversation(self.session_id) as current:
            async with calculator() as run_python:
                agent = self.agent(current.messages, run_python)
                result = await agent.invoke_async(architecture)
            # Set last, so that a failed turn is not remembered.
            current.messages = agent.messages
        return str(result).strip()

    async def estimate_stream(self, architecture: str) -> AsyncIterator[str]:
        """Yield the estimate as the model produces it."""
        async with conversation(self.session_id) as current:
            async with calculator() as run_python:
                agent = self.agent(current.messages, run_python)
                async for event in agent.stream_async(architecture):
                    if "data" in event:
                        yield event["data"]
            current.messages = agent.messages
