from pathlib import Path

from bedrock_agentcore import BedrockAgentCoreApp
from prompts import load
from tools import shout

app = BedrockAgentCoreApp()
STYLE = Path("skills/style.md").read_text()


@app.entrypoint
def invoke(payload):
    return load() + shout(payload["prompt"]) + STYLE


if __name__ == "__main__":
    app.run()
