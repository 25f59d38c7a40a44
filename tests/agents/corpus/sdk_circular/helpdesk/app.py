from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()

import handlers  # noqa: E402, F401

if __name__ == "__main__":
    app.run()
