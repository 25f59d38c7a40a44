import yaml

CONFIG = yaml.safe_load("style: loud")


def answer(prompt: str) -> str:
    return prompt.upper() if CONFIG["style"] == "loud" else prompt
