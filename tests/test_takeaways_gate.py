"""Sentences on gates say what the numbers behind them say."""

import pandas as pd
import pytest

from inertia_utils.compared import STRIDED
from inertia_utils.takeaways import gate as takeaway

NEVER = {"rate": float("nan"), "friction": ""}


def trained(gate, accuracy, macs=50.0, friction="range", rate=0.25, skip="core", closed="never", wave=0.001):
    """Rows as of the frame of trained gates, of three seeds."""
    return [
        {
            "skip": skip,
            "gate": gate,
            "closed": closed,
            "friction": friction,
            "rate": rate,
            "seed": seed,
            "accuracy": accuracy + wave * seed,
            "holdout_accuracy": accuracy,
            "conv_macs": macs,
        }
        for seed in range(3)
    ]


def after_training(friction, accuracies, extra=0, skip="core"):
    """Rows as of the frame of gated networks: rate → accuracy, three seeds."""
    return [
        {"skip": skip, "friction": friction, "rate": rate, "seed": seed, "accuracy": value + 0.001 * seed}
        | {"conv_macs": 100 * rate + extra}
        for rate, value in accuracies.items()
        for seed in range(3)
    ]


def without_gate(arm, accuracy, macs):
    return [{"arm": arm, "seed": seed, "accuracy": accuracy + 0.001 * seed, "conv_macs": macs} for seed in range(3)]


@pytest.fixture
def opened():
    return pd.DataFrame(trained("always", 0.93, 100.0, friction="", rate=float("nan")))


@pytest.fixture
def after():
    rates = {0.1: 0.80, 0.5: 0.929, 1.0: 0.93}
    chance = {0.1: 0.80, 0.5: 0.90, 1.0: 0.93}
    return pd.DataFrame([*after_training("range", rates, extra=10), *after_training("random", chance)])


@pytest.fixture
def ungated():
    return pd.DataFrame([*without_gate("small", 0.91, 40), *without_gate(STRIDED.name, 0.92, 30)])


def test_a_gate_earns_its_keep_where_no_smaller_network_is_better(after, ungated, opened):
    gates = pd.DataFrame(
        [*trained("rate", 0.90), *trained("anneal", 0.93, 60), *trained("rate", 0.9, friction="random")]
    )
    # At 0.1 the gate after training takes 20, fewer than any network without one.
    assert takeaway.earns_its_keep(after, gates, ungated, opened) == (
        "**Does a gate by friction earn its keep? Not ruled out.** A smaller network without a gate, with no more "
        "MACs, is better, by an interval that leaves out 0 and is not adjusted, than 0 of 2 gates of (5, 2) set after "
        "training (a setting is a rate and what is skipped) and 1 of 2 gates of (5, 2) trained with or fine-tuned to. "
        "The gates that no such network is shown to beat save at most 80% of the open network's MACs. Those networks, "
        "in points from the open one: small (40% of its MACs, -2.00 ± 0.00 (n=3)), dense 3×3, strided second layer "
        "(30% of its MACs, -1.00 ± 0.00 (n=3))."
    )


def test_where_all_gates_lose_nothing_is_said_to_be_saved(after, ungated, opened):
    better = pd.concat([ungated, pd.DataFrame(without_gate("best", 0.95, 1))])
    text = takeaway.earns_its_keep(after, pd.DataFrame(trained("rate", 0.90)), better, opened)
    assert "Mostly not.**" in text and "save at most" not in text
    assert "than 2 of 2 gates of (5, 2) set after training" in text


@pytest.mark.parametrize("seeds", [1, 2])
def test_before_three_seeds_nothing_is_said_of_what_a_gate_earns(after, ungated, opened, seeds):
    gates = pd.DataFrame(trained("rate", 0.80))
    few = (rows[rows["seed"] < seeds] for rows in (after, gates, ungated, opened))
    text = takeaway.earns_its_keep(*few)
    assert "earn its keep? It cannot be said yet.**" in text
    # Those after training take fewer MACs than any smaller network, or have none that is better.
    assert "and 0 of 1 gates of (5, 2) trained with" in text


def test_gates_set_after_training_are_told_by_rate(after, opened):
    assert takeaway.set_after_training(after, opened) == (
        "**Set after training**, (5, 2), at equal MACs. Skipping the core, friction beats random at 50 %; loses to "
        "random at 10 % asked; no more than 0.3 points are lost to the open network from 50% asked on, a rate read off "
        "the test set, at 60% of its MACs."
    )


