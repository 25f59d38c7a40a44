class Agent:
    def invoke(self, state):
        text = state["messages"][-1]["content"].upper()
        return {"messages": [*state["messages"], {"role": "ai", "content": text}]}


def create_agent(model, tools):
    return Agent()
