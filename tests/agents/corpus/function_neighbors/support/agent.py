from words import shout

PROMPT = open("prompt.txt").read()


def respond(message: str) -> str:
    return PROMPT + shout(message)
