"""The summary of claims: verdicts follow the rules, whatever is missing, and every number of the report is defined."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inertia_utils import claims, frames, quoted, report, stats
from inertia_utils.arms import dense, inertial
from inertia_utils.claims import Claim, Side, find, summarise
from inertia_utils.gate_run import GateRun
from inertia_utils.original_claims import original_claims
from inertia_utils.plans import plan
from inertia_utils.result_file import Result
from inertia_utils.study import Study
from inertia_utils.train_run import TrainRun

OURS, THEIRS = inertial(3, 2), dense(3)
KEEPS = Claim("as good", "{dataset}", Side(OURS.name), Side(THEIRS.name))
BEATS = Claim("better", "{dataset}", Side(OURS.name), Side(THEIRS.name), "beats")


def result(arm, seed, accuracy, **metrics) -> Result:
    return Result(TrainRun(arm, seed=seed), {"accuracy": accuracy, **metrics}, [], {}, profile="quick")


def study(ours, theirs, missing=(), profile="quick") -> Study:
    pairs = ((OURS, ours), (THEIRS, theirs))
    found = [result(arm, seed, value) for arm, values in pairs for seed, value in enumerate(values)]
    return Study("03_window_and_margin", profile, {"primary": found}, list(missing))


@pytest.mark.parametrize(
    ("claim", "gap", "verdict"),
    [
        (KEEPS, 0.0, "holds"),
        (KEEPS, 0.01, "holds"),
        (KEEPS, -0.01, "does not hold"),
        (KEEPS, -0.003, "open"),
        (BEATS, 0.01, "holds"),
        (BEATS, -0.01, "does not hold"),
        (BEATS, 0.0, "open"),
    ],
)
def test_verdicts(claim, gap, verdict):
    noise = np.array([0.0004, -0.0004, 0.0002, -0.0002])
    theirs = np.array([0.80, 0.81, 0.82, 0.83])
    row = summarise([claim], [study(theirs + gap + noise, theirs)]).iloc[0]
    assert row["verdict"] == verdict and row["seeds"] == "4" and row["profile"] == "quick"


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0.1, 0.9), st.floats(-0.02, 0.02)), min_size=2, max_size=6))
def test_difference_and_p_value_are_those_of_the_statistics(values):
    assume(np.ptp([gap for _, gap in values]) > 1e-5)  # the t statistic needs spread
    theirs = [accuracy for accuracy, _ in values]
    ours = [accuracy + gap for accuracy, gap in values]
    known = study(ours, theirs)
    finding = find(KEEPS, [known])
    expected = stats.compare(dict(enumerate(ours)), dict(enumerate(theirs)))
    assert finding.comparison == expected and finding.p_value == expected.p_non_inferior


def test_differences_are_shown_in_points():
    known = study([0.80, 0.82, 0.81], [0.81, 0.84, 0.82])
    expected = find(KEEPS, [known]).comparison.difference
    assert expected.mean == pytest.approx(-0.04 / 3)
    table = summarise([KEEPS, BEATS], [known])
    assert table["difference (points)"].str.startswith("−1.33").all()


def test_holm_adjusts_within_one_kind():
    theirs, ours = [0.80, 0.81, 0.82], [0.802, 0.811, 0.823]
    known = study(ours, theirs)
    alone = find(KEEPS, [known])
    adjusted = claims.adjusted_p_values([alone, find(BEATS, [known]), alone])
    assert adjusted[0] == adjusted[2] == pytest.approx(min(1, 2 * alone.p_value))
    assert adjusted[1] == pytest.approx(find(BEATS, [known]).p_value)


def test_a_claim_without_a_comparison_counts_as_failed():
    known, single = (find(KEEPS, [study(values, [0.8, 0.81, 0.82])]) for values in ([0.802, 0.811, 0.823], [0.8]))
    adjusted = claims.adjusted_p_values([known, single])
    assert adjusted == [pytest.approx(min(1, 2 * known.p_value)), None] and 0 < known.p_value < adjusted[0]


def test_missing_runs_are_not_yet_run():
    table = summarise(original_claims(), [Study("09_final_figures", "full", {}, [])])
    assert set(table["verdict"]) == {"not yet run"} and set(table["seeds"]) == {"0"} and set(table["profile"]) == {""}


def test_one_seed_is_open_and_seeds_to_come_are_counted():
    missing = [TrainRun(arm, seed=seed) for arm in (OURS, THEIRS) for seed in (1, 2)]
    row = summarise([KEEPS], [study([0.8], [0.7], missing)]).iloc[0]
    assert row["verdict"] == "open" and row["seeds"] == "1 of 3" and row["difference (points)"] == "+10.00"


def test_the_larger_profile_is_taken_once_it_has_two_seeds():
    quick = study([0.8, 0.81, 0.82], [0.8, 0.8, 0.8])
    for count, profile in ((0, "quick"), (1, "quick"), (2, "full")):
        full = study([0.9] * count, [0.9] * count, profile="full")
        assert find(KEEPS, [full, quick]).profile == profile


def test_evidence_is_what_is_compared_and_nothing_else():
    known = [study([0.9, 0.9, 0.9], [0.8, 0.8], profile="full"), study([0.7, 0.7], [0.6, 0.6], profile="quick")]
    known[0].results["primary"].append(result(dense(5), 0, 0.9))
    behind = claims.evidence([KEEPS, BEATS], known)
    assert sorted((found.run.arm.name, found.run.seed, found.metrics["accuracy"]) for found in behind) == [
        (THEIRS.name, 0, 0.8),
        (THEIRS.name, 1, 0.8),
        (OURS.name, 0, 0.9),
        (OURS.name, 1, 0.9),
    ]


def test_counts_are_held_against_their_limit():
    known = Study("03", "quick", {"primary": [result(OURS, 0, 0.8, n=50), result(THEIRS, 0, 0.8, n=100)]}, [])
    sides = Side(OURS.name), Side(THEIRS.name)
    for share, verdict in ((0.5, "holds"), (0.4, "does not hold")):
        row = summarise([Claim("fewer", "", *sides, "limit", "n", share)], [known]).iloc[0]
        assert row["verdict"] == verdict and row["difference (points)"] == "50.0% of control"


def gate_result(friction, seed, **options) -> Result:
    run = GateRun(TrainRun(inertial(5, 2), seed=seed), friction, **options)
    accuracy = {"range": 0.90, "random": 0.88}[friction] - 0.001 * seed
    layers = {"open_fraction/conv1": 0.4 + 0.05 * (friction == "random"), "open_fraction/conv2": 0.6}
    macs = {"range": 20.0, "random": 0.0}[friction]
    history = [
        {"rate": rate, "accuracy": accuracy + 0.02 * rate, "conv_macs": 100 * rate + macs, **layers}
        for rate in (0.5, 1.0)
    ]
    return Result(run, {"evaluated_on": "test"}, history, {}, profile="quick")


def test_gated_networks_are_compared_at_one_rate():
    found = [gate_result(name, seed) for name in ("range", "random") for seed in range(3)]
    others = ({"reduction": "before"}, {"skip": "core"}, {"layers": ("conv1",)}, {"merge": "replace"})
    found += [gate_result("random", 0, **options) for options in others]
    table = summarise(original_claims(), [Study("04_friction", "quick", {"gated": found}, [])])
    rows = table[table["condition"] == "fashion-mnist, gated after training"]
    # A random gate of as many MACs opens two fifths more of the way, for 0.4 of its hundredth.
    assert rows["difference (points)"].str.split(" ").str[0].tolist() == ["−1.00", "+2.00", "+1.60"]
    assert rows["verdict"].tolist() == ["does not hold", "holds", "holds"] and set(rows["seeds"]) == {"3"}
    assert rows["difference (points)"].str.endswith(", unequal").tolist() == [False, True, False]
    assert rows["control"].tolist()[2] == "inertial (5, 2), random with as many MACs"


def test_open_fractions_are_those_of_the_seeds_that_are_compared():
    claim = next(claim for claim in original_claims() if claim.equal_rates and claim.arm.skip == GateRun.skip)
    ours, theirs = [gate_result("range", seed) for seed in range(2)], [gate_result("random", seed) for seed in range(3)]
    for result in ours + theirs[:2]:
        for record in result.history:
            record["open_fraction/conv1"] = 0.4
    for record in theirs[2].history:
        record["open_fraction/conv1"] = 1.0
    finding = find(claim, [Study("04_friction", "quick", {"gated": ours + theirs}, [])])
    assert finding.seeds == 2 and not finding.unequal


def test_two_runs_of_one_seed_are_refused():
    known = study([0.8, 0.81], [0.8, 0.81])
    again = known.results["primary"][0]
    assert find(KEEPS, [replace(known, results=known.results | {"again": [again]})]).seeds == 2
    other = replace(again, run=replace(again.run, epochs=3))
    with pytest.raises(ValueError, match=r"one run per seed of inertial \(3, 2\), got 3 with 2 seeds"):
        find(KEEPS, [replace(known, results=known.results | {"again": [other]})])


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=12))
def test_frontier_holds_exactly_the_points_that_no_other_beats(pairs):
    points = pd.DataFrame(pairs, columns=["cost", "accuracy"])
    front = {(row.cost, row.accuracy) for row in frames.frontier(points, "cost").itertuples()}
    beaten = {
        (cost, gain)
        for cost, gain in pairs
        for other_cost, other_gain in pairs
        if other_cost <= cost and other_gain >= gain and (other_cost, other_gain) != (cost, gain)
    }
    assert front == set(pairs) - beaten


def test_every_macro_of_the_report_is_defined_whatever_is_missing():
    used = set(re.findall(r"\\val([A-Za-z]+)", report.TEMPLATE.read_text(encoding="utf-8")))
    empty = Study("09_final_figures", "full", {}, [])
    runs = [run for run in plan("09_final_figures", "smoke")["03 primary"] if run.seed == 0]
    counts = {"conv_weights": 10, "conv_macs": 20}
    filled = [Result(run, {"accuracy": 0.8} | counts, [{"seconds": 1.0}], {}, profile="smoke") for run in runs]
    for known in (empty, Study("09_final_figures", "smoke", {"03 primary": filled}, [])):
        numbers = quoted.quoted(known, known, summarise(original_claims(), [known]))
        assert set(numbers) == used and all(numbers.values())
    assert numbers["InertialThree"] == "80.00 % (n=1)" and numbers["MacShareFive"] == "100%"
    assert numbers["DifferenceFive"] == quoted.MISSING, "one seed has no interval"


@pytest.mark.parametrize("change", [{"pool": False}, {"head": "gap"}, {"tuning": True}])
def test_variants_of_a_network_are_not_counted_as_the_network(change):
    run = TrainRun(inertial(3, 2))
    assert Side("inertial (3, 2)").seed(run) == 0
    assert Side("inertial (3, 2)").seed(replace(run, **change)) is None
    gated = Side("inertial (3, 2)", friction="range", rate=0.5)
    assert gated.seed(GateRun(run)) == 0
    assert gated.seed(GateRun(run, layers=("conv1",))) is None and gated.seed(GateRun(run, merge="add")) is None
