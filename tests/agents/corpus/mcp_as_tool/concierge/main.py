from bedrock_agentcore import BedrockAgentCoreApp

COMMAND = ["python", "tools/server.py"]
app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return payload["prompt"].upper()


if __name__ == "__main__":
    app.run()
