"""The agent itself. Replace it with one that thinks."""

import asyncio
from collections.abc import AsyncIterator


def answer(prompt: str) -> str:
    """Answer at once."""
    return f"You said: {prompt}"


async def stream(prompt: str) -> AsyncIterator[str]:
    """Answer word by word."""
    for word in answer(prompt).split():
        yield word
        await asyncio.sleep(0)
