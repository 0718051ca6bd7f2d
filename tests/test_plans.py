"""Plans and profiles: complete, paired, and identified by what they are."""

from dataclasses import replace
from itertools import product

import pytest

from inertia_utils.arms import Arm, dense, inertial
from inertia_utils.compared import (
    CHEAPEST,
    OF_SLIMMER_MACS,
    PRIMARY,
    SLIMMER,
    STRIDED,
    cheapest_pairs,
    control_pairs,
    pooled_arms,
    pooled_pairs,
    primary_pairs,
    slimmer_pairs,
    strided_pairs,
)
from inertia_utils.gate_run import GateRun
from inertia_utils.models import narrowed, narrowed_evenly, separated, widened
from inertia_utils.plans import PLANS, POOLED_RATE, grid, plan, reapplications
from inertia_utils.profiles import PROFILES, profile_named
from inertia_utils.recipes import RECIPES
from inertia_utils.runs import config, from_config, run_id
from inertia_utils.train_run import TrainRun


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("notebook", sorted(PLANS))
def test_every_run_survives_its_configuration(notebook, profile):
    groups = plan(notebook, profile)
    assert groups and all(groups.values())
    for runs in groups.values():
        for run in runs:
            assert from_config(config(run)) == run
        assert len({run_id(run) for run in runs}) == len(runs), "a group lists a run twice"


@pytest.mark.parametrize("profile", PROFILES)
def test_arms_of_a_comparison_share_their_seeds(profile):
    seeds: dict[str, set[int]] = {}
    for run in plan("01_baselines", profile)["converged"]:
        seeds.setdefault(run.arm.name, set()).add(run.seed)
    assert len(set(map(frozenset, seeds.values()))) == 1
    assert len(seeds["dense 5×5"]) == profile_named(profile).seeds >= 2


@pytest.mark.parametrize("profile", PROFILES)
def test_what_decides_has_all_its_seeds(profile):
    size = profile_named(profile)
    planned = {(run.arm, run.seed) for run in plan("03_window_and_margin", profile)["primary"]}
    arms = {arm for pair in primary_pairs() for arm in pair}
    assert arms.issuperset({*PRIMARY, dense(5), dense(3), dense(1)})
    assert planned == {(arm, seed) for arm in arms for seed in range(size.seeds)}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_control_of_a_primary_arm_is_planned(profile):
    size, pairs = profile_named(profile), control_pairs()
    runs = plan("03_window_and_margin", profile)["rivals"]
    planned = {run.arm for run in runs}
    for arm in PRIMARY[1:]:
        assert [run.seed for run in runs if run.arm == separated(arm)] == list(range(size.seeds))
    assert {arm for arm, _ in pairs} == {*PRIMARY}
    assert {control for _, control in pairs} == planned
    assert {(arm, widened(arm)) for arm in PRIMARY} <= set(pairs)
    assert {control.conv for _, control in [*pairs, *primary_pairs()]} == {"dense", "separable"}


def test_no_form_takes_fewer_macs_than_the_cheapest_and_its_rivals_take_as_many():
    size = profile_named("full")
    spent = _conv_macs(CHEAPEST)
    assert min(_conv_macs(arm) for arm in [*grid(size.windows, size.cores), *reapplications(size)]) == spent
    assert all(0.9 < _conv_macs(rival) / spent < 1.1 for _, rival in cheapest_pairs() if rival != dense(3))
    runs = plan("03_window_and_margin", "full")["cheapest"]
    assert {run.arm for run in runs} == {arm for pair in cheapest_pairs() for arm in pair}
    assert {run.seed for run in runs if run.arm == CHEAPEST} == set(range(size.small_core_seeds))


def test_the_slimmer_network_is_trained_beside_the_form_that_takes_its_macs():
    runs = plan("03_window_and_margin", "full")["slimmer"]
    assert {run.arm for run in runs} == {SLIMMER, OF_SLIMMER_MACS}
    assert _conv_macs(OF_SLIMMER_MACS) == pytest.approx(_conv_macs(SLIMMER), rel=0.1)
    assert {control for _, control in slimmer_pairs()} == {SLIMMER, dense(3)}


def test_the_strided_network_takes_about_the_macs_of_the_cheap_arms():
    runs = plan("03_window_and_margin", "full")["strided"]
    assert [run.seed for run in runs] == list(range(profile_named("full").small_core_seeds))
    assert {run.arm for run in runs} == {control for _, control in strided_pairs()[1:]} == {STRIDED}
    assert all(0.7 < _conv_macs(arm) / _conv_macs(STRIDED) < 1 for arm, _ in strided_pairs()[1:])


