class Agent:
    def __init__(self, name):
        self.name = name

    async def execute(self, text):
        return text.upper()
