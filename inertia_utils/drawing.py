"""Images, maps and windows on matplotlib axes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from .geometry import Geometry


def show_image(axes: Axes, image: Tensor, title: str = "") -> AxesImage:
    """A grey image (H, W)."""
    return _show(axes, image, title, cmap="gray")


def show_map(axes: Axes, values: Tensor, title: str = "", largest: float | None = None) -> AxesImage:
    """A map of values ≥ 0 (H, W), dark where small."""
    return _show(axes, values, title, cmap="magma", vmin=0, vmax=largest)


def show_signed(axes: Axes, values: Tensor, title: str = "", largest: float | None = None) -> AxesImage:
    """A map or kernel of values of either sign (H, W), white at zero."""
    limit = largest or float(values.abs().max()) or 1.0
    return _show(axes, values, title, cmap="RdBu_r", vmin=-limit, vmax=limit)


def mark_window(axes: Axes, row: int, column: int, geometry: Geometry) -> None:
    """Outline the window whose first pixel is (row, column), and its core inside."""
    core = (row + geometry.offset, column + geometry.offset)
    for (top, left), side, color, style in (
        ((row, column), geometry.kernel_size, "#E69F00", "-"),
        (core, geometry.core_size, "#56B4E9", "--"),
    ):
        axes.add_patch(
            Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=color, linestyle=style, linewidth=1.6)
        )


def write_values(axes: Axes, values: Tensor) -> None:
    """Write each value of a small map into its pixel, to one decimal."""
    middle = float(values.min() + values.max()) / 2
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            color = "black" if value > middle else "white"
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=6, color=color)


def _show(axes: Axes, values: Tensor, title: str, **options: object) -> AxesImage:
    image = axes.imshow(values.detach().cpu().numpy(), interpolation="nearest", **options)
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
