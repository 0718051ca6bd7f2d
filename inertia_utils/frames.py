"""Results as data frames: one row per run, or one per epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean

import pandas as pd

from .arms import RATED, Arm
from .result_file import Result
from .runs import run_id
from .stats import Interval, interval

#: Gates that decide without measuring anything, and the fraction that they open.
CONSTANT = {"always": 1.0, "never": 0.0}


def frame(results: Iterable[Result]) -> pd.DataFrame:
    """One row per training run: arm, dataset, recipe, seed, and all metrics."""
    return pd.DataFrame([_identity(result) | result.metrics for result in results])


def curves(results: Iterable[Result]) -> pd.DataFrame:
    """One row per training run and epoch: arm, dataset, recipe, seed, and what the history holds."""
    return pd.DataFrame([_identity(result) | epoch for result in results for epoch in result.history])


def gates(results: Iterable[Result]) -> pd.DataFrame:
    """One row per gated network and rate: arm and form, seed, measure, what is skipped, accuracy, MACs, open fractions.

    ``open_fraction`` is the mean of the layers' measured ones; ``rate`` is what was asked for.
    """
    rows = []
    for result in results:
        run, arm = result.run, result.run.parent.arm
        identity = {name: getattr(run, name) for name in ("friction", "reduction", "skip", "choice", "seed")} | {
            "arm": arm.name,
            **{name: getattr(arm, name) for name in ("kernel_size", "margin", "reapply")},
            "merge": run.merge or arm.merge,
            "layers": ", ".join(run.layers) or "all",
            "pool": run.parent.pool,
        }
        for record in result.history:
            rows.append(identity | record | {"open_fraction": _mean_open(record)})
    return pd.DataFrame(rows)


def trained_gates(results: Iterable[Result], way: str = "") -> pd.DataFrame:
    """One row per network trained with its gate: gate, friction, skip, rate, seed, accuracy and MACs.

    ``gate`` says all that tells two gates of one rate apart: its kind, temperature and reduction of channels where they
    are other than usual, and whether the first layer stays open; ``closed`` is that of the gate in its place that never
    opens.  ``open_fraction`` is the mean of the layers' measured ones, which have columns of their own as well;
    ``friction`` is empty for gates that do not look at it; ``holdout_accuracy`` and ``loss``, on training images, are
    those of the last epoch.

    Args:
        results: of training runs with inertial arms.
        way: how the network came to its gate, if it was not trained with it from the start.
    """
    rows = []
    # What a gate that never opens has no use for.
    unused = {"temperature": Arm.temperature, "reduction": Arm.reduction}
    for result in results:
        arm, metrics = result.run.arm, result.metrics
        if arm.open_first:  # a gate that is open by construction measures nothing
            metrics = {"open_fraction/conv1": 1.0} | metrics
        rows.append(
            {
                "gate": _described(arm, way),
                "closed": _described(replace(arm, gate="never", **unused), way),
                "friction": "" if arm.gate in CONSTANT else arm.friction,
                "skip": arm.skip,
                "rate": arm.rate if arm.gate in RATED else float("nan"),
                "open_fraction": CONSTANT[arm.gate] if arm.gate in CONSTANT else _mean_open(metrics),
                "seed": result.run.seed,
                "accuracy": metrics["accuracy"],
                "holdout_accuracy": result.history[-1]["holdout_accuracy"],
                "loss": result.history[-1]["loss"],
                "conv_macs": metrics["conv_macs"],
                **{name: value for name, value in metrics.items() if name.startswith("open_fraction/")},
            }
        )
    return pd.DataFrame(rows)


def _described(arm: Arm, way: str) -> str:
    temperature = f"temperature {arm.temperature:g}" if arm.temperature != Arm.temperature else ""
    reduction = f"reduction {arm.reduction}" if arm.reduction != Arm.reduction else ""
    return ", ".join(
        filter(None, [way, arm.gate, temperature, reduction, "first layer open" if arm.open_first else ""])
    )


def at_rate(table: pd.DataFrame, friction: str, rate: float) -> dict[int, float]:
    """Seed → accuracy of networks gated by one measure at one rate; ``table`` is from :func:`gates`."""
    return seeds_of(table[(table["friction"] == friction) & (table["rate"] == rate)])


def rates_between(table: pd.DataFrame) -> list[float]:
    """The rates asked for but 0 and 1, in order; ``table`` is from :func:`gates`."""
    return sorted(rate for rate in table["rate"].unique() if 0 < rate < 1)


def nearest_rate(table: pd.DataFrame, target: float) -> float:
    """The rate asked for that is nearest to ``target``, neither 0 nor 1; of two as near the one nearer to a half.

    Args:
        table: from :func:`gates`.
        target: a fraction.
    """
    return min(rates_between(table), key=lambda rate: (round(abs(rate - target), 6), abs(rate - 0.5)))


def main_rates(table: pd.DataFrame) -> list[float]:
    """The rates nearest to a quarter, a half and three quarters, each once; ``table`` is from :func:`gates`."""
    return sorted({nearest_rate(table, target) for target in (0.25, 0.5, 0.75)})


def open_by_layer(rows: pd.DataFrame) -> dict[str, float]:
    """Layer → mean of its measured open fractions; ``rows`` are from :func:`gates` or :func:`trained_gates`."""
    means = rows.filter(like="open_fraction/").mean().dropna()
    return {name.split("/")[1]: float(value) for name, value in means.items()}


def open_text(rows: pd.DataFrame) -> str:
    """Measured open fractions in per cent, layer by layer from the first."""
    return " / ".join(f"{100 * value:.0f}" for value in open_by_layer(rows).values())


def frontier(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The rows that no other row beats in both: none costs at most as much and is more accurate, or less for the same.

    Args:
        points: one row per candidate, with its accuracy.
        cost: column of which less is better.

    Returns:
        Those rows, the cheapest first.
    """
    ordered = points.sort_values([cost, "accuracy"], ascending=[True, False], kind="stable")
    best_before = ordered["accuracy"].astype(float).cummax().shift(fill_value=float("-inf"))
    return ordered[ordered["accuracy"] > best_before]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table of counts for display: no decimals, thousands apart."""
    counts = table.select_dtypes("number").columns
    return table.assign(**{name: table[name].map("{:,.0f}".format) for name in counts})


def by_arm(table: pd.DataFrame, column: str = "accuracy") -> dict[str, Interval]:
    """Arm → mean and interval of ``column`` over the seeds, in order of appearance."""
    return {arm: interval(rows[column].tolist()) for arm, rows in table.groupby("arm", sort=False)}


def by_seed(table: pd.DataFrame, arm: str, column: str = "accuracy") -> dict[int, float]:
    """Seed → value of one arm, for paired comparisons."""
    return seeds_of(table[table["arm"] == arm], column)


def seeds_of(rows: pd.DataFrame, column: str = "accuracy") -> dict[int, float]:
    """Seed → value of the rows of one network, for paired comparisons.

    Raises:
        ValueError: a seed is there twice, so that the rows are of more than one network.
    """
    values = dict(zip(rows["seed"].tolist(), rows[column].tolist(), strict=True))
    if len(values) < len(rows):
        raise ValueError(f"rows: expected one row per seed, got {len(rows)} rows with {len(values)} seeds")
    return values


def cost_share(table: pd.DataFrame, arm: str, control: str, column: str) -> float:
    """Mean of ``column`` over the runs of one arm, as a share of the control's.

    Args:
        table: one row per run, from :func:`frame`.
        arm: name of the arm.
        control: name of the arm that it is held against.
        column: ``"conv_weights"``, ``"conv_macs"`` or another count.

    Raises:
        ValueError: the table has no run of one of them.
    """
    means = table.groupby("arm")[column].mean()
    for name, value in (("arm", arm), ("control", control)):
        if value not in means.index:
            raise ValueError(f"{name}: expected an arm of the table, got {value!r}; it has {', '.join(means.index)}")
    return means[arm] / means[control]


def summary(table: pd.DataFrame, columns: Iterable[str] = ("conv_weights", "weights", "conv_macs")) -> pd.DataFrame:
    """One row per arm: accuracy in per cent with its interval, and the mean of ``columns``."""
    rows = {}
    for arm, group in table.groupby("arm", sort=False):
        accuracy = interval((100 * group["accuracy"]).tolist())
        rows[arm] = {"accuracy (%)": f"{accuracy:.2f}"} | {name: round(group[name].mean()) for name in columns}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def unique(*groups: Iterable[Result]) -> list[Result]:
    """The results of several groups, each once."""
    return list({run_id(result.run): result for group in groups for result in group}.values())


def _mean_open(record: Mapping[str, float]) -> float:
    return fmean(value for name, value in record.items() if name.startswith("open_fraction/"))


def _identity(result: Result) -> dict[str, object]:
    run = result.run
    return {
        "arm": run.arm.name,
        "conv": run.arm.conv,
        "kernel_size": run.arm.kernel_size,
        "margin": run.arm.margin,
        "cores": run.arm.cores,
        "reapply": run.arm.reapply,
        "merge": run.arm.merge,
        "network": run.network,
        "dataset": run.dataset,
        "recipe": run.recipe,
        "lr": run.lr,
        "seed": run.seed,
        "training_seconds": sum(epoch["seconds"] for epoch in result.history),
    }
