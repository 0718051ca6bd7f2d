"""Seeds of one arm from several devices are set beside seeds from one."""

from inertia_utils.arms import dense, inertial
from inertia_utils.devices import first_seed_apart
from inertia_utils.result_file import Result
from inertia_utils.train_run import TrainRun


def trained(arm, seed, accuracy, device):
    return Result(TrainRun(arm, seed=seed), {"accuracy": accuracy}, [], {"device": device}, profile="full")


def test_first_seeds_are_held_against_the_others_by_device():
    results = [
        *(trained(dense(3), seed, accuracy, "A") for seed, accuracy in ((2, 0.90), (0, 0.93), (1, 0.92))),
        *(trained(dense(5), seed, 0.9, "A" if seed == 0 else "B") for seed in (0, 1, 2)),
        *(trained(inertial(3, 2), seed, 0.9 + 0.01 * seed, "A" if seed == 0 else "B") for seed in (0, 1)),
        trained(dense(1), 0, 0.5, "A"),
    ]
    found = first_seed_apart(results)
    assert found.to_dict("index") == {
        "A | A": {"arms": 1, "first − others (points)": "+2.00 (n=1)"},
        "A | B": {"arms": 2, "first − others (points)": "-0.50 (n=2)"},
    }
