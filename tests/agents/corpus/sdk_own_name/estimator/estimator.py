from bedrock_agentcore import BedrockAgentCoreApp

from estimator.config import RATE

app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return payload["prompt"].upper() * RATE


if __name__ == "__main__":
    app.run()
