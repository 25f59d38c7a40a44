from langgraph.graph import END, START, StateGraph

from .text import shout

graph = StateGraph(dict)
graph.add_node("shout", lambda state: {"text": shout(state["text"])})
graph.add_edge(START, "shout")
graph.add_edge("shout", END)
compiled = graph.compile()


def answer(prompt):
    return compiled.invoke({"text": prompt})["text"]
