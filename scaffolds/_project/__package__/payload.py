"""The payload of a request."""

from typing import Any

from starlette.exceptions import HTTPException


def prompt_of(payload: Any) -> str:
    """Return the payload's prompt. Without one, the caller gets status 400."""
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise HTTPException(400, 'the payload needs a prompt: {"prompt": "..."}')
    return prompt
