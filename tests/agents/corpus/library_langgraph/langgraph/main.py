from bedrock_agentcore import BedrockAgentCoreApp
from langgraph.graph import END, START, StateGraph

graph = StateGraph(dict)
graph.add_node("shout", lambda state: {"text": state["text"].upper()})
graph.add_edge(START, "shout")
graph.add_edge("shout", END)
compiled = graph.compile()
app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    return compiled.invoke({"text": payload["prompt"]})


if __name__ == "__main__":
    app.run()
