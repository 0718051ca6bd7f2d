"""The claims of the original text, each with its condition and what the stored results say of it.

Rules, fixed before the runs (design, section 6): differences are paired by seed and carry t intervals; the margin of
non-inferiority is 0.3 points; p values of claims of one kind are one family, adjusted by Holm's procedure, in which a
claim without a comparison counts with p = 1.

- *keeps*: the arm is at most the margin worse than its control.  It holds if the adjusted p value of non-inferiority is
  below 0.05, does not hold if the whole interval lies below minus the margin, and is open otherwise.
- *beats*: the arm is better than its control.  It holds if the adjusted p value is below 0.05 and the difference is
  positive, does not hold if the whole interval lies below zero, and is open otherwise.
- *limit*: a count is at most a stated share of the control's.  There is nothing random about it.

So the burden is the claim's: to hold it has to stand among all claims of its kind, and to fail one interval is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from .comparisons import in_points, p_text
from .equal_macs import at_macs
from .frames import unique
from .gate_gaps import UNEQUAL, equally_open
from .gate_run import GateRun
from .result_file import Result
from .runs import Run
from .stats import ALPHA, MARGIN, Comparison, compare, holm
from .study import Study
from .train_run import TrainRun

NOT_YET_RUN = "not yet run"
#: Who claims it.
ORIGINAL, OURS = "original text", "this study"
#: Verdicts of a comparison.
HOLDS, FAILS, OPEN = "holds", "does not hold", "open"


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        arm: name of the arm.
        network: that it is trained in.
        friction: measure by which the trained network is gated afterwards; empty for the network as it was trained.
        rate: fraction of positions (blocks for ``skip="core"``) that its thresholds are asked to open.
        skip: what the gates then skip.
        reduction: of channels, ``"after"`` or ``"before"`` the window pass of the measure.
        macs_of: a side whose MACs this one takes, at a rate between those that were measured, in place of its own.
    """

    arm: str
    network: str = "fashionnet"
    friction: str = ""
    rate: float = 1.0
    skip: str = GateRun.skip
    reduction: str = GateRun.reduction
    macs_of: Side | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        if not self.friction:
            return self.arm
        opened = "all open" if self.rate == 1 else f"{self.friction} at {self.rate:.0%} asked"
        if self.macs_of:
            opened = f"{self.friction} with as many MACs"
        if self.reduction != GateRun.reduction:
            opened += f", reduction {self.reduction}"
        return f"{self.arm}, {opened}" + (f", skip {self.skip}" if self.skip != GateRun.skip else "")

    def seed(self, run: Run) -> int | None:
        """The seed of ``run`` if this side is made of runs like it, else None."""
        trained = _trained(run)
        if not isinstance(trained, TrainRun) or (trained.arm.name, trained.network) != (self.arm, self.network):
            return None
        if trained.head != TrainRun.head or trained.pool != TrainRun.pool or trained.padded or trained.tuning:
            return None  # another network, or not evaluated on the test set
        if isinstance(run, GateRun):
            options = {"skip": self.skip, "reduction": self.reduction, "test_images": run.test_images}
            plain = GateRun(trained, self.friction or GateRun.friction, run.rates, **options)
            return run.seed if self.friction and run == plain else None
        return None if self.friction else run.seed

    def measured(self, result: Result) -> Mapping[str, Any]:
        """What was measured of a result of this side; empty if it was not measured at this rate."""
        if not self.friction:
            return result.metrics
        return next((record for record in result.history if record["rate"] == self.rate), {})


@dataclass(frozen=True)
class Claim:
    """One statement and how it is tested.

    Attributes:
        statement: what is claimed, shortened.
        condition: where we tested it; ``{dataset}`` stands for the dataset of the runs.
        arm: the side it speaks for.
        control: the side it is held against.
        kind: ``"keeps"``, ``"beats"`` or ``"limit"``.
        column: the metric.
        share: of the control's count, for a limit.
        equal_rates: whether the two sides have to open the same fractions, and are marked where they do not.
        source: the original text, or this study, which asks what the text takes for granted.
    """

    statement: str
    condition: str
    arm: Side
    control: Side
    kind: str = "keeps"
    column: str = "accuracy"
    share: float = 1.0
    equal_rates: bool = False
    source: str = ORIGINAL


