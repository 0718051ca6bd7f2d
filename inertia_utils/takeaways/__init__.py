"""What notebooks conclude, in sentences made from their tables, so that no sentence outlives the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterable


def bulleted(sentences: Iterable[str]) -> str:
    """A Markdown list, an item for each text that is not empty."""
    return "\n".join(f"- {text}" for text in sentences if text)
