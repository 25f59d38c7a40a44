from bedrock_agentcore import BedrockAgentCoreApp
from langchain.agents import create_agent

agent = create_agent(model="us.amazon.nova-lite-v1:0", tools=[])
app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    message = {"role": "user", "content": payload["prompt"]}
    return agent.invoke({"messages": [message]})["messages"][-1]["content"]


if __name__ == "__main__":
    app.run()
