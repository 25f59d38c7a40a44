from bedrock_agentcore import BedrockAgentCoreApp

from src.tools.text import shout

app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return shout(payload["prompt"])


if __name__ == "__main__":
    app.run()
