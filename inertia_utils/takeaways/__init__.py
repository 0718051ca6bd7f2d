"""What notebooks conclude, in sentences made from their tables, so that no sentence outlives the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterable


def bulleted(sentences: Iterable[str]) -> str:
    """A Markdown list, an item for each text that is not empty.

    Args:
        sentences: the texts, in order.
    """
    return "\n".join(f"- {text}" for text in sentences if text)


def short_trainings(profiles: Iterable[str]) -> str:
    """That some trainings are short, if any is of another profile than full; else empty.

    Args:
        profiles: of all parts of a notebook.
    """
    short = dict.fromkeys(profile for profile in profiles if profile != "full")
    if not short:
        return ""
    return (
        f"What is of profile {', '.join(short)} was trained for a short time: it says how fast networks learn, not how "
        "good they become."
    )
