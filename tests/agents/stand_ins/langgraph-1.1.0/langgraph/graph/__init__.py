"""Stands in for LangGraph: nodes in a row. The real one is a namespace package too."""

START, END = "__start__", "__end__"


class StateGraph:
    def __init__(self, schema):
        self.nodes = {}
        self.edges = {}

    def add_node(self, name, function):
        self.nodes[name] = function

    def add_edge(self, start, end):
        self.edges[start] = end

    def compile(self):
        return self

    def invoke(self, state):
        node = self.edges[START]
        while node != END:
            state = self.nodes[node](state)
            node = self.edges[node]
        return state
