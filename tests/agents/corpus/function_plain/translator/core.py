def translate(prompt: str) -> str:
    return prompt.upper()


if __name__ == "__main__":
    print(translate(input("> ")))
