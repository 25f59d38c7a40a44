import bedrock_agentcore.runtime as runtime

app = runtime.BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return payload["prompt"].upper()


def main():
    app.run()
