from crewai import Agent, Crew, Task

writer = Agent(role="Writer", goal="Shout", backstory="Loud.")
task = Task(description="Shout {prompt}", expected_output="Text", agent=writer)
crew = Crew(agents=[writer], tasks=[task])


def kickoff(prompt):
    return str(crew.kickoff(inputs={"prompt": prompt}))
