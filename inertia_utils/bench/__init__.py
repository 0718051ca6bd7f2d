"""Benchmarks: ``python -m inertia_utils bench <name>``; each is a module with ``add_arguments`` and ``main``."""

from __future__ import annotations

import argparse

from . import friction, gate, layer, masks, model, train

BENCHMARKS = {"train": train, "layer": layer, "model": model, "gate": gate, "masks": masks, "friction": friction}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per benchmark."""
    subparsers = parser.add_subparsers(title="benchmarks", dest="benchmark", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        summary = module.__doc__.splitlines()[0]
        module.add_arguments(subparsers.add_parser(name, help=summary, description=module.__doc__))


def main(options: argparse.Namespace) -> int:
    """Run the chosen benchmark; returns the exit status."""
    return BENCHMARKS[options.benchmark].main(options)
