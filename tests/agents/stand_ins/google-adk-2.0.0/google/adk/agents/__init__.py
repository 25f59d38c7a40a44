class Agent:
    def __init__(self, name, model):
        self.name = name
        self.model = model

    async def execute(self, text):
        return text.upper()
