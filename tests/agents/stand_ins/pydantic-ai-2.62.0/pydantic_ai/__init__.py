class Result:
    def __init__(self, output):
        self.output = output


class Agent:
    def __init__(self, model, instructions):
        self.model = model

    async def run(self, text):
        return Result(text.upper())
