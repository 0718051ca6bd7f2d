"""The explorer: sliders and menus over :mod:`~inertia_utils.exploring`, for JupyterLab.

A notebook shows :func:`~inertia_utils.exploring.static` first, so that whoever reads it without a kernel sees the same
panels, and then the explorer.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import ipywidgets as widgets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from . import paths
from .arms import Arm, inertial
from .exploring import SIZE, Exhibit, Panels, Setting
from .friction import MEASURES
from .plans import plan
from .profiles import PROFILES
from .store import Store
from .train_run import TrainRun
from .worker import threads

#: Windows to choose from.
WINDOWS = (3, 5, 7)
START = Setting()
#: Dots per inch of the explorer's picture.
DPI = 130


class Explorer:
    """Choose image, window, margin, friction and threshold; see what the layer makes of it.

    Args:
        exhibit: images and trained networks.
        setting: to start from.

    Attributes:
        setting: what is chosen now.
        picture: the picture on display, a PNG.
    """

    def __init__(self, exhibit: Exhibit, setting: Setting = START) -> None:
        self.exhibit, self.setting = exhibit, setting
        figure = Figure(figsize=SIZE, dpi=DPI)
        self._canvas, self._panels = FigureCanvasAgg(figure), Panels(figure)
        self._controls = _controls(setting, len(exhibit.images))
        self._picture = widgets.Image(format="png")
        for name, control in self._controls.items():
            control.observe(lambda change, name=name: self.update(**{name: change["new"]}), "value")
        self.update()

    @property
    def picture(self) -> bytes:
        """The picture on display, a PNG."""
        return self._picture.value

    def update(self, **changes: int | float | str) -> None:
        """Change some of the setting's fields and redraw; a margin that leaves no core becomes the largest that does.

        Raises:
            TypeError: a field is unknown.
        """
        values = {**vars(self.setting), **changes}
        values["margin"] = min(values["margin"], values["window"] - 1)
        self.setting = Setting(**values)
        self._controls["margin"].max = self.setting.window - 1
        with threads(1):  # one image is too little to share, and waiting for a busy machine's other threads shows
            self._panels.show(self.exhibit.view(self.setting))
        buffer = io.BytesIO()
        self._canvas.print_png(buffer)
        self._picture.value = buffer.getvalue()

    def widget(self) -> widgets.Widget:
        """Controls above the picture, to be the last expression of a cell."""
        controls = widgets.HBox(list(self._controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        return widgets.VBox([controls, self._picture])


def trained_networks(notebook: str) -> dict[tuple[int, int], nn.Module]:
    """(d, k) → a network of a notebook's plan whose weights are on this machine, from the largest profile that has any.

    Weights are not published: this is empty until a study was run here.
    """
    networks: dict[tuple[int, int], nn.Module] = {}
    for profile in PROFILES:
        for store in (Store(paths.RESULTS, profile), Store(paths.working_results(), profile)):
            networks |= {(run.arm.kernel_size, run.arm.margin): _load(run, store) for run in _trained(notebook, store)}
    return networks


def _trained(notebook: str, store: Store) -> Iterable[TrainRun]:
    runs = (run for group in plan(notebook, store.profile).values() for run in group)
    trainings = (parent for run in runs for parent in (run, *run.parents()) if isinstance(parent, TrainRun))
    plain = {
        (run.arm.kernel_size, run.arm.margin): run
        for run in trainings
        if run.network == "fashionnet" and run.pool and _is_plain(run.arm)
    }
    return [run for run in plain.values() if store.has(run, weights=True)]


def _is_plain(arm: Arm) -> bool:
    return arm.conv == "inertial" and arm == inertial(arm.kernel_size, arm.margin)


def _load(run: TrainRun, store: Store) -> nn.Module:
    model = run.model().eval().requires_grad_(False)
    model.load_state_dict(store.load_weights(run))
    return model


def _controls(setting: Setting, images: int) -> dict[str, widgets.Widget]:
    """One control per field of the setting, under its name."""
    narrow = {"style": {"description_width": "initial"}, "layout": widgets.Layout(width="19em")}
    return {
        "image": widgets.IntSlider(setting.image, 0, images - 1, description="image", **narrow),
        "window": widgets.Dropdown(
            options=sorted({*WINDOWS, setting.window}), value=setting.window, description="window d", **narrow
        ),
        "margin": widgets.IntSlider(setting.margin, 1, setting.window - 1, description="margin k", **narrow),
        "friction": widgets.Dropdown(options=list(MEASURES), value=setting.friction, description="friction", **narrow),
        "threshold": widgets.FloatSlider(setting.threshold, min=0, max=1, step=0.02, description="threshold", **narrow),
    }
