"""Small runs for the tests of store, study and runner; importable by worker processes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from inertia_utils.runs import Context, Outcome, Run, run_id


def note(log: str, event: str, run: Run) -> None:
    """Append one line in one write, so that lines of several processes do not mix."""
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{event} {run_id(run)}\n".encode())
        os.close(descriptor)


def events(log: Path, event: str) -> list[str]:
    """The run ids noted with ``event``, in order."""
    if not log.exists():
        return []
    return [line.split()[1] for line in log.read_text().splitlines() if line.split()[0] == event]


@dataclass(frozen=True)
class Nap(Run, kind="toy-nap"):
    """Sleeps, then returns numbers that depend on the seed."""

    seed: int = 0
    seconds: float = 0.0
    cost: float = 1.0
    log: str = ""

    def execute(self, context: Context) -> Outcome:
        note(self.log, "start", self)
        time.sleep(self.seconds)
        history = [{"epoch": 0, "loss": 1.0 / 3.0}]
        return Outcome({"accuracy": 0.5 + self.seed / 100, "steps": self.seed}, history)


@dataclass(frozen=True)
class Place(Run, kind="toy-place"):
    """Returns the process and the device that it was executed in and on."""

    seed: int = 0

    def execute(self, context: Context) -> Outcome:
        return Outcome({"process": os.getpid(), "device": context.device.type})


@dataclass(frozen=True)
class Rounding(Run, kind="toy-rounding"):
    """Returns whether a GPU may round what convolutions and products read, while a run executes."""

    def execute(self, context: Context) -> Outcome:
        settings = {"convolutions": torch.backends.cudnn.allow_tf32, "products": torch.get_float32_matmul_precision()}
        return Outcome(settings)


@dataclass(frozen=True)
class Broken(Run, kind="toy-broken"):
    """Fails until the file named by ``cure`` is there."""

    cure: str = ""

    def execute(self, context: Context) -> Outcome:
        if self.cure and Path(self.cure).exists():
            return Outcome({"accuracy": 1.0})
        raise ArithmeticError("no cure yet")


@dataclass(frozen=True)
class Base(Run, kind="toy-base"):
    """A short training whose weights other runs start from."""

    seed: int = 0
    log: str = ""

    def execute(self, context: Context) -> Outcome:
        note(self.log, "start", self)
        generator = torch.Generator().manual_seed(self.seed)
        images = torch.randn(16, 3, 24, 24, generator=generator)
        weight = torch.randn(32, 3, 5, 5, generator=generator).requires_grad_()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(torch.nn.functional.conv2d(images, weight).square().mean(), weight)
            weight = (weight - 0.1 * gradient).detach().requires_grad_()
        return Outcome({"accuracy": 0.5, "norm": weight.norm().item()}, weights={"weight": weight.detach()})


@dataclass(frozen=True)
class Child(Run, kind="toy-child"):
    """Starts from the weights of ``base``."""

    base: Base = Base()
    factor: float = 2.0
    log: str = ""

    def parents(self) -> tuple[Run, ...]:
        return (self.base,)

    def execute(self, context: Context) -> Outcome:
        note(self.log, "start", self)
        return Outcome({"norm": self.factor * context.store.load_weights(self.base)["weight"].norm().item()})


@dataclass(frozen=True)
class Orphan(Run, kind="toy-orphan"):
    """Builds on a run that fails."""

    base: Broken = Broken()

    def parents(self) -> tuple[Run, ...]:
        return (self.base,)

    def execute(self, context: Context) -> Outcome:
        raise AssertionError("must not be executed")
