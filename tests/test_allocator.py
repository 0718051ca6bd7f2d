"""Workers keep the memory that they free: the same tensors again cost no new pages."""

import resource
import subprocess
import sys

import pytest

from inertia_utils.allocator import keep_freed_memory

# A process of its own: the setting cannot be undone.
PROGRAM = """
import resource, sys, torch
from inertia_utils.allocator import keep_freed_memory
if not keep_freed_memory():
    sys.exit(3)
def step():
    tensors = [torch.zeros(1_000_000 * size) for size in (10, 12, 14)]
    del tensors
for _ in range(3):  # small allocations in between settle first
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 3 * 36_000_000 * 4 // resource.getpagesize()


@pytest.mark.skipif(sys.platform != "linux", reason="counts the page faults of Linux")
def test_a_repeated_step_takes_no_new_pages():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 0.25 * PAGES


def test_other_systems_are_left_alone(monkeypatch):
    def no_library(name):
        raise OSError("no such library")

    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert keep_freed_memory() is False
