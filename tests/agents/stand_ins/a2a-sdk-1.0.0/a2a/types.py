class AgentCard:
    def __init__(self, name, url):
        self.name = name
        self.url = url
