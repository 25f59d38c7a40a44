"""The agent: prices from the price list, sums from the interpreter."""

from collections.abc import AsyncIterator

from strands import Agent
from strands.models import BedrockModel
from strands.types.tools import AgentTool

from .interpreter import calculator
from .prices import attribute_values, prices
from .settings import MODEL_ID, region

INSTRUCTIONS = """\
You estimate what an architecture costs on AWS in a month.

1. List the services that the architecture needs, and how much of each. Where the
   question leaves something open, assume something modest and say what you assumed.
2. Look prices up with attribute_values and prices. Never guess a price.
3. Do every sum with run_python.
4. Answer in the language of the question: a table with service, usage, unit price and
   cost a month, the total, then your assumptions.
"""


class CostEstimator:
    """Estimates costs, in one piece or as a stream."""

    def agent(self, run_python: AgentTool) -> Agent:
        """Make an agent that remembers nothing of earlier requests."""
        return Agent(
            model=BedrockModel(model_id=MODEL_ID, region_name=region()),
            system_prompt=INSTRUCTIONS,
            tools=[attribute_values, prices, run_python],
            callback_handler=None,
        )

    async def estimate(self, architecture: str) -> str:
        """Estimate what the described architecture costs."""
        async with calculator() as run_python:
            result = await self.agent(run_python).invoke_async(architecture)
        return str(result).strip()

    async def estimate_stream(self, architecture: str) -> AsyncIterator[str]:
        """Estimate, and tell it piece by piece."""
        async with calculator() as run_python:
            async for event in self.agent(run_python).stream_async(architecture):
                if "data" in event:
                    yield event["data"]
