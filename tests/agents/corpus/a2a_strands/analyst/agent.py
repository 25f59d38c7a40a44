from strands import Agent
from strands.multiagent.a2a import A2AServer

agent = Agent(name="analyst")
server = A2AServer(agent=agent)

if __name__ == "__main__":
    server.serve()
