def load():
    with open("prompt.md") as file:
        return file.read()
