"""A training's state between two epochs, so that one that was stopped goes on where it was."""

from __future__ import annotations

import io
import logging
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .files import write_atomically

logger = logging.getLogger(__name__)

#: Seconds of training that a stop may cost, beyond the epoch that it falls into.
EVERY = 60.0


@dataclass
class Checkpoint:
    """The file of one training's state.

    Attributes:
        path: where it lies.
        conditions: what must be the same for the state to lead to the same result, such as the version of torch.
    """

    path: Path
    conditions: dict[str, str]
    _saved: float = field(default_factory=time.monotonic, init=False)

    def load(self) -> dict[str, Any] | None:
        """The state, or None where there is none, it is damaged, or it was written under other conditions."""
        try:
            content = torch.load(io.BytesIO(self.path.read_bytes()), weights_only=True)
            conditions, state = content["conditions"], content["state"]
        except FileNotFoundError:
            return None
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
            logger.warning("damaged checkpoint %s, training starts afresh: %s", self.path, error)
            return None
        if conditions != self.conditions:
            logger.warning("checkpoint %s is of %s, training starts afresh", self.path, conditions)
            return None
        return state

    def save(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write what ``state`` returns, unless the last one was written less than :data:`EVERY` seconds ago.

        Raises:
            OSError: the folder cannot be written.
        """
        if time.monotonic() - self._saved < EVERY:
            return
        content = io.BytesIO()
        torch.save({"conditions": self.conditions, "state": state()}, content)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, content.getvalue())
        self._saved = time.monotonic()
