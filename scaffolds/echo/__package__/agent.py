"""The agent, which only repeats what it is told. Put your own in its place."""

import asyncio
import re
from collections.abc import AsyncIterator


def answer(prompt: str) -> str:
    """Answer in one piece."""
    return f"You said: {prompt}"


async def stream(prompt: str) -> AsyncIterator[str]:
    """Answer word by word, each with the space that follows it."""
    for word in re.findall(r"\S+\s*", answer(prompt)):
        yield word
        await asyncio.sleep(0)
