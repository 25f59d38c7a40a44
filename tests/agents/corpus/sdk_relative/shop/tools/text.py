from ..words import upper


def shout(text):
    return upper(text)
