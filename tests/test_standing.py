"""What is said of an arm and its control is what the interval shows."""

import pytest

from inertia_utils.standing import Standing, by_the_margin, listed, seeds_named, stands_by_rate, tally, told_apart
from inertia_utils.stats import Comparison, Interval, compare, interval


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((-0.02, -0.01, -0.02), "loses to"),
        ((0.02, 0.01, 0.02), "beats"),
        ((0.02, -0.01, 0.0), "is not told from"),
        ((0.02, 0.02), "cannot yet be told from"),
    ],
)
def test_a_control_is_told_from_by_three_seeds(values, words):
    assert told_apart(interval(values)) == words


@pytest.mark.parametrize(
    ("mean", "half", "words"),
    [
        (0.004, 0.003, "better"),
        (0.001, 0.003, "at most 0.3 points worse, if at all"),
        (-0.001, 0.005, "not told apart"),
        (0.001, 0.005, "not told apart"),
        (-0.002, 0.0009, "worse, by at most 0.3 points"),
        (-0.004, 0.003, "worse, by how much is open"),
        (-0.006, 0.002, "worse, by more than 0.3 points"),
    ],
)
def test_a_difference_is_held_against_nothing_and_against_the_margin(mean, half, words):
    found = Comparison(Interval(mean, mean - half, mean + half, 3), 1.0, 1.0)
    assert by_the_margin(found.verdict, found.difference.high) == words


@pytest.mark.parametrize("gap", [-0.01, 0.01])
def test_two_seeds_tell_nothing_apart(gap):
    found = compare({0: 0.9 + gap, 1: 0.9 + gap}, {0: 0.9, 1: 0.9})
    assert by_the_margin(found.verdict, found.difference.high) == "not yet told apart"


def test_every_standing_is_said_of_several_too():
    assert all(standing.several for standing in Standing)


def test_standings_are_counted():
    words = ["beats it (+1)", "is not told from it", "beats it", "cannot yet be told from it"]
    assert tally(words, "chance") == "2 beat chance, 1 is not told from it and 1 cannot yet be told from it"
    assert tally(words[1:2], "chance") == "1 is not told from chance"
    assert tally([], "chance") == ""


def test_a_list_reads_like_one():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_rates_are_named_by_how_the_gates_stand():
    gaps = {0.1: (2.0, 2.1, 2.2), 0.2: (-1.0, -1.1, -1.2), 0.3: (3.0, 3.1, 3.2), 0.5: (-2.0, 2.0, 0.1), 0.6: (1, 2, 1)}
    text = stands_by_rate({rate: interval(values) for rate, values in gaps.items()}, "random")
    assert text == ("beats random at 10 and 30 %; is not told from random at 50 and 60 %; loses to random at 20 %")


def test_seeds_are_named_with_or_without_an_s():
    assert (seeds_named([3]), seeds_named((0, 2, 1))) == ("seed 3", "seeds 0, 2 and 1")
