from agents import Agent, Runner

agent = Agent(name="Shouter", instructions="Shout.")


async def ask(prompt: str) -> str:
    result = await Runner.run(agent, prompt)
    return result.final_output
