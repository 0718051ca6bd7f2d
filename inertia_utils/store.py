"""The results folder: one JSON per run, trained weights beside it, failures apart.

``<root>/<profile>/<id>.json`` is the result, ``weights/<id>.safetensors`` what the run trained, ``failed/<id>.json``
the last failure, ``checkpoints/<id>.pt`` a training that was stopped; ``.locks/`` keeps two studies on one store out of
each other's way.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors import torch as safetensors

from .checkpoint import Checkpoint
from .files import write_atomically
from .provenance import device_name
from .result_file import DamagedResult, Result, from_json, to_json
from .runs import Context, Outcome, Run, config, run_id

__all__ = ["DamagedResult", "Result", "Status", "Store", "StoreError"]

logger = logging.getLogger(__name__)


class StoreError(RuntimeError):
    """The results folder cannot be read or written; the message names it and the reason."""


@dataclass(frozen=True)
class Status:
    """How far a list of runs is; ``damaged`` holds one sentence per file that will be redone."""

    done: list[Run]
    missing: list[Run]
    failed: list[Run]
    damaged: list[str]


@dataclass(frozen=True)
class Store:
    """The results of one profile under ``root``; nothing is created before the first write."""

    root: Path
    profile: str

    @property
    def folder(self) -> Path:
        """Where the result files lie."""
        return Path(self.root) / self.profile

    def path(self, run: Run) -> Path:
        """The result file of ``run``."""
        return self.folder / f"{run_id(run)}.json"

    def weights_path(self, run: Run) -> Path:
        """The file of the weights that ``run`` trained."""
        return self.folder / "weights" / f"{run_id(run)}.safetensors"

    def checkpoint(self, run: Run, context: Context) -> Checkpoint:
        """Where the training of ``run`` keeps its state until its result is stored."""
        conditions = {"torch": str(torch.__version__), "device": device_name(context.device)}
        return Checkpoint(self._checkpoint_path(run), conditions | {"dtype": str(context.dtype)})

    def read(self, run: Run) -> Result | None:
        """The stored result, or None where there is none.

        Raises:
            DamagedResult: a file is there but is not the complete result of this run.
            StoreError: the folder cannot be read.
        """
        path = self.path(run)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error("read", error) from error
        return from_json(run, str(path), data, self.profile)

    def load(self, run: Run) -> Result | None:
        """As :meth:`read`, but a damaged file is logged as a warning and counts as missing."""
        try:
            return self.read(run)
        except DamagedResult as damage:
            logger.warning("damaged result, will be redone: %s", damage)
            return None

    def has(self, run: Run, *, weights: bool = False) -> bool:
        """Whether the result is there and sound, with ``weights`` also the weights that it left, if any."""
        try:
            result = self.read(run)
        except DamagedResult:
            return False
        if result is None:
            return False
        return not (weights and result.weights) or self._has_sound_weights(run)

    def save(self, run: Run, outcome: Outcome, provenance: dict[str, Any]) -> Result:
        """Store what ``run`` returned, weights first, and forget its earlier failure.

        A damaged file of the same name is kept as ``<id>.json.damaged``.

        Raises:
            ValueError: a metric is not a plain finite value.
            StoreError: the folder cannot be written; nothing half-written stays.
        """
        text = to_json(run, outcome, provenance)
        path = self.path(run)
        with self.lock(run):
            if outcome.weights is not None:
                self.save_weights(run, outcome.weights)
            with self._writing():
                if path.exists() and not self.has(run):
                    os.replace(path, path.with_name(f"{path.name}.damaged"))
                write_atomically(path, text.encode())
                self._failure_path(run).unlink(missing_ok=True)
                self._checkpoint_path(run).unlink(missing_ok=True)
        return from_json(run, str(path), text.encode(), self.profile)

    def save_weights(self, run: Run, weights: dict[str, torch.Tensor]) -> None:
        """Store the tensors that ``run`` trained.

        Raises:
            StoreError: the folder cannot be written.
        """
        # A copy of each: safetensors refuses tensors that share memory, such as tied weights.
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
        path = self.weights_path(run)
        with self.lock(run), self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, safetensors.save(tensors))

    def load_weights(self, run: Run) -> dict[str, torch.Tensor]:
        """The tensors that ``run`` trained.

        Raises:
            LookupError: they are not there, or their file is damaged.
        """
        path = self.weights_path(run)
        if not self._has_sound_weights(run):
            raise LookupError(f"no weights of {run.label()} at {path}; execute that run first")
        return safetensors.load_file(path)

    def save_failure(self, run: Run, message: str, details: str = "") -> None:
        """Record that ``run`` failed; ``details`` may hold a traceback.

        Raises:
            StoreError: the folder cannot be written.
        """
        record = {"config": config(run), "details": details, "id": run_id(run), "message": message}
        path = self._failure_path(run)
        with self.lock(run), self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (json.dumps(record, sort_keys=True, indent=1) + "\n").encode())

    def failure(self, run: Run) -> str | None:
        """The message of the last failure of ``run``, or None; a run that succeeded since has none."""
        path = self._failure_path(run)
        try:
            return str(json.loads(path.read_bytes())["message"])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error("read", error) from error
        except (ValueError, KeyError, TypeError):
            return f"unreadable failure record {path}"

    def status(self, runs: Iterable[Run]) -> Status:
        """Sort ``runs`` into done, missing and failed; damaged files are reported and count as missing."""
        status = Status([], [], [], [])
        for run in runs:
            try:
                done = self.read(run) is not None
            except DamagedResult as damage:
                status.damaged.append(str(damage))
                done = False
            if done:
                status.done.append(run)
            else:
                (status.missing if self.failure(run) is None else status.failed).append(run)
        return status

    @contextmanager
    def lock(self, run: Run, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of ``run``: True while held; False, with ``wait=False``, if another process holds it.

        The kernel releases it when its holder dies. A process that holds it may take it again.

        Raises:
            StoreError: the folder cannot be written.
        """
        with self._writing():
            folder = self.folder / ".locks"
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{run_id(run)}.lock", is_singleton=True)
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except Timeout:
                lock = None
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()

    def check_writable(self) -> None:
        """Fail early rather than after the first training.

        Raises:
            StoreError: a small file cannot be written to the folder.
        """
        probe = self.folder / f"probe-{os.getpid()}"
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                write_atomically(probe, b"probe\n")
            finally:
                probe.unlink(missing_ok=True)

    def _checkpoint_path(self, run: Run) -> Path:
        return self.folder / "checkpoints" / f"{run_id(run)}.pt"

    def _failure_path(self, run: Run) -> Path:
        return self.folder / "failed" / f"{run_id(run)}.json"

    def _has_sound_weights(self, run: Run) -> bool:
        try:
            with safe_open(self.weights_path(run), framework="pt"):  # checks the length that the header declares
                return True
        except (FileNotFoundError, SafetensorError):
            return False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error("written", error) from error

    def _error(self, action: str, error: OSError) -> StoreError:
        return StoreError(f"results folder {self.folder} cannot be {action}: {error.strerror or error}")
