class Agent:
    def __init__(self, name, instructions):
        self.name = name


class Result:
    def __init__(self, final_output):
        self.final_output = final_output


class Runner:
    @staticmethod
    async def run(agent, text):
        return Result(text.upper())
