from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()
