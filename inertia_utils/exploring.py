"""One image through one gated inertial layer: what the explorer and its static figure show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from torch import Tensor, nn

from . import drawing
from .arms import dense
from .cost import Meter, measure
from .figures import WIDTH
from .friction import MEASURES
from .gate import Gate, exceeds
from .geometry import Geometry
from .layer import InertialConv2d
from .models import FashionNet

#: Classes of Fashion-MNIST, by label.
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
#: Width and height in inches.
SIZE = (WIDTH, 1.9)
#: Filters of the untrained layer that stands in where no trained network has the window and margin.
FILTERS = 8


@dataclass(frozen=True)
class Setting:
    """What a reader may choose.

    Attributes:
        image: number of the image.
        window: d.
        margin: k.
        friction: name of the measure.
        threshold: τ, as a share of the largest friction in the image.
    """

    image: int = 0
    window: int = 5
    margin: int = 2
    friction: str = "range"
    threshold: float = 0.5


@dataclass(frozen=True)
class View:
    """What the layer makes of an image; maps are (H, W), of the layer's first filter.

    Attributes:
        setting: what was chosen.
        image: the picture.
        friction: of every window.
        gate: 1 where open.
        detail: δ everywhere, whatever the gate says.
        output: γ·c + g·δ.
        open_fraction: of the layer.
        macs: of the layer, or of all convolutions of a trained network, for this image.
        dense_macs: of dense d×d ones.
        prediction: of the trained network, empty without one.
    """

    setting: Setting
    image: Tensor
    friction: Tensor
    gate: Tensor
    detail: Tensor
    output: Tensor
    open_fraction: float
    macs: float
    dense_macs: float
    prediction: str

    @property
    def summary(self) -> str:
        """Open fraction, MACs and prediction in one line."""
        share = f"{self.macs:,.0f} MACs, {self.macs / self.dense_macs:.0%} of dense {self.setting.window}×"
        parts = [f"{self.open_fraction:.0%} open", f"{share}{self.setting.window}"]
        return "  ·  ".join([*parts, self.prediction] if self.prediction else parts)


class RelativeThreshold(Gate):
    """Open where friction exceeds a share of the largest friction in the batch."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, friction: Tensor) -> Tensor:
        """1 where friction > share · max."""
        return exceeds(friction, self.share * friction.amax()).to(friction.dtype)


@dataclass
class Exhibit:
    """Images, and the networks to send them through.

    Attributes:
        images: normalised, shape (N, 1, H, W).
        labels: of the images, shape (N,).
        networks: (d, k) → a trained FashionNet whose convolutions are inertial; others get an untrained layer.
    """

    images: Tensor
    labels: Tensor
    networks: Mapping[tuple[int, int], nn.Module] = field(default_factory=dict)

    @torch.no_grad()
    def view(self, setting: Setting) -> View:
        """Send an image through the layer of that window and margin.

        Raises:
            ValueError: there is no such image, no such layer, or no such friction measure.
        """
        if not 0 <= setting.image < len(self.images):
            raise ValueError(f"image: {setting.image} is not one of the {len(self.images)} images, counted from 0")
        image = self.images[setting.image : setting.image + 1]
        network = self.networks.get((setting.window, setting.margin))
        layer = _untrained(setting) if network is None else network.conv1
        for gated in [layer] if network is None else _inertial(network):
            gated.friction, gated.gate = MEASURES[setting.friction], RelativeThreshold(setting.threshold)
        with torch.random.fork_rng(devices=[]):  # the friction "random" draws; others shall not notice
            torch.manual_seed(0)
            friction, _ = layer.friction_and_loss(image)
            gate = layer.gate(friction)
            macs, dense_macs, prediction = self._whole(setting, network) if network else _alone(layer, image, gate)
        response = layer.responses(image)
        output = response.matched[0, 0] + gate[0, 0] * response.detail[0, 0]
        maps = (image[0, 0], friction[0, 0], gate[0, 0], response.detail[0, 0], output)
        return View(setting, *maps, float(gate.mean()), macs, dense_macs, prediction)

    def _whole(self, setting: Setting, network: nn.Module) -> tuple[float, float, str]:
        """Convolution MACs of the gated and of the dense network, and what the gated one predicts."""
        network.eval()
        with Meter(network) as meter:
            probabilities = network(self.images[setting.image : setting.image + 1]).softmax(1)[0]
        label, guess = int(self.labels[setting.image]), int(probabilities.argmax())
        verdict = "right" if guess == label else f"wrong: it is {CLASSES[label]}"
        prediction = f"{CLASSES[guess]} ({probabilities[guess]:.0%}), {verdict}"
        return meter.cost().metrics()["conv_macs"], _dense_macs(setting.window), prediction


