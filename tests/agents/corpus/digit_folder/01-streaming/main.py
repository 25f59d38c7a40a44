from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()


@app.entrypoint
async def invoke(payload):
    for word in payload["prompt"].split():
        yield word.upper()


if __name__ == "__main__":
    app.run()
