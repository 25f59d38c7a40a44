from langgraph.graph import END, START, StateGraph

graph = StateGraph(dict)
graph.add_node("shout", lambda state: {"text": state["text"].upper()})
graph.add_edge(START, "shout")
graph.add_edge("shout", END)
compiled = graph.compile()
