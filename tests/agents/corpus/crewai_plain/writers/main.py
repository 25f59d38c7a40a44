from bedrock_agentcore import BedrockAgentCoreApp
from crew import kickoff

app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return kickoff(payload["prompt"])


if __name__ == "__main__":
    app.run()