@pytest.mark.parametrize("profile", PROFILES)
def test_networks_with_a_pooled_head_differ_from_the_others_in_head_and_rate_alone(profile):
    groups, size = plan("03_window_and_margin", profile), profile_named(profile)
    pooled = groups["pooled"]
    assert {run.arm for run in pooled} == {arm for pair in pooled_pairs() for arm in pair} == set(pooled_arms())
    assert {run.seed for run in pooled} == set(range(size.grid_seeds))
    others = {run for name in ("primary", "rivals", "cheapest", "slimmer") for run in groups[name]}
    assert {replace(run, head="fc", lr=0.0) for run in pooled} <= others
    trials = groups["pooled_tuning"]
    assert {run.arm for run in trials} == {dense(3), *PRIMARY[1:]}
    assert POOLED_RATE in {run.lr for run in trials} and all(run.tuning and run.head == "gap" for run in trials)


@pytest.mark.parametrize("of_equal_macs", [widened, narrowed, separated])
@pytest.mark.parametrize("arm", [*PRIMARY, inertial(3, 1)])
def test_controls_of_equal_macs_differ_by_less_than_a_channel(of_equal_macs, arm):
    control = of_equal_macs(arm)
    assert control.kernel_size == (arm.kernel_size - arm.margin if of_equal_macs is widened else arm.kernel_size)
    fewer, more = (_conv_macs(replace(control, hidden=control.hidden + step)) for step in (-1, 1))
    assert fewer < _conv_macs(arm) < more


@pytest.mark.parametrize("arm", [*PRIMARY, CHEAPEST])
def test_evenly_narrowed_layers_keep_their_proportion_and_have_equal_macs(arm):
    rival = narrowed_evenly(arm)
    assert (rival.conv, rival.kernel_size) == ("dense", arm.kernel_size)
    assert rival.channels / rival.hidden == pytest.approx(Arm.channels / Arm.hidden, rel=0.1)
    fewer, more = (_conv_macs(replace(rival, channels=rival.channels + step)) for step in (-1, 1))
    assert fewer < _conv_macs(arm) < more


def test_unknown_names():
    with pytest.raises(ValueError, match="profile: unknown profile 'huge'; known: smoke, quick, full"):
        plan("01_baselines", "huge")
    with pytest.raises(ValueError, match="notebook: unknown notebook '99_none'; known: 01_baselines"):
        plan("99_none", "quick")


def test_unknown_kinds_and_fields_are_refused():
    with pytest.raises(ValueError, match="unknown run kind 'walk'; known: "):
        from_config({"kind": "walk"})
    with pytest.raises(ValueError, match="TrainRun has no field colour"):
        from_config({"kind": "train", "colour": 1})


def test_a_changed_recipe_asks_for_new_results(monkeypatch):
    plain, gated, other = TrainRun(), GateRun(TrainRun(inertial(5, 2))), TrainRun(recipe="original")
    before = [run_id(run) for run in (plain, gated, other, TrainRun(lr=1e-3))]
    key = ("converged", "fashionnet")
    monkeypatch.setitem(RECIPES, key, replace(RECIPES[key], lr=1.0))
    after = [run_id(run) for run in (plain, gated, other, TrainRun(lr=1e-3))]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True, True]


def _conv_macs(arm):
    # By hand: 28×28 positions behind the first convolution, 14×14 behind the second, 7×7 where it is strided; an open
    # inertial layer (slide) also computes the core where the window reaches beyond the image.
    return sum(
        _layer_macs(arm, in_channels, out_channels, side)
        for in_channels, out_channels, side in (
            (1, arm.hidden, 28),
            (arm.hidden, arm.channels, 7 if arm.strided else 14),
        )
    )


def _layer_macs(arm, in_channels, out_channels, side):
    if arm.conv == "dense" or (arm.dense_first and in_channels == 1):
        return arm.kernel_size**2 * in_channels * out_channels * side**2
    if arm.conv == "separable":
        return (arm.kernel_size**2 * in_channels + in_channels * out_channels) * side**2
    filters = out_channels // 2 if arm.merge.startswith("stack") else out_channels
    core = (arm.kernel_size - arm.margin) ** 2 * in_channels * filters * (side + arm.margin) ** 2
    return core + (arm.margin + 1) ** 2 * filters * side**2


@pytest.mark.parametrize("profile", PROFILES)
def test_the_original_recipe_starts_at_the_original_seed_and_notebooks_share_its_runs(profile):
    size = profile_named(profile)
    of_dense, of_all = (plan(name, profile)["original"] for name in ("01_baselines", "03_window_and_margin"))
    arms = [dense(5), dense(3), dense(1), inertial(5, 2), inertial(3, 2)]
    assert [(run.seed, run.arm) for run in of_all] == list(product(range(1, size.original_seeds + 1), arms))
    assert of_dense == [run for run in of_all if run.arm.conv == "dense"]
