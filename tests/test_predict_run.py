"""What a network gets right, image by image: kept without loss, and only of the test set."""

import numpy as np
import pytest

from inertia_utils.arms import inertial
from inertia_utils.predict_run import PredictRun, correct_images
from inertia_utils.result_file import Result
from inertia_utils.runs import Context
from inertia_utils.store import Store
from inertia_utils.train import correct
from inertia_utils.train_run import TrainRun


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """A short training, its prediction as a result, and the network that it left."""
    store = Store(tmp_path_factory.mktemp("results"), "smoke")
    context = Context(store)
    parent = TrainRun(inertial(3, 2), epochs=1, images=400, test_images=101, head="gap", dataset="mnist-5k", seed=3)
    store.save(parent, parent.execute(context), {})
    run = PredictRun(parent)
    return parent, store, store.save(run, run.execute(context), {})


def test_every_image_is_kept(predicted):
    parent, store, result = predicted
    model = parent.model()
    model.load_state_dict(store.load_weights(parent))
    expected = correct(model, parent.test_set(next(model.parameters()).device)).numpy()
    found = correct_images([result])[parent.arm.name][3]
    assert found.dtype == bool and np.array_equal(found, expected) and 0 < expected.sum() < 101
    assert result.metrics["accuracy"] == store.read(parent).metrics["accuracy"] == expected.mean()


def test_several_networks_are_kept_apart(predicted):
    _, _, result = predicted
    other = Result(PredictRun(TrainRun(inertial(5, 2), seed=4)), {"test_images": 3, "correct": "oA=="}, [], {})
    found = correct_images([result, other])
    assert {arm: list(seeds) for arm, seeds in found.items()} == {"inertial (3, 2)": [3], "inertial (5, 2)": [4]}
    assert found["inertial (5, 2)"][4].tolist() == [True, False, True]


def test_a_hold_out_is_no_test_set():
    with pytest.raises(ValueError, match="parent: expected a training that reads the test set, got one with tuning=Tr"):
        PredictRun(TrainRun(inertial(3, 2), tuning=True))
