"""The conversation of each session.

Conversations are kept in memory. On AgentCore every session has a process of its
own, so a conversation is remembered until its session ends. To remember more than
that, use AgentCore Memory.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from strands.types.content import Messages

# On your own machine, one process serves every session.
MAX_SESSIONS = 100
MAX_MESSAGES = 40


class Conversation:
    """The messages of one session."""

    def __init__(self) -> None:
        """Start with no messages."""
        self.messages: Messages = []
        self.requests = 0
        self.turn = asyncio.Lock()


conversations: OrderedDict[str, Conversation] = OrderedDict()


@asynccontextmanager
async def conversation(session_id: str | None) -> AsyncIterator[Conversation]:
    """Yield a session's conversation, to one request at a time.

    Without a session ID, yield a new conversation that is not kept.
    """
    if not session_id:
        yield Conversation()
        return
    current = conversations.setdefault(session_id, Conversation())
    conversations.move_to_end(session_id)
    current.requests += 1
    try:
        async with current.turn:
            yield current
    finally:
        current.requests -= 1
        forget_oldest()


def forget_oldest() -> None:
    """Forget the oldest conversations that no request uses, down to MAX_SESSIONS."""
    excess = max(0, len(conversations) - MAX_SESSIONS)
    unused = [key for key, value in conversations.items() if not value.requests]
    for session_id in unused[:excess]:
        del conversations[session_id]
