from collections.abc import AsyncIterator


async def tell(prompt: str) -> AsyncIterator[str]:
    for word in prompt.split():
        yield word.upper()
