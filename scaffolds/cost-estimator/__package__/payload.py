"""The request's payload."""

from typing import Any

from starlette.exceptions import HTTPException


def prompt_of(payload: Any) -> str:
    """Return the payload's prompt; without one, the request is answered with 400."""
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise HTTPException(400, 'the payload needs a text: {"prompt": "..."}')
    return prompt