@dataclass(frozen=True)
class Finding:
    """What the results of one study say of a claim.

    Attributes:
        claim: the claim.
        profile: of the study; empty if nothing was found.
        seeds: in common to both sides.
        planned: seeds that the study will have.
        dataset: that the runs are trained on.
        arm: seed → value.
        control: seed → value.
        unequal: whether a layer opens another fraction than in the control, where it should not.
    """

    claim: Claim
    profile: str
    seeds: int
    planned: int
    dataset: str
    arm: dict[int, float]
    control: dict[int, float]
    unequal: bool = False

    @cached_property
    def comparison(self) -> Comparison | None:
        """Paired, from two seeds on."""
        return compare(self.arm, self.control) if self.seeds > 1 and self.claim.kind != "limit" else None

    @property
    def share(self) -> float:
        """The arm's count relative to the control's."""
        seed = min(self.arm.keys() & self.control.keys())
        return self.arm[seed] / self.control[seed]

    @property
    def p_value(self) -> float:
        """Of the claim's null hypothesis; 1 without a comparison, so that stopping early buys nothing."""
        if self.comparison is None:
            return 1.0
        keeps = self.claim.kind == "keeps"
        return self.comparison.p_non_inferior if keeps else self.comparison.p_different

    def verdict(self, adjusted: float | None) -> str:
        """By the rules at the head of this file; ``adjusted`` is the p value after Holm's procedure."""
        if not self.seeds:
            return NOT_YET_RUN
        if self.claim.kind == "limit":
            return HOLDS if self.share <= self.claim.share * (1 + 1e-9) else FAILS
        if self.comparison is None:
            return OPEN
        gap = self.comparison.difference
        keeps = self.claim.kind == "keeps"
        if adjusted is not None and adjusted < ALPHA and (keeps or gap.mean > 0):
            return HOLDS
        return FAILS if gap.high < (-MARGIN if keeps else 0) else OPEN


def find(claim: Claim, studies: Sequence[Study]) -> Finding:
    """What the first study says that has two seeds of both sides, or else the first that has one.

    Args:
        claim: the claim.
        studies: of one notebook, the one to prefer first.
    """
    findings = [_find(claim, study) for study in studies]
    return max(findings, key=lambda finding: min(finding.seeds, 1 if claim.kind == "limit" else 2))


def summarise(claims: Iterable[Claim], studies: Sequence[Study]) -> pd.DataFrame:
    """The summary table: one row per claim, formatted; a claim without results is "not yet run"."""
    findings = [find(claim, studies) for claim in claims]
    adjusted = adjusted_p_values(findings)
    return pd.DataFrame([_row(finding, p) for finding, p in zip(findings, adjusted, strict=True)])


def evidence(claims: Iterable[Claim], studies: Sequence[Study]) -> list[Result]:
    """The results that :func:`summarise` compares, once each."""
    behind = []
    for claim in claims:
        finding = find(claim, studies)
        seeds = finding.arm.keys() & finding.control.keys()
        for study in (known for known in studies if known.profile == finding.profile):
            sides = (_results(side, study) for side in (claim.arm, claim.control))
            behind += [result for side in sides for seed, result in side.items() if seed in seeds]
    return unique(behind)


def adjusted_p_values(findings: Sequence[Finding]) -> list[float | None]:
    """Holm's adjustment within each kind of claim; None where there is no test yet, which counts with p = 1."""
    adjusted: list[float | None] = [None] * len(findings)
    for kind in ("keeps", "beats"):
        family = [i for i, finding in enumerate(findings) if finding.claim.kind == kind]
        for position, p in zip(family, holm([findings[i].p_value for i in family]), strict=True):
            adjusted[position] = p if findings[position].comparison else None
    return adjusted


