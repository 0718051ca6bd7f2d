"""Names for interchangeable parts: friction measures, gates, re-applications, merges, initialisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """A dictionary of named parts whose errors list what it knows.

    Args:
        argument: the argument that selects a part, as it appears in error messages.
    """

    def __init__(self, argument: str) -> None:
        self.argument = argument
        self._parts: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[Part], Part]:
        """Decorator: make a part selectable as ``name``.

        Raises:
            ValueError: the name is taken.
        """

        def add(part: Part) -> Part:
            if name in self._parts:
                raise ValueError(f"{self.argument}: {name!r} is already registered")
            self._parts[name] = part
            return part

        return add

    def __getitem__(self, name: str) -> Part:
        if name not in self._parts:
            raise ValueError(f"{self.argument}: unknown name {name!r}; known: {', '.join(self)}")
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)
