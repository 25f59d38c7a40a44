from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return payload["prompt"].upper()


if __name__ == "__main__":
    app.run()