def _find(claim: Claim, study: Study) -> Finding:
    arm, control = (_values(side, claim.column, study) for side in (claim.arm, claim.control))
    planned = _seeds(claim.arm, study) & _seeds(claim.control, study)
    common = arm.keys() & control.keys()
    datasets = {_trained(run).dataset for run in _runs(study) if claim.arm.seed(run) is not None}
    opened = (_measured(side, study, common) for side in (claim.arm, claim.control))
    unequal = claim.equal_rates and not equally_open(*opened)
    profile = study.profile if common else ""
    return Finding(claim, profile, len(common), len(planned), ", ".join(sorted(datasets)), arm, control, unequal)


def _results(side: Side, study: Study) -> dict[int, Result]:
    """Seed → result, of those that are there of one side.

    Raises:
        ValueError: two runs of one seed are, so that the side says not which of them it means.
    """
    # Of the side first, since telling two results apart takes a hash of each.
    of_side = [result for group in study.results.values() for result in group if side.seed(result.run) is not None]
    found = unique(of_side)
    results = {side.seed(result.run): result for result in found}
    if len(results) < len(found):
        raise ValueError(f"side: expected one run per seed of {side.name}, got {len(found)} with {len(results)} seeds")
    return results


def _measured(side: Side, study: Study, seeds: Collection[int]) -> pd.DataFrame:
    """One row per seed: what was measured of a side."""
    return pd.DataFrame([side.measured(result) for seed, result in _results(side, study).items() if seed in seeds])


def _values(side: Side, column: str, study: Study) -> dict[int, float]:
    """Seed → value of the results that are there."""
    results = _results(side, study)
    if side.macs_of:
        budgets = _values(side.macs_of, "conv_macs", study)
        curves = {seed: pd.DataFrame(result.history) for seed, result in results.items()}
        return {seed: at_macs(curves[seed], budgets[seed]) for seed in curves.keys() & budgets.keys()}
    values = {seed: side.measured(result).get(column) for seed, result in results.items()}
    return {seed: value for seed, value in values.items() if value is not None}


def _seeds(side: Side, study: Study) -> set[int]:
    """All seeds of a side that the study has or will have."""
    return {seed for run in _runs(study) if (seed := side.seed(run)) is not None}


def _runs(study: Study) -> list[Run]:
    return [result.run for group in study.results.values() for result in group] + study.missing


def _trained(run: Run) -> Run:
    return run.parent if isinstance(run, GateRun) else run


def _row(finding: Finding, adjusted: float | None) -> dict[str, str]:
    claim = finding.claim
    seeds = f"{finding.seeds} of {finding.planned}" if finding.seeds < finding.planned else str(finding.seeds)
    return {
        "claim": claim.statement,
        "source": claim.source,
        "condition": claim.condition.format(dataset=finding.dataset or "any data"),
        "arm": claim.arm.name,
        "control": claim.control.name,
        "difference (points)": _difference(finding),
        "margin": {"keeps": f"−{100 * MARGIN:.1f}", "beats": "0", "limit": f"≤ {claim.share:.1%}"}[claim.kind],
        "p (Holm)": "" if adjusted is None else p_text(adjusted),
        "verdict": finding.verdict(adjusted),
        "seeds": seeds if finding.seeds else "0",
        "profile": finding.profile,
    }


def _difference(finding: Finding) -> str:
    if not finding.seeds:
        return ""
    if finding.claim.kind == "limit":
        return f"{finding.share:.1%} of control"
    if finding.comparison is None:
        seed = min(finding.arm.keys() & finding.control.keys())
        return _with_minus(f"{100 * (finding.arm[seed] - finding.control[seed]):+.2f}")
    return _with_minus(in_points(finding.comparison.difference)) + (UNEQUAL if finding.unequal else "")


def _with_minus(number: str) -> str:
    return number.replace("-", "−")