class Panels:
    """Image, friction, gate, detail and output in a row; a new view replaces what they show in a few milliseconds.

    Args:
        figure: an empty figure; it loses its layout engine, whose work would take most of the time.
    """

    def __init__(self, figure: Figure) -> None:
        # Not layout="none": saving such a figure brings back the engine of the style.
        figure.set_layout_engine(PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True))
        self.figure, self.axes = figure, figure.subplots(1, 5)
        figure.subplots_adjust(left=0.01, right=0.99, top=0.72, bottom=0.02, wspace=0.08)
        self.summary = figure.suptitle("", fontsize=9, y=0.98, va="top")
        blank = torch.zeros(1, 1)
        show = (drawing.show_image, drawing.show_map, drawing.show_image, drawing.show_signed, drawing.show_signed)
        self.images = [kind(axes, blank) for kind, axes in zip(show, self.axes, strict=True)]

    def show(self, view: View) -> None:
        """Show a view in the place of the last."""
        setting = view.setting
        limit = max(float(view.detail.abs().max()), float(view.output.abs().max())) or 1.0
        largest, (dark, bright) = float(view.friction.max()), map(float, view.image.aminmax())
        contents = (
            (view.image, f"image {setting.image}\nwindow, core (dashed)", dark, bright),
            (view.friction, f"friction: {setting.friction}\n0 to {largest:.3g}", 0, largest or 1.0),
            (view.gate, f"gate (white: open)\nτ = {setting.threshold:g} of the largest", 0, 1),
            (view.detail, f"detail δ\n−{limit:.2g} to {limit:.2g}", -limit, limit),
            (view.output, f"output γc + g·δ\n−{limit:.2g} to {limit:.2g}", -limit, limit),
        )
        for axes, image, (values, title, low, high) in zip(self.axes, self.images, contents, strict=True):
            rows, columns = values.shape
            image.set(data=values.numpy(), extent=(-0.5, columns - 0.5, rows - 0.5, -0.5), clim=(low, high))
            axes.set_title(title, fontsize=8)
        for patch in list(self.axes[0].patches):
            patch.remove()
        corner = (view.image.shape[0] - setting.window) // 2
        drawing.mark_window(self.axes[0], corner, corner, Geometry(setting.window, setting.margin))
        self.summary.set_text(f"({setting.window}, {setting.margin}):  {view.summary}")


def static(view: View) -> Figure:
    """A view as a figure of report width, for where no widget can be shown."""
    figure = plt.figure(figsize=SIZE)
    Panels(figure).show(view)
    return figure


def _untrained(setting: Setting) -> InertialConv2d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return InertialConv2d(1, FILTERS, setting.window, setting.margin, padding="same", bias=False)


def _inertial(network: nn.Module) -> list[InertialConv2d]:
    return [module for module in network.modules() if isinstance(module, InertialConv2d)]


def _alone(layer: InertialConv2d, image: Tensor, gate: Tensor) -> tuple[float, float, str]:
    macs = layer.macs(tuple(image.shape), float(gate.mean())).total
    return macs, float(layer.geometry.kernel_size**2 * FILTERS * gate.numel()), ""


@cache
def _dense_macs(window: int) -> float:
    """Convolution MACs per image of the dense d×d FashionNet."""
    return measure(FashionNet(dense(window)), [torch.zeros(1, 1, 28, 28)]).metrics()["conv_macs"]