def test_the_strided_core_stands_beside_the_best_gate_and_smaller_networks(ungated, opened):
    attempts = pd.DataFrame(
        [
            *trained("never, first layer open", 0.925, 35, **NEVER),
            *trained("rate", 0.90),
            *trained("learned", 0.91, 60),
            *trained("learned", 0.95, rate=0.5),
        ]
    )
    text = takeaway.strided_core(attempts, ungated, opened, 0.25)
    assert "It is -0.50 ± 0.00 (n=3) points from the open network with 35% of its MACs" in text
    assert "beats the best of the friction gates at this rate (+1.50 ± 0.00 (n=3), at 60%)" in text
    assert "beats dense 3×3, strided second layer (+0.50 ± 0.00 (n=3), at 30%)" in text
    assert takeaway.strided_core(attempts[attempts["gate"] == "rate"], ungated, opened, 0.25) == ""


def test_trained_gates_are_counted_by_how_they_stand():
    standing = pd.DataFrame(
        {
            "against random": ["beats it (+1)", "is not told from it (+0)", ""],
            "against never": ["loses to it (-1)", "loses to it (-1)", "beats it (+1)"],
        }
    )
    text = takeaway.trained_with(standing)
    assert "of 3 gates by friction, 1 beats the random gate of their rate and 1 is not told from it; " in text
    assert "1 beats a network trained with a gate that never opens, which takes fewer MACs and 2 lose to it" in text


def test_ways_to_choose_a_quarter_stand_beside_fewer_channels_and_chance():
    ways = {
        name: pd.DataFrame(trained(name, value, 70, skip="detail"))
        for name, value in {
            "threshold": 0.86,
            "image": 0.88,
            "sampled, T = 1": 0.90,
            "sampled, T = 2": 0.89,
            "random gate": 0.87,
        }.items()
    }
    tiny = pd.DataFrame(
        [
            *trained("always", 0.93, **(NEVER | {"rate": 0.25})),
            *trained("never", 0.83, **(NEVER | {"rate": 0.25})),
            *trained("rate", 0.86),
            *trained("rate", 0.87, friction="random"),
        ]
    )
    text = takeaway.small_core(ways, pd.DataFrame(trained("narrow", 0.91)), "23 channels", tiny)
    assert text == (
        "**(3, 2) with 25% open**, by friction of the mean: beside 23 channels without a gate, which take as many "
        "MACs, one threshold is -5.00 ± 0.00 (n=3) points, a quarter of every image -3.00 ± 0.00 (n=3), and places "
        "drawn in training (sampled, T = 1, the best of 2 on the hold-out) -1.00 ± 0.00 (n=3). Beside the random gate "
        "they are -1.00 ± 0.00 (n=3), +1.00 ± 0.00 (n=3) and +3.00 ± 0.00 (n=3); drawing beats the strict choice "
        "(+2.00 ± 0.00 (n=3)). Drawn with the highest T, which is nearly at random, and opened by friction afterwards, "
        "it beats the strict choice (+1.00 ± 0.00 (n=3)). Of what the detail of all positions adds to the core, that "
        "of a quarter gives 30% if friction (of every channel) chooses, and 40% if chance does."
    )


def test_gates_of_a_small_core_are_counted_beside_fewer_channels():
    means = {"threshold": 0.90, "image": 0.91, "sampled, T = 1": 0.93, "random gate": 0.50}
    ways = {name: pd.DataFrame(trained(name, value, skip="detail")) for name, value in means.items()}
    assert takeaway.beside_fewer_channels(ways, pd.DataFrame(trained("narrow", 0.92)), "23 channels").endswith(
        "3 gates by friction of the mean were trained with: 1 beats 23 channels without a gate and 2 lose to it, "
        "-2.00 to +1.00 points, for as many MACs."
    )


def test_ways_of_training_are_held_against_the_margin_and_their_controls(opened):
    attempts = pd.DataFrame(
        [
            *trained("rate", 0.929),
            *trained("rate", 0.90, friction="random"),
            *trained("learned", 0.91, closed="never"),
            *trained("learned, temperature 1", 0.90),
            *trained("never", 0.91, **NEVER),
            # Without a gate that never opens there is nothing to tell.
            *trained("rate", 0.92, skip="detail"),
        ]
    )
    assert takeaway.mending(attempts, opened, 0.25, "full") == (
        "**Does any way of training with friction mend it?** (5, 2), profile full. Of 3 ways with 25% open (1 of them "
        "`learned` at other temperatures) 1 is shown to be within 0.3 points of open gates."
    )
    assert takeaway.ways_beside_controls(attempts, opened, 0.25) == (
        "Gates by friction beside their controls, by intervals of three seeds or more that are not adjusted:\n\n"
        "- skipping the core, 25% asked: of 3 ways 1 beats a gate that never opens, 1 loses to it and 1 is not told "
        "from it; one way beats the random gate of the same kind; all 3 ways lose to open gates; the best on the "
        "hold-out is `rate`, +2.90 ± 0.00 (n=3) from its random gate and +1.90 ± 0.00 (n=3) from its gate that never "
        "opens.\n\n"
        "A gate that never opens takes fewer MACs; the table says where a gate opens another share than its random "
        "one."
    )


