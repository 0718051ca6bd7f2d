"""The explorer: what it shows agrees with the layer, follows the controls, and is quick."""

import io
import time

import pytest
import torch
from torch.nn import functional as F

from inertia_utils import figures, plans
from inertia_utils.arms import inertial
from inertia_utils.explorer import WINDOWS, Explorer, trained_networks
from inertia_utils.exploring import Exhibit, Setting, static
from inertia_utils.friction import MEASURES
from inertia_utils.models import FashionNet
from inertia_utils.runs import Outcome
from inertia_utils.store import Store
from inertia_utils.train_run import TrainRun


@pytest.fixture
def exhibit():
    figures.use_style()
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.randn(4, 1, 30, 30), 3, 1)
    return Exhibit(images, torch.arange(4))


@pytest.fixture
def trained(exhibit):
    torch.manual_seed(0)
    network = FashionNet(inertial(5, 2)).eval().requires_grad_(False)
    return Exhibit(exhibit.images, exhibit.labels, {(5, 2): network})


@pytest.mark.parametrize("friction", list(MEASURES))
def test_every_measure_and_size_gives_maps_of_the_image(exhibit, friction):
    for window in WINDOWS:
        for margin in range(1, window):
            view = exhibit.view(Setting(1, window, margin, friction, 0.3))
            assert view.friction.shape == view.gate.shape == view.output.shape == view.image.shape == (28, 28)
            assert view.open_fraction == pytest.approx(view.gate.mean().item()) and view.macs > 0
            assert torch.equal(view.gate, (view.friction > 0.3 * view.friction.max()).float())


def test_output_is_that_of_the_gated_layer(trained):
    view = trained.view(Setting(2, threshold=0.4))
    layer = trained.networks[5, 2].conv1
    output = layer(trained.images[2:3])[0, 0] - layer.bias[0]
    torch.testing.assert_close(view.output, output)
    assert 0 < view.open_fraction < 1


def test_a_trained_network_predicts_and_gates_all_its_layers(trained, exhibit):
    closed, opened = (trained.view(Setting(0, threshold=threshold)) for threshold in (1.0, 0.0))
    assert closed.open_fraction == 0 and closed.macs < opened.macs < opened.dense_macs
    assert closed.prediction and closed.prediction in closed.summary
    assert not exhibit.view(Setting()).prediction


def test_the_same_setting_gives_the_same_picture_and_disturbs_no_random_numbers(exhibit):
    state = torch.get_rng_state()
    explorer = Explorer(exhibit, Setting(friction="random"))
    first = explorer.picture
    explorer.update(image=1)
    assert explorer.picture != first
    explorer.update(image=0)
    assert explorer.picture == first and torch.equal(torch.get_rng_state(), state)


def test_controls_move_the_picture_and_the_margin_keeps_a_core(exhibit):
    explorer = Explorer(exhibit, Setting(window=7, margin=6))
    first = explorer.picture
    explorer.widget().children[0].children[1].value = 3
    assert explorer.setting == Setting(window=3, margin=2) and explorer.picture != first


def test_each_move_takes_less_than_a_fifth_of_a_second(trained):
    explorer, measures = Explorer(trained), list(MEASURES)
    seconds = []
    for move in range(15):
        start = time.process_time()  # what the move itself takes, whatever else runs on the machine
        explorer.update(image=move % 4, friction=measures[move % len(measures)], threshold=0.05 * move)
        seconds.append(time.process_time() - start)
    assert max(seconds[1:]) < 0.2  # the first one fills caches


def test_static_figure_has_all_panels(exhibit):
    figure = static(exhibit.view(Setting()))
    assert [len(axes.images) for axes in figure.axes] == [1] * 5
    for _ in range(2):  # saving must not rearrange it
        figure.savefig(io.BytesIO(), format="pdf")
        figure.savefig(io.BytesIO(), format="png")
        assert all(axes.get_position().y1 < 0.73 for axes in figure.axes)


def test_an_image_that_is_not_there(exhibit):
    with pytest.raises(ValueError, match="image: 4 is not one of the 4 images, counted from 0"):
        exhibit.view(Setting(image=4))


def test_a_measure_that_is_not_there(exhibit):
    with pytest.raises(ValueError, match="friction: unknown name 'mood'; known: range, "):
        exhibit.view(Setting(friction="mood"))


def test_networks_come_from_the_working_store(tmp_path, monkeypatch):
    there, lost, variant = (
        TrainRun(arm, dataset="mnist-5k", head="gap")
        for arm in (inertial(3, 2), inertial(5, 2), inertial(3, 1, merge="stack"))
    )
    monkeypatch.setitem(plans.PLANS, "90_toy", lambda profile: {"trained": [there, lost, variant]})
    monkeypatch.setenv("INERTIA_RESULTS", str(tmp_path))
    monkeypatch.setattr("inertia_utils.paths.RESULTS", tmp_path / "none")
    assert trained_networks("02_inertial_layer") == trained_networks("90_toy") == {}
    for run in (there, variant):
        weights = {name: value + 0.5 for name, value in run.model().state_dict().items()}
        Store(tmp_path, "quick").save(run, Outcome({"accuracy": 0.5}, weights=weights), {})
    ((size, network),) = trained_networks("90_toy").items()
    assert size == (3, 2) and not network.training
    assert all(
        torch.equal(value, there.model().state_dict()[name] + 0.5) for name, value in network.state_dict().items()
    )
