"""Networks, pairing of seeds, and bits that repeat."""

from dataclasses import replace

import pytest
import torch
from joblib import Parallel, delayed
from torch import nn
from torch.nn import functional as F
from toy_training import toy_training

from inertia_utils.arms import Arm, dense, inertial, separable
from inertia_utils.models import FashionNet, LeNet
from inertia_utils.recipes import RECIPES, recipe
from inertia_utils.runs import Context
from inertia_utils.seed import derive, initialise_paired
from inertia_utils.store import Store
from inertia_utils.train import accuracy, train
from inertia_utils.train_run import TrainRun
from inertia_utils.worker import threads


def trained_weights(arm: Arm) -> dict[str, torch.Tensor]:
    model = FashionNet(arm, head="gap")
    initialise_paired(model, 5)
    with threads(1):
        train(model, toy_training())
    return model.state_dict()


@pytest.mark.parametrize(
    "arm", [dense(3), inertial(5, 2, gate="rate", friction="random")], ids=["dense", "random gate"]
)
def test_same_bits_in_the_main_process_and_in_a_worker(arm):
    here, again = trained_weights(arm), trained_weights(arm)
    (there,) = Parallel(n_jobs=2)([delayed(trained_weights)(arm)])
    for name, tensor in here.items():
        assert torch.equal(tensor, again[name]), f"{name} differs between two runs"
        assert torch.equal(tensor, there[name]), f"{name} differs between processes"


@pytest.mark.parametrize(
    "arm",
    [
        dense(3),
        separable(3),
        inertial(3, 2, cores=2, dense_first=True),
        inertial(5, 2, gate="learned", rate=0.4),
        inertial(5, 2, merge="stack", reapply="dilate", gate="threshold", threshold=0.2),
        inertial(5, 2, skip="core", gate="rate"),
    ],
    ids=lambda arm: arm.name,
)
def test_every_kind_of_arm_learns_the_stripes(arm):
    model = FashionNet(arm, head="gap")
    initialise_paired(model, 0)
    training = toy_training(epochs=6, lr=1e-2, recipe=replace(recipe("converged", "fashionnet"), batch_size=40))
    history = train(model, training)
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert accuracy(model, training.holdout) == history[-1]["holdout_accuracy"]
    gated = arm.gate in ("learned", "threshold", "rate")
    for state in ("open_fraction", "threshold"):
        assert (f"{state}/conv2" in history[-1]) == gated


@pytest.mark.parametrize(("name", "network"), RECIPES)
def test_recipes_train(name, network):
    model = {"fashionnet": FashionNet, "lenet": LeNet}[network](3)
    initialise_paired(model, 0)
    first, second, third = (record["loss"] for record in train(model, toy_training(name, network, epochs=3)))
    assert first > second > third > 0


def test_bfloat16_autocast_trains_almost_as_float32_does():
    losses = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = FashionNet(3, head="gap")
        initialise_paired(model, 0)
        losses[dtype] = [record["loss"] for record in train(model, toy_training(epochs=2, lr=1e-2, dtype=dtype))]
        assert losses[dtype][1] < 0.8 * losses[dtype][0]
    assert losses[torch.bfloat16] == pytest.approx(losses[torch.float32], rel=0.01)
    assert losses[torch.bfloat16] != losses[torch.float32]


def test_a_result_says_how_many_images_there_were_to_train_on(tmp_path):
    context = Context(Store(tmp_path, "smoke"))
    for asked, there in ((400, 400), (5000, 3600), (0, 3600)):
        run = TrainRun(dense(1), images=asked, test_images=100, head="gap", dataset="mnist-5k")
        outcome = run.outcome(run.model(), [], run.training(context), context)
        assert outcome.metrics["train_images"] == there


def test_pool_then_rectify_is_rectify_then_pool():
    x = torch.randn(4, 3, 10, 10)
    assert torch.equal(F.relu(F.max_pool2d(x, 2)), F.max_pool2d(F.relu(x), 2))


def test_layers_that_two_arms_share_start_from_the_same_values():
    one, other = FashionNet(5), FashionNet(inertial(3, 2))
    for model in (one, other):
        initialise_paired(model, 11)
    assert torch.equal(one.head[1].weight, other.head[1].weight)
    assert torch.equal(one.head[4].bias, other.head[4].bias)
    initialise_paired(other, 12)
    assert not torch.equal(one.head[1].weight, other.head[1].weight)


def test_paired_runs_see_the_same_order():
    seen = []

    class Spy(nn.Module):
        def __init__(self, features: int) -> None:
            super().__init__()
            self.linear = nn.Linear(784, features)

        def forward(self, x):
            if self.training:
                seen.append(x.clone())
            return self.linear(x.flatten(1))

    for features in (4, 9):
        torch.manual_seed(features)
        train(Spy(features), toy_training(epochs=1))
    half = len(seen) // 2
    assert half and all(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))


def test_derived_seeds_differ_by_purpose():
    assert derive(0, "a") != derive(0, "b") != derive(1, "b")
    assert derive(0, "a") == derive(0, "a")


def test_lenet_sizes():
    x = torch.randn(2, 1, 28, 28)
    assert LeNet(3)(x).shape == LeNet(inertial(3, 2))(x).shape == LeNet(1, padded=True)(x).shape == (2, 10)
    assert LeNet(3).head[2].in_features == 9216 and LeNet(1).head[2].in_features == 12544
    assert LeNet(3, padded=True).head[2].in_features == LeNet(1, padded=True).head[2].in_features


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FashionNet(5, head="mlp"), "head: unknown name 'mlp'; known: fc, gap"),
        (lambda: Arm("winograd"), "conv: unknown name 'winograd'"),
        (lambda: Arm("dense", 5, margin=2), "margin: 2 does not go with conv='dense'"),
        (lambda: Arm("inertial", 5), "margin: 0 does not go with conv='inertial'"),
        (lambda: TrainRun(network="vgg"), "network: unknown name 'vgg'"),
        (
            lambda: TrainRun(recipe="secret"),
            "recipe: unknown name 'secret' for network 'fashionnet'; known: converged, original",
        ),
    ],
)
def test_bad_choices_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_arm_names():
    assert dense(5).name == "dense 5×5"
    assert Arm("dense", 3, hidden=48).name == "dense 3×3, 48 channels"
    assert inertial(3, 2, cores=2, dense_first=True).name == "inertial (3, 2), cores 2, dense first layer"
    assert (
        inertial(5, 2, gate="rate", rate=0.3, friction="random").name
        == "inertial (5, 2), gate rate 0.3, friction random"
    )
