"""The text of one result file: from a run and what it returned to JSON, and back with every doubt checked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from .runs import RUN_VERSION, Outcome, Run, config, run_id

KEYS = ("config", "history", "id", "metrics", "provenance", "version", "weights")


class DamagedResult(Exception):
    """A result file that cannot be trusted; the message names the file and the reason."""


@dataclass(frozen=True)
class Result:
    """A finished run: what it measured, its history per epoch, where it ran, and whether it left weights.

    ``profile`` is that of the store it was read from.
    """

    run: Run
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    provenance: dict[str, Any]
    weights: bool = False
    profile: str = ""


def to_json(run: Run, outcome: Outcome, provenance: dict[str, Any]) -> str:
    """The result file of ``run``: sorted keys, one newline at the end, floats in their shortest exact form.

    A history entry that is not finite (a diverged loss) becomes ``null``; JSON has no word for it.

    Raises:
        ValueError: a metric is not finite, or a value is not a plain number, string, list or dict.
    """
    if not outcome.metrics:
        raise ValueError(f"metrics: {run.label()} returned none; a run must return at least one metric")
    payload = {
        "config": config(run),
        "history": _plain("history", list(outcome.history), finite=False),
        "id": run_id(run),
        "metrics": _plain("metrics", dict(outcome.metrics), finite=True),
        "provenance": provenance,
        "version": RUN_VERSION,
        "weights": outcome.weights is not None,
    }
    return json.dumps(payload, sort_keys=True, indent=1, allow_nan=False) + "\n"


def from_json(run: Run, name: str, data: bytes, profile: str = "") -> Result:
    """The result of ``run`` as stored in the file called ``name``, of a store of ``profile``.

    Raises:
        DamagedResult: the content is not the complete result of exactly this run.
    """
    try:
        payload = json.loads(data, parse_constant=_refuse_constant)
    except ValueError as error:
        raise DamagedResult(f"{name}: not a complete JSON file ({error})") from error
    if not isinstance(payload, dict):
        raise DamagedResult(f"{name}: holds a {type(payload).__name__}, not the JSON object of a result")
    if absent := [key for key in KEYS if key not in payload]:
        raise DamagedResult(f"{name}: lacks {', '.join(absent)}")
    if payload["id"] != run_id(run) or payload["version"] != RUN_VERSION:
        raise DamagedResult(f"{name}: belongs to {payload['id']!r}, version {payload['version']!r}")
    if payload["config"] != json.loads(json.dumps(config(run))):
        raise DamagedResult(f"{name}: its config is not the one that its name stands for")
    if not (isinstance(payload["metrics"], dict) and payload["metrics"]):
        raise DamagedResult(f"{name}: holds no metrics")
    if not (isinstance(payload["history"], list) and isinstance(payload["provenance"], dict)):
        raise DamagedResult(f"{name}: its history or provenance is of the wrong type")
    content = (payload[key] for key in ("metrics", "history", "provenance"))
    return Result(run, *content, weights=bool(payload["weights"]), profile=profile)


def _plain(name: str, value: Any, *, finite: bool) -> Any:
    if isinstance(value, dict):
        return {_key(name, key): _plain(f"{name}.{key}", item, finite=finite) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(f"{name}[{index}]", item, finite=finite) for index, item in enumerate(value)]
    # The exact type: numpy's float64 passes for a float but would not come back as it went in.
    if type(value) not in (bool, int, float, str, type(None)):
        raise ValueError(
            f"{name}: {type(value).__module__}.{type(value).__name__} cannot be stored; pass a plain Python number"
        )
    if type(value) is float and not math.isfinite(value):
        if finite:
            raise ValueError(f"{name}: {value} is not a result; a metric must be finite")
        return None
    return value


def _key(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"{name}: key {key!r} must be a string")
    return key


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"it holds {constant}")
