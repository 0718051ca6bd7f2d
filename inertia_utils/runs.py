"""What a run is: a frozen dataclass that knows how to turn itself into metrics.

A run is identified by its configuration.  Its id hashes the fields that differ from their defaults, so adding a field
with a default leaves every existing result valid; and the settings that names in the configuration stand for, so that a
result by a recipe that has changed since is not mistaken for one by today's (design, section 5).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch

if TYPE_CHECKING:
    from .store import Store

#: Changes when a run of the same configuration would give another result; part of every id.
RUN_VERSION = "1"


@dataclass
class Outcome:
    """What a run returns: ``metrics`` (name → number), ``history`` (one dict per epoch) and, if wanted, ``weights``."""

    metrics: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, torch.Tensor] | None = None


@dataclass(frozen=True)
class Context:
    """Where a run executes: its device and dtype, and the store that holds the runs it builds on."""

    store: Store
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32


class Run:
    """Base class of every run: ``class MyRun(Run, kind="mine")`` decorated with ``@dataclass(frozen=True)``.

    Subclasses implement :meth:`execute` and, where they start from another run's weights, :meth:`parents`.
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Run]]] = {}

    def __init_subclass__(cls, kind: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind in Run.kinds and Run.kinds[kind].__qualname__ != cls.__qualname__:
            raise ValueError(f"run kind {kind!r} is already registered by {Run.kinds[kind].__qualname__}")
        cls.kind = kind
        Run.kinds[kind] = cls

    def execute(self, context: Context) -> Outcome:
        """Do the work and return its outcome."""
        raise NotImplementedError

    def parents(self) -> tuple[Run, ...]:
        """Runs whose stored weights this one starts from; they are executed first."""
        return ()

    def settings(self) -> dict[str, Any]:
        """What names in the configuration stand for at present, such as a recipe's learning rate."""
        return {}

    def label(self) -> str:
        """One short line for progress bars and logs."""
        return f"{self.kind} {run_id(self)}"


def config(run: Run) -> dict[str, Any]:
    """The configuration that identifies ``run``: its kind and every field that differs from its default."""
    return {"kind": run.kind, **_changed_fields(run)}


def run_id(run: Run) -> str:
    """``<kind>-<16 hex digits>``: SHA-256 of :data:`RUN_VERSION`, configuration, settings and parents' ids."""
    identity = [RUN_VERSION, config(run), run.settings(), [run_id(parent) for parent in run.parents()]]
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return f"{run.kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def from_config(configuration: dict[str, Any]) -> Run:
    """The inverse of :func:`config`.

    Raises:
        ValueError: the kind or a field is unknown.
    """
    values = dict(configuration)
    kind = values.pop("kind", None)
    if kind not in Run.kinds:
        raise ValueError(f"unknown run kind {kind!r}; known: {', '.join(sorted(Run.kinds))}")
    return _build(Run.kinds[kind], values)


def _changed_fields(instance: Any) -> dict[str, Any]:
    changed = {}
    for item in dataclasses.fields(instance):
        value = getattr(instance, item.name)
        if item.default is dataclasses.MISSING or value != item.default:
            changed[item.name] = _plain(value)
    return changed


def _plain(value: Any) -> Any:
    if isinstance(value, Run):
        return config(value)
    if dataclasses.is_dataclass(value):
        return _changed_fields(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _build(cls: type, values: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(cls)
    unknown = set(values) - {item.name for item in dataclasses.fields(cls)}
    if unknown:
        raise ValueError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
    return cls(**{name: _revive(hints[name], value) for name, value in values.items()})


def _revive(hint: Any, value: Any) -> Any:
    if isinstance(value, dict) and "kind" in value:
        return from_config(value)
    if isinstance(value, dict) and dataclasses.is_dataclass(hint):
        return _build(hint, value)
    if isinstance(value, list):
        return tuple(value)
    return value
