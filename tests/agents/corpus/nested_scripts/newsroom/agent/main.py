from bedrock_agentcore import BedrockAgentCoreApp
from tools import shout

app = BedrockAgentCoreApp()
PROMPT = open("prompt.md").read()


@app.entrypoint
def invoke(payload):
    return PROMPT + shout(payload["prompt"])


app.run()
