"""Benchmarks: ``python -m inertia_utils bench <name>``; each is a module with ``add_arguments`` and ``main``.

They keep freed memory: glibc gives large blocks back to the system and gets them anew at every call, which costs more
than many a convolution and meets some arms and not others, by the sizes of their maps.
"""

from __future__ import annotations

import argparse

import torch

from ..allocator import keep_freed_memory
from . import friction, gate, layer, masks, model, train

#: Arms share the code of the layer, and torch.compile gives up on code that it has compiled eight times.
COMPILATIONS = 256

BENCHMARKS = {"train": train, "layer": layer, "model": model, "gate": gate, "masks": masks, "friction": friction}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per benchmark."""
    subparsers = parser.add_subparsers(title="benchmarks", dest="benchmark", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        summary = module.__doc__.splitlines()[0]
        command = subparsers.add_parser(name, help=summary, description=module.__doc__)
        command.set_defaults(return_memory=False, compile=False)
        module.add_arguments(command)


def main(options: argparse.Namespace) -> int:
    """Run the chosen benchmark; returns the exit status."""
    if not options.return_memory:
        keep_freed_memory()
    if options.compile:
        torch._dynamo.config.recompile_limit = COMPILATIONS
    return BENCHMARKS[options.benchmark].main(options)
