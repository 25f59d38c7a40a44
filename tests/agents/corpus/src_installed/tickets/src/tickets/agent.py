from .text import shout


def answer(prompt: str) -> str:
    return shout(prompt)
