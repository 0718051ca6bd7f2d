"""Running a command with a time limit while watching the memory of all its processes."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Seconds between two looks at the memory.
INTERVAL = 0.2
#: Seconds that killed processes are waited for.
LONGEST_END = 10.0


@dataclass(frozen=True)
class Finished:
    """How a command ended; ``code`` is None where the limit or ``stop`` ended it, ``peak`` is in bytes."""

    code: int | None
    seconds: float
    peak: int
    output: str


def run_limited(
    command: list[str], log: Path, environment: dict[str, str], timeout: float, stop: threading.Event
) -> Finished:
    """Run ``command`` for at most ``timeout`` seconds and until ``stop`` is set, its output collected in ``log``.

    The peak is that of the resident memory of the process and its descendants, sampled; pages that they share count
    once for each.  Whatever ends this function ends them all.
    """
    start = time.monotonic()
    peak = 0
    with open(log, "wb") as stream:
        process = psutil.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None and time.monotonic() - start < timeout and not stop.is_set():
                peak = max(peak, _memory(process))
                try:
                    process.wait(INTERVAL)
                except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                    continue
            code = process.poll()
        finally:
            _kill(process)
    return Finished(code, time.monotonic() - start, peak, log.read_text(errors="replace"))


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    total = 0
    for member in _family(process):
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _kill(process: psutil.Popen) -> None:
    family = _family(process)
    for member in reversed(family):
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    # A killed process goes on for an instant; one that nobody waits for stays behind as a zombie.
    end = time.monotonic() + LONGEST_END
    while not all(map(_has_ended, family)) and time.monotonic() < end:
        time.sleep(0.01)


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
