import os

from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()
MODEL = os.getenv("MODEL_ID", "us.anthropic.claude-sonnet-4-6")


@app.entrypoint
def invoke(payload):
    return {"answer": payload["prompt"].upper()}


if __name__ == "__main__":
    app.run()
