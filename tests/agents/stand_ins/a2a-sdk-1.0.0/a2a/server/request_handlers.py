class DefaultRequestHandler:
    def __init__(self, agent_executor):
        self.executor = agent_executor
