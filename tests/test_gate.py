"""Gates open what they promise: fixed thresholds, requested rates, learned thresholds, and broken inputs."""

import copy
import math

import pytest
import torch
from generated import FRICTIONS, SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from inertia_utils import InertialConv2d
from inertia_utils.arms import RATED
from inertia_utils.blocks import blocks_reached
from inertia_utils.friction import costs, friction_map
from inertia_utils.gate import GATES, Always, Cell, Gate, Learned, Never, PerImage, Rate, Sampled, Threshold, quantile
from inertia_utils.shuffled import Shuffled

NAN, INF = float("nan"), float("inf")


def images(seed=0, count=8, channels=2, size=16):
    """Noise whose strength differs from place to place."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, channels, size, size, generator=generator)
    strength = torch.rand(count, 1, size, size, generator=generator)
    return noise * F.avg_pool2d(strength, 5, 1, 2) ** 3


def frictions(seed, count=400, levels=None):
    values = torch.rand(2, 1, count // 20, 10, generator=torch.Generator().manual_seed(seed))
    return values if levels is None else (values * levels).floor()


def test_constant_gates():
    friction = frictions(0)
    assert torch.equal(Always(0.3, 0.1)(friction), torch.ones_like(friction))
    assert torch.equal(Never(0.3, 0.1)(friction), torch.zeros_like(friction))
    assert (Always.constant, Never.constant, Threshold.constant) == (1, 0, None)


@given(SEEDS, st.floats(0, 1))
def test_threshold_opens_what_exceeds_it(seed, threshold):
    friction = frictions(seed)
    gate = Threshold(0.5, threshold)
    expected = (friction > torch.tensor(threshold, dtype=torch.float32)).float()
    assert torch.equal(gate(friction), expected)
    assert gate(torch.full((1, 1, 1, 1), gate.threshold.item())) == 0


@pytest.mark.parametrize("make", [Threshold, Rate, Learned], ids=lambda gate: gate.__name__)
def test_a_gate_opens_what_exceeds_its_level(make):
    gate = make(0.5, 0.3)
    gate(frictions(0))
    gate.eval()
    assert gate.level() > 0
    around = torch.tensor([0.999, 1.001]).mul(gate.level()).reshape(1, 1, 1, 2)
    assert gate(around).flatten().tolist() == [0, 1]


def test_a_gate_without_a_threshold_has_no_level():
    assert math.isnan(Always(0.5, 0.0).level())


def test_extreme_thresholds():
    friction = frictions(0)
    assert not Threshold(0.5, INF)(friction).any()
    assert Threshold(0.5, -INF)(friction).all()
    assert Threshold(0.5, -1.0)(torch.zeros(1, 1, 2, 2)).all()


@settings(max_examples=60)
@given(SEEDS, st.just(0.0) | st.floats(1e-6, 1), st.booleans())
def test_rate_opens_its_fraction_of_the_calibration_data(seed, rate, by_training):
    friction = frictions(seed)
    if by_training:
        gate = Rate(rate, 0.0)
        opened = gate.train()(friction)
        assert opened.mean().item() == pytest.approx(rate, abs=0.01)
    else:
        gate = Threshold(rate, quantile(friction, 1 - rate).item())
    assert gate.eval()(friction).mean().item() == pytest.approx(rate, abs=0.02)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.8])
def test_rate_follows_training_batches_and_is_frozen_in_evaluation(rate):
    layer = InertialConv2d(2, 4, 3, 2, padding=1, gate="rate", rate=rate)
    for batch in images(count=320).split(8):
        layer(batch)
        assert layer.open_fraction.item() == pytest.approx(rate, abs=0.01)
    layer.eval()
    before = layer.gate.threshold.clone()
    layer(images(count=320))
    assert layer.open_fraction.item() == pytest.approx(rate, abs=0.02)
    assert torch.equal(layer.gate.threshold, before)
    # an image's result does not depend on its batch
    batch = torch.cat([images(seed=5, count=1), 100 * images(seed=6, count=7)])
    torch.testing.assert_close(layer(batch)[:1], layer(batch[:1]))


@settings(max_examples=60)
@given(SEEDS, st.floats(0, 1), st.integers(1, 6))
def test_rate_never_opens_more_than_its_fraction_where_frictions_tie(seed, rate, levels):
    friction = frictions(seed, levels=levels)
    gate = Rate(rate, 0.0)
    opened = gate.train()(friction)
    assert opened.mean().item() <= rate + 0.5 / friction.numel() or rate == 1
    for level in range(levels):
        assert opened[friction == level].unique().numel() <= 1
    assert torch.equal(Threshold(rate, quantile(friction, 1 - rate).item())(friction), opened)


@pytest.mark.parametrize("skip", ["detail", "core"])
@pytest.mark.parametrize("training", [True, False])
def test_rates_zero_and_one(skip, training):
    x = images()
    for rate, constant in ((0, "never"), (1, "always")):
        layer = InertialConv2d(2, 4, 3, 2, gate="rate", rate=rate, skip=skip).train(training)
        twin = InertialConv2d(2, 4, 3, 2, gate=constant, skip=skip)
        for name in ("weight", "periphery", "bias"):
            getattr(twin, name).data.copy_(getattr(layer, name))
        torch.testing.assert_close(layer(x), twin(x))
        assert layer.open_fraction == rate


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("convert", [False, True])
@pytest.mark.parametrize("gate", ["threshold", "rate", "learned"])
def test_gates_in_other_dtypes(gate, convert, dtype):
    layer = InertialConv2d(2, 4, 3, 2, gate=gate, rate=0.5, threshold=0.5, dtype=None if convert else dtype)
    layer = layer.to(dtype) if convert else layer
    for _ in range(2):
        assert layer(images().to(dtype)).dtype == dtype
    assert 0.1 < layer.open_fraction < 0.7
    layer.eval()(images().to(dtype))
    assert 0.1 < layer.open_fraction < 0.7


@pytest.mark.parametrize("gate", ["rate", "learned"])
def test_an_empty_batch_leaves_the_gate_alone(gate):
    layer = InertialConv2d(2, 4, 3, 2, gate=gate)
    layer(images())
    state = copy.deepcopy(layer.state_dict())
    assert layer(images()[:0]).shape == (0, 4, 14, 14)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, state[name])


@pytest.mark.parametrize("skip", ["detail", "core"])
@pytest.mark.parametrize("friction", ["range", "variance", "gradient", "cosine"])
def test_learned_gate_gets_gradients_from_output_and_budget(friction, skip):
    torch.manual_seed(0)
    layer = InertialConv2d(2, 4, 3, 2, gate="learned", rate=0.4, friction=friction, skip=skip)
    assert layer.gate.budget_loss() is None
    for loss in (lambda: layer(images()).square().mean(), lambda: (layer(images()), layer.gate.budget_loss())[1]):
        layer.zero_grad()
        loss().backward()
        assert layer.gate.threshold.grad.abs() > 0
        assert layer.gate.log_temperature.grad.abs() > 0
    layer.eval()
    layer.zero_grad()
    layer(images()).square().mean().backward()
    assert layer.gate.threshold.grad is None


def test_learned_gate_decides_hard():
    gate = Learned(0.4, 0.0).train()
    friction = frictions(0).requires_grad_()
    decisions = gate(friction)
    assert set(decisions.unique().tolist()) == {0.0, 1.0}
    assert decisions.mean().item() == pytest.approx(0.4, abs=0.01)
    decisions.sum().backward()
    soft = torch.sigmoid((friction / gate.scale - gate.threshold) / gate.log_temperature.exp())
    slope = soft * (1 - soft) / gate.log_temperature.exp()
    torch.testing.assert_close(gate.threshold.grad, -slope.sum())
    torch.testing.assert_close(friction.grad, (slope / gate.scale).detach())


@pytest.mark.parametrize(
    ("rate", "friction", "skip"),
    [(0.2, "range", "detail"), (0.5, "variance", "detail"), (0.35, "range", "core"), (0.8, "absolute", "detail")],
)
def test_learned_gate_reaches_its_rate_in_a_short_training(rate, friction, skip):
    torch.manual_seed(0)
    layer = InertialConv2d(2, 6, 3, 2, padding=1, gate="learned", rate=rate, friction=friction, skip=skip)
    # start far from the goal, so that the training has to find it
    layer(images())
    layer.gate.threshold.data.add_(0.7)
    target = torch.nn.Conv2d(2, 6, 3, padding=1).requires_grad_(False)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    for step in range(150):
        batch = images(seed=step % 10)
        loss = F.mse_loss(layer(batch), target(batch)) + layer.gate.budget_loss()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    layer.eval()
    layer(images(seed=99, count=64))
    assert layer.open_fraction.item() == pytest.approx(rate, abs=0.05)


@pytest.mark.parametrize("broken", [NAN, INF, -INF])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gate", ["threshold", "rate", "learned"])
@pytest.mark.parametrize("friction", FRICTIONS)
def test_broken_input_opens_the_gate(friction, gate, training, broken):
    layer = InertialConv2d(2, 4, 3, 2, gate=gate, rate=0.2, threshold=1e6, friction=friction)
    layer(images())
    if gate == "learned":
        layer.gate.threshold.data.fill_(1e3)
    layer.train(training)
    x = images()
    x[3, 1, 7, 9] = broken
    decisions = layer.gate(friction_map(layer.friction, layer.windows(x), "after"))
    assert decisions[3, 0, 5:8, 7:10].eq(1).all()
    assert decisions.mean() < 0.4
    output = layer(x)
    assert not output[3, :, 5:8, 7:10].isfinite().any()
    assert output[:3].isfinite().all()
    assert layer.open_fraction.isfinite()


@pytest.mark.parametrize("broken", [NAN, INF])
def test_a_mostly_broken_batch_is_open_and_forgotten(broken):
    layer = InertialConv2d(1, 2, 3, 2, gate="rate", rate=0.3)
    layer(images(channels=1))
    before = layer.gate.threshold.clone()
    x = images(channels=1, size=5)
    # every window holds this pixel, so that the quantile of the frictions is itself NaN or infinite
    x[..., 2, 2] = broken
    layer(x)
    assert layer.open_fraction == 1
    assert torch.equal(layer.gate.threshold, before)


@pytest.mark.parametrize("broken", [NAN, INF])
@pytest.mark.parametrize("gate", [Threshold(0.5, INF), Rate(0.0, 0.0), Rate(0.3, 0.0).train()])
def test_no_threshold_closes_what_cannot_be_judged(gate, broken):
    friction = torch.tensor([1.0, 2.0, *[broken] * 8]).view(1, 1, 2, 5)
    assert gate(friction)[friction.isfinite().logical_not()].all()


def test_learned_gate_does_not_start_on_a_broken_batch():
    gate = Learned(0.5, 0.0)
    gate(torch.full((1, 1, 4, 4), NAN))
    assert gate.scale == 0
    gate(frictions(0))
    assert gate.scale > 0
    assert math.isfinite(gate.threshold.item())


@pytest.mark.parametrize("rate", [-0.1, 1.1, NAN, INF])
@pytest.mark.parametrize("gate", ["always", "rate", "learned"])
def test_impossible_rates_are_refused(rate, gate):
    with pytest.raises(ValueError, match=f"rate: {rate}"):
        InertialConv2d(1, 1, 3, 1, gate=gate, rate=rate)


@pytest.mark.parametrize("gate", ["always", "threshold"])
def test_threshold_nan_is_refused(gate):
    with pytest.raises(ValueError, match="threshold: nan"):
        InertialConv2d(1, 1, 3, 1, gate=gate, threshold=NAN)


def test_unknown_gate_lists_the_known_ones():
    with pytest.raises(
        ValueError,
        match="gate: unknown name 'ajar'; known: always, never, threshold, rate, anneal, cell, image, sampled, learned",
    ):
        InertialConv2d(1, 1, 3, 1, gate="ajar")
    for gate in (None, 3):
        with pytest.raises(ValueError, match=f"gate: .* got {gate}"):
            InertialConv2d(1, 1, 3, 1, gate=gate)


def test_a_gate_of_ones_own():
    class Border(Gate):
        """Open everywhere but in the first row."""

        def forward(self, friction):
            opened = torch.ones_like(friction)
            opened[..., 0, :] = 0
            return opened

    layer = InertialConv2d(2, 4, 3, 2, gate=Border())
    always, never = (InertialConv2d(2, 4, 3, 2, gate=name) for name in ("always", "never"))
    for twin in (always, never):
        for name in ("weight", "periphery", "bias"):
            getattr(twin, name).data.copy_(getattr(layer, name))
    x = images()
    torch.testing.assert_close(layer(x)[..., 1:, :], always(x)[..., 1:, :])
    torch.testing.assert_close(layer(x)[..., :1, :], never(x)[..., :1, :])
    assert layer.open_fraction.item() == pytest.approx(13 / 14)
    assert set(GATES) == {"always", "never", "threshold", "rate", "anneal", "cell", "image", "sampled", "learned"}


@pytest.mark.parametrize(("gate", "wants_gradient"), [(name, name == "learned") for name in ("threshold", *RATED)])
def test_only_a_gate_with_a_gradient_records_friction(gate, wants_gradient):
    seen = []

    @costs(lambda d, r: 0)
    def brightness(window):
        friction = window.mean()
        seen.append(friction.requires_grad)
        return friction

    layer = InertialConv2d(2, 4, 3, 2, gate=gate, rate=0.4, friction=brightness)
    x = images().requires_grad_()
    layer(x).sum().backward()
    assert seen == [wants_gradient]
    assert x.grad.isfinite().all()


@given(SEEDS, st.floats(0, 1), st.floats(0, 1))
def test_annealing_closes_linearly_until_half_of_the_training(seed, rate, progress):
    gate = GATES["anneal"](rate, 0.0)
    gate.advance(progress)
    expected = rate + (1 - rate) * max(0.0, 1 - 2 * progress)
    assert gate.opening == pytest.approx(expected)
    friction = frictions(seed)
    assert gate(friction).mean().item() == pytest.approx(expected, abs=1 / friction.numel())


def test_annealing_freezes_the_threshold_of_its_final_rate():
    gate = GATES["anneal"](0.25, 0.0)
    for step in range(400):
        gate.advance(step / 400)
        gate(frictions(step))
    gate.eval()
    assert gate(frictions(1000, 4000)).mean().item() == pytest.approx(0.25, abs=0.03)


@settings(max_examples=30)
@given(SEEDS, st.floats(0.05, 0.95), st.integers(1, 9), st.integers(1, 9))
def test_a_cell_is_open_or_closed_as_a_whole_by_its_highest_friction(seed, rate, height, width):
    friction = torch.rand(3, 1, height, width, generator=torch.Generator().manual_seed(seed))
    gate = Cell(rate, 0.0)
    opened = gate.train()(friction)
    assert opened.shape == friction.shape
    cells = [
        (opened[n, 0, i : i + 2, j : j + 2], friction[n, 0, i : i + 2, j : j + 2].max().item())
        for n in range(3)
        for i in range(0, height, 2)
        for j in range(0, width, 2)
    ]
    assert all(cell.unique().numel() == 1 for cell, _ in cells)
    assert sum(cell.any().item() for cell, _ in cells) == len(cells) - round((1 - rate) * len(cells))
    highest_closed = max((value for cell, value in cells if not cell.any()), default=-INF)
    assert all(value > highest_closed for cell, value in cells if cell.any())
    assert torch.equal(gate.eval()(friction), opened)


def test_a_layer_with_cells_opens_its_rate_and_equals_its_reference():
    layer = InertialConv2d(2, 4, 3, 2, padding=1, gate="cell", rate=0.3)
    for batch in images(count=320).split(8):
        layer(batch)
    layer.eval()
    with torch.no_grad():
        torch.testing.assert_close(layer(images()), layer.reference(images()))
    assert layer.open_fraction.item() == pytest.approx(0.3, abs=0.05)


def test_the_temperature_is_where_the_learned_gate_starts():
    assert Learned(0.5, 0.0, temperature=0.3).log_temperature.exp().item() == pytest.approx(0.3)
    for temperature in (0.0, -1.0, NAN, INF):
        for gate in (Learned, Sampled):
            with pytest.raises(ValueError, match=r"temperature: .* is not a positive number"):
                gate(0.5, 0.0, temperature=temperature)


def test_a_block_is_reached_by_one_open_position():
    is_open = torch.zeros(1, 1, 4, 6)
    is_open[0, 0, 1, 1] = is_open[0, 0, 2, 4] = is_open[0, 0, 3, 4] = 1
    assert blocks_reached(is_open) == pytest.approx(2 / 6)


@settings(max_examples=30)
@given(SEEDS, st.floats(0, 1), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_every_image_opens_its_own_highest_frictions(seed, rate, height, width, ties):
    friction = torch.rand(3, 1, height, width, generator=torch.Generator().manual_seed(seed))
    friction = (friction * 3).floor() if ties else friction * torch.tensor([1.0, 100, 0.01]).view(3, 1, 1, 1)
    gate = PerImage(rate, 0.0)
    opened = gate(friction)
    assert opened.shape == friction.shape and torch.equal(opened, gate.eval()(friction))
    for values, chosen in zip(friction.flatten(1), opened.flatten(1), strict=True):
        ranked = sorted(range(len(values)), key=lambda position: (-values[position].item(), position))
        expected = set(ranked[: round(rate * len(values))])
        assert {position for position, value in enumerate(chosen) if value} == expected
    assert torch.equal(opened[:1], gate(friction[:1]))


@given(SEEDS, st.floats(0, 1), st.floats(0.05, 20))
def test_a_sampled_gate_keeps_every_image_its_share_and_evaluates_like_one_that_draws_nothing(seed, rate, temperature):
    friction = frictions(seed, 3 * 40).view(3, 1, 5, 8)
    gate = Sampled(rate, 0.0, temperature=temperature)
    torch.manual_seed(seed)
    opened = gate(friction)
    assert opened.flatten(1).sum(1).eq(round(rate * 40)).all()
    torch.manual_seed(seed)
    assert torch.equal(opened, gate(friction))
    assert torch.equal(gate.eval()(friction), PerImage(rate, 0.0)(friction))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 100.0])
def test_one_position_is_drawn_with_odds_of_its_friction_to_one_over_the_temperature(temperature):
    friction = torch.tensor([1.0, 2.0, 4.0, 0.0]).view(1, 1, 2, 2)
    torch.manual_seed(0)
    times = Sampled(0.25, 0.0, temperature=temperature)(friction.expand(20000, 1, 2, 2)).mean(0).flatten()
    odds = friction.flatten() ** (1 / temperature)
    torch.testing.assert_close(times, odds / odds.sum(), atol=0.015, rtol=0)
    assert times[3] == 0


def test_what_cannot_be_judged_opens_first_in_its_image():
    friction = torch.tensor([[0.1, 5.0, float("nan"), INF]]).view(1, 1, 2, 2)
    for gate in (PerImage(0.5, 0.0), Sampled(0.5, 0.0)):
        assert gate(friction).flatten().tolist() == [0, 0, 1, 1]
    assert PerImage(0.5, 0.0)(torch.empty(0, 1, 4, 4)).shape == (0, 1, 4, 4)


def test_a_layer_that_opens_a_share_of_every_image_equals_its_reference():
    layer = InertialConv2d(2, 4, 3, 2, padding=1, gate="image", rate=0.3).eval()
    with torch.no_grad():
        torch.testing.assert_close(layer(images()), layer.reference(images()))
        alone = torch.cat([layer(image[None]) for image in images()])
        torch.testing.assert_close(layer(images()), alone)
    assert layer.open_fraction.item() == pytest.approx(0.3, abs=0.01)


@given(SEEDS, st.floats(0, 1))
def test_shuffled_keeps_every_image_its_share_and_forgets_the_places(seed, threshold):
    friction = frictions(seed, 3 * 40).view(3, 1, 5, 8)
    torch.manual_seed(seed)
    gate = Shuffled(0.5, threshold)
    expected = Threshold(0.5, threshold)(friction)
    assert torch.equal(gate(friction).sum((1, 2, 3)), expected.sum((1, 2, 3)))
    times = sum(gate(friction) for _ in range(300)) / 300
    assert (times - expected.mean((1, 2, 3), keepdim=True)).abs().max() < 0.15
