"""Command line of the study: ``python -m inertia_utils --help``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from . import paths
from .plans import PLANS, plan
from .profiles import PROFILES
from .runs import Run
from .schedule import unique
from .store import Store, StoreError
from .study import REPORT, StudyError, execute

DESCRIPTION = """\
The study of the inertial convolution: train what its notebooks need, see how far that is, execute the notebooks.

  run        train the missing runs; stop it at any time, the same command goes on where it was
  status     how many runs each notebook has: done, missing, failed
  notebooks  execute the notebooks (training what is missing first)
  data       get the datasets, or say where they are
"""
RESULTS_HELP = "results folder (default: $INERTIA_RESULTS, or executed/results)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 if all went well, 1 if something failed, 2 for a mistake in the call."""
    options = build_parser().parse_args(arguments)
    try:
        return options.main(options)
    except (ValueError, StoreError, StudyError, *_data_errors()) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was done is stored, and the same command goes on from there", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands; each sets ``main`` to the function that carries it out."""
    parser = argparse.ArgumentParser(
        prog="python -m inertia_utils", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(required=True, metavar="command")
    _add_run(subparsers)
    _add_status(subparsers)
    _add_notebooks(subparsers)
    _add_data(subparsers)
    add_bench(subparsers)
    return parser


def _add_run(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("run", help="train the missing runs", description="Train the missing runs.")
    _add_choice(parser)
    _add_execution(parser)
    parser.add_argument("--shard", default="1/1", metavar="i/n", help="only part i of n, for a cluster's job array")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="start no run later than this, the most important ones first"
    )
    parser.set_defaults(main=_run)


def _run(options: argparse.Namespace) -> int:
    plans = [plan(name, options.profile) for name in _names(options)]
    runs = [run for groups in plans for group in groups.values() for run in group]
    summary = execute(
        runs,
        _store(options),
        backend=options.backend,
        jobs=options.jobs,
        shard=options.shard,
        device=options.device,
        dtype=options.dtype,
        minutes=options.minutes,
    )
    print(summary)
    for failure in summary.failed:
        print(f"failed: {failure.run.label()}: {failure.message}", file=sys.stderr)
    return 1 if summary.failed else 0


def _add_status(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("status", help="done, missing and failed runs per notebook")
    _add_choice(parser)
    parser.set_defaults(main=_status)


def _status(options: argparse.Namespace) -> int:
    store = _store(options)
    chosen = _chosen(options)
    width = max(map(len, ["notebook", *chosen]))
    print(f"results: {store.folder}\n{'notebook':{width}}  runs  done  missing  failed")
    damaged: dict[str, None] = {}
    for name, runs in chosen.items():
        status = store.status(runs)
        counts = [len(status.done), len(status.missing), len(status.failed)]
        print(f"{name:{width}}  {len(runs):4}  {counts[0]:4}  {counts[1]:7}  {counts[2]:6}")
        for run in status.failed:
            print(f"  failed: {run.label()}: {store.failure(run)}")
        damaged |= dict.fromkeys(status.damaged)
    for sentence in damaged:
        print(f"damaged result, will be redone: {sentence}")
    return 0


def _add_notebooks(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "notebooks",
        help="execute the notebooks",
        description="Execute the notebooks into executed/<profile>, training what is missing first.",
    )
    parser.add_argument(
        "--profile",
        choices=(*PROFILES, REPORT),
        default="quick",
        help="how much to train (default: quick); report trains nothing and renders the published results",
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="only this notebook (repeat for more)")
    parser.add_argument(
        "--publish", action="store_true", help="with report: replace notebooks/ and figures/ if every one passed"
    )
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="set a notebook's parameter (repeat)"
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help=RESULTS_HELP)
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="limit for each notebook (default: 3600)")
    _add_execution(parser)
    parser.set_defaults(main=_notebooks)


def _notebooks(options: argparse.Namespace) -> int:
    from .notebooks import TIMEOUT, parse_parameter, run_notebooks

    outcome = run_notebooks(
        options.profile,
        options.only,
        options.publish,
        parameters=dict(map(parse_parameter, options.parameter)),
        results=options.results,
        timeout=options.timeout or TIMEOUT,
        jobs=options.jobs,
        backend=options.backend,
        device=options.device,
        dtype=options.dtype,
    )
    return 0 if outcome.passed else 1


def _add_data(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("data", help="get the datasets, or say where they are")
    parser.add_argument("names", nargs="*", default=["fashion-mnist", "mnist"], metavar="name", help="datasets to get")
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="the profile that will use them")
    parser.set_defaults(main=_data)


def _data(options: argparse.Namespace) -> int:
    from . import data

    for name, description in data.prepare(options.names, options.profile).items():
        print(f"{name}: {description}")
    return 0


def add_bench(subparsers: argparse._SubParsersAction) -> None:
    """Add ``bench`` where the package ``inertia_utils.bench`` is there to measure something."""
    name = f"{__package__}.bench"
    if importlib.util.find_spec(name) is None:
        return
    bench = importlib.import_module(name)
    parser = subparsers.add_parser("bench", help="measure speed on this machine")
    bench.add_arguments(parser)
    parser.set_defaults(main=bench.main)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="size of the study (default: quick)")
    parser.add_argument("--notebook", action="append", metavar="NAME", help="only its runs (repeat; default: all)")
    parser.add_argument("--results", type=Path, metavar="DIR", help=RESULTS_HELP)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="runs or notebooks at once (default: one per processor, or one run on a GPU)",
    )
    parser.add_argument("--backend", default="loky", help="loky: this machine; dask or ray: a cluster")
    parser.add_argument("--device", help="cpu or cuda (default: the GPU if there is one)")
    parser.add_argument("--dtype", default="float32", help="float32 (default) or bfloat16, where it is fast")


def _names(options: argparse.Namespace) -> list[str]:
    return [Path(name).stem for name in options.notebook or sorted(PLANS)]


def _chosen(options: argparse.Namespace) -> dict[str, list[Run]]:
    plans = {name: plan(name, options.profile) for name in _names(options)}
    return {name: unique(run for group in groups.values() for run in group) for name, groups in plans.items()}


def _store(options: argparse.Namespace) -> Store:
    return Store(options.results or paths.working_results(), options.profile)


def _data_errors() -> tuple[type[Exception], ...]:
    from .data import DataNotFoundError

    return (DataNotFoundError,)


if __name__ == "__main__":
    sys.exit(main())
