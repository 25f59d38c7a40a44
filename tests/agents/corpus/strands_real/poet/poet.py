import os

from bedrock_agentcore import BedrockAgentCoreApp
from strands import Agent, tool


@tool
def shout(text: str) -> str:
    """Make a text loud."""
    return text.upper()


app = BedrockAgentCoreApp()
agent = Agent(tools=[shout], model=os.getenv("MODEL_ID", "us.amazon.nova-lite-v1:0"))


@app.entrypoint
def invoke(payload):
    result = agent.tool.shout(text=payload["prompt"], record_direct_tool_call=False)
    return result["content"][0]["text"]


if __name__ == "__main__":
    app.run()