@pytest.mark.parametrize(
    ("loss", "accuracy", "suggests"), [(0.11, 91.0, True), (0.13, 91.0, False), (0.11, 91.8, False)]
)
def test_carrying_over_less_is_suggested_where_the_fit_is_as_good(loss, accuracy, suggests):
    fitted = {
        "(5, 2)": {
            "by friction": {"training loss": loss, "test accuracy (%)": accuracy},
            "at random": {"training loss": 0.2, "test accuracy (%)": 90.0},
            "never open": {"training loss": 0.1, "test accuracy (%)": 92.0},
        }
    }
    text = takeaway.fit_or_generalise(fitted)
    assert f"(5, 2): by friction {loss:.3f} and {accuracy:.2f} %, at random 0.200 and 90.00 %, never open" in text
    assert ("This suggests" in text) is suggests


def test_thresholds_are_told_by_the_largest_move_and_deviation():
    moved = pd.DataFrame({"conv1, moved (%)": [1.0, -7.25], "conv2, moved (%)": [2.0, 3.0]})
    deviation = pd.DataFrame(
        {("conv1", "max"): [5.0, 9.04], ("conv2", "max"): [0.5, 1.26], ("conv2", "mean"): [9.0, 9.0]}
    )
    assert "moves by at most 7.3 %" in takeaway.learned_thresholds(moved)
    text = takeaway.carried_over(deviation)
    assert "within 1.3 points of what they are asked" in text and text.endswith("within 9.1.")


def test_ways_that_stand_alike_are_told_together(opened):
    both = [*trained("learned", 0.90, closed="never"), *trained("anneal", 0.90, closed="never")]
    text = takeaway.ways_beside_controls(pd.DataFrame([*both, *trained("never", 0.92, **NEVER)]), opened, 0.25)
    assert "25% asked: both ways lose to a gate that never opens; both ways lose to open gates; the best" in text


def test_a_single_way_is_told_with_its_differences_and_is_not_the_best_of_any(opened):
    rows = [*trained("rate", 0.92), *trained("rate", 0.90, friction="random"), *trained("never", 0.91, **NEVER)]
    text = takeaway.ways_beside_controls(pd.DataFrame(rows), opened, 0.25)
    assert (
        "25% asked: `rate` beats a gate that never opens (+1.00 ± 0.00 (n=3)), beats the random gate of the same kind "
        "(+2.00 ± 0.00 (n=3)) and loses to open gates (-1.00 ± 0.00 (n=3)).\n" in text
    )
    assert "hold-out" not in text


@pytest.mark.parametrize(("wave", "told"), [(0.001, "is told"), (0.03, "is not told")])
def test_the_lead_without_pooling_is_told_from_that_with_it_by_the_interval_over_their_seeds(wave, told):
    pooled = pd.DataFrame([*trained("rate", 0.92), *trained("rate", 0.91, friction="random")])
    bare = pd.DataFrame([*trained("rate", 0.90, wave=wave), *trained("rate", 0.86, friction="random")])
    text = takeaway.pooling_in_training(pooled, bare)
    assert "leads the random gate by +1.00 ± 0.00 (n=3) points with and by +" in text
    assert text.endswith(f"which {told} from 0.")
    assert takeaway.pooling_in_training(pooled, bare[bare["friction"] == "range"]) == ""


def test_a_gate_is_held_against_fewer_channels(opened):
    narrow = pd.DataFrame(trained("always", 0.925, macs=48.0, friction=""))
    gated = pd.DataFrame(trained("rate", 0.91))
    assert takeaway.gate_or_channels(gated, narrow, "16 channels", opened) == (
        "With 16 channels and no gate the network takes 48% of the open network's MACs and is -0.50 ± 0.00 (n=3) "
        "points from it. The gate `rate` that skips the core takes 50% and loses to it (-1.50 ± 0.00 (n=3))."
    )
