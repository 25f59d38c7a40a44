"""The agent, which repeats its prompt. Replace it with your own."""

import asyncio
import re
from collections.abc import AsyncIterator


def answer(prompt: str) -> str:
    """Return the whole answer."""
    return f"You said: {prompt}"


async def stream(prompt: str) -> AsyncIterator[str]:
    """Yield the answer word by word, with the spaces."""
    for word in re.findall(r"\S+\s*", answer(prompt)):
        yield word
        await asyncio.sleep(0)
