class Agent:
    def __init__(self, role, goal, backstory):
        self.role = role


class Task:
    def __init__(self, description, expected_output, agent):
        self.description = description


class Crew:
    def __init__(self, agents, tasks):
        self.tasks = tasks

    def kickoff(self, inputs):
        return self.tasks[-1].description.format(**inputs).upper()
