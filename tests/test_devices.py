"""Seeds of one arm from several devices are set beside seeds from one."""

import pytest

from inertia_utils.arms import dense, inertial
from inertia_utils.devices import device_text, first_seed_apart, trained_on
from inertia_utils.result_file import Result
from inertia_utils.train_run import TrainRun


def trained(arm, device, *accuracies, others=None):
    """Three seeds in an order that is not theirs, the first seed on ``device``."""
    places = dict(enumerate((device, *(others or [device, device]))))
    return [
        Result(TrainRun(arm, seed=seed), {"accuracy": accuracies[seed]}, [], {"device": places[seed]}, profile="full")
        for seed in reversed(range(len(accuracies)))
    ]


def test_arms_are_listed_by_device_where_there_are_several():
    dense_runs, small = trained(dense(3), "A", 0.93, 0.92), trained(inertial(3, 2), "B", 0.92)
    assert trained_on([*dense_runs, *small]) == "Trained: `dense 3×3` on A; `inertial (3, 2)` on B."
    assert trained_on(dense_runs) == trained_on([]) == ""
    split = [
        *trained(dense(1), "A", 0.9, 0.9, 0.9, others="BB"),
        *trained(inertial(5, 2), "A", 0.9, 0.9, 0.9, others="BB"),
    ]
    assert trained_on([*split, *small]) == (
        "Trained: `dense 1×1` and `inertial (5, 2)` seed 0 on A, seeds 1 and 2 on B; `inertial (3, 2)` on B."
    )


def test_first_seeds_are_held_against_the_others_by_device():
    found = first_seed_apart(
        [
            *trained(dense(3), "A", 0.93, 0.92, 0.90),
            *trained(dense(5), "A", 0.90, 0.91, 0.93, others=["B", "B"]),
            *trained(dense(2), "A", 0.90, 0.90, others=["B"]),
            *trained(inertial(3, 2), "A", 0.90, 0.89, 0.89, others=["B", "A"]),
            *trained(dense(1), "A", 0.5),
        ]
    )
    assert {devices: pytest.approx(values) for devices, values in found.items()} == {
        ("A", ("A",)): [2.0],
        ("A", ("B",)): [-2.0, 0.0],
        ("A", ("A", "B")): [1.0],
    }


def test_what_devices_do_is_said_where_three_arms_of_both_kinds_tell():
    alone = [run for size in (1, 2, 3) for run in trained(dense(size), "A", 0.90 + 0.01 * size, 0.9, 0.9)]
    split = [run for size in (4, 5, 6) for run in trained(dense(size), "A", 0.9, 0.9, 0.9 + 0.01 * size, others="BB")]
    mixed = [run for size in (7, 8, 9) for run in trained(dense(size), "A", 0.8, 0.9, 0.9 + 0.01 * size, others="AB")]
    assert device_text([*alone, *split, *mixed]) == (
        "Of 3 arms with all seeds on A, the first seed is +2.00 ± 2.48 (n=3) points from the mean of the others; of 3 "
        "arms with the others on B, it is -2.50 ± 1.24 (n=3). The two differ by -4.50 [-6.58, -2.42] points."
    )
    assert device_text([*alone, *split[:6]]) == device_text(split) == ""
