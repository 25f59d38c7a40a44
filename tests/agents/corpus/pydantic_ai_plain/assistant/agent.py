from pydantic_ai import Agent

agent = Agent("bedrock:us.amazon.nova-lite-v1:0", instructions="Shout.")


async def run(prompt: str) -> str:
    result = await agent.run(prompt)
    return result.output
