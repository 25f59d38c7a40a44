import json


def shout(text):
    with open("settings.json") as file:
        model = json.load(file)["model"]
    return f"{text.upper()} from {model}"
