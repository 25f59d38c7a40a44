from research.search import search


def answer(query: str) -> str:
    return search(query)
