def answer(prompt):
    return prompt.upper()
