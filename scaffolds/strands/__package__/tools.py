"""The agent's own tools."""

from datetime import date

from strands import tool


@tool
def days_between(first: str, last: str) -> int:
    """Count the days from one date to another.

    Args:
        first: The first date, such as 2026-01-31.
        last: The last date, such as 2026-12-24.
    """
    return (date.fromisoformat(last) - date.fromisoformat(first)).days
