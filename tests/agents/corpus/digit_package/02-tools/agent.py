from .text import shout


def answer(prompt):
    return shout(prompt)
