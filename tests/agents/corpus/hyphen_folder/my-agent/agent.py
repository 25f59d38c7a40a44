from my_tools import shout


def answer(question):
    return shout(question)
