"""The inertial convolution a second time: loops over windows in NumPy, straight from the definitions.

Nothing here uses the package, and nothing is clever: every window is cut out, every formula is written as defined.
Shapes are as in the package: weight (O·m, C/groups, r, r), bias (O,), and periphery weights by re-application.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

NUMPY_PAD = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@dataclass(frozen=True)
class Sizes:
    """What the definitions need to know about a layer."""

    window: int
    margin: int
    stride: tuple[int, int]
    cores: int
    groups: int

    @property
    def core(self) -> int:
        return self.window - self.margin


def pad(x: np.ndarray, padding: int | tuple[int, int] | str, mode: str, window: int) -> np.ndarray:
    """(N, C, H, W) padded for windows of size ``window``."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        widths = [((window - 1) // 2, window - 1 - (window - 1) // 2)] * 2
    else:
        rows, columns = padding if isinstance(padding, tuple) else (padding, padding)
        widths = [(rows, rows), (columns, columns)]
    return np.pad(x, [(0, 0), (0, 0), *widths], mode=NUMPY_PAD[mode])


def positions(padded: np.ndarray, window: int, stride: tuple[int, int]) -> tuple[range, range]:
    """First rows and first columns of all windows."""
    height, width = padded.shape[-2:]
    return range(0, height - window + 1, stride[0]), range(0, width - window + 1, stride[1])


def cut(image: np.ndarray, row: int, column: int, size: int) -> np.ndarray:
    """(C, H, W) → (C, size, size)."""
    return image[:, row : row + size, column : column + size]


def channels_of(filter_index: int, filters: int, channels: int, groups: int) -> slice:
    """The input channels that a filter sees."""
    group, width = filter_index // (filters // groups), channels // groups
    return slice(group * width, (group + 1) * width)


def bilinear(target: int, source: int) -> np.ndarray:
    """Weights (target, source) of linear interpolation, pixel areas aligned, each tap's footprint summing to one."""
    weights = np.zeros((target, source))
    for index in range(target):
        place = min(max((index + 0.5) * source / target - 0.5, 0.0), source - 1.0)
        left = int(np.floor(place))
        right = min(left + 1, source - 1)
        weights[index, left] += 1 - (place - left)
        weights[index, right] += place - left
    return weights / weights.sum(0)


def core_at(window: np.ndarray, core: np.ndarray, row: int, column: int) -> float:
    """Response of one core (C, r, r) placed at (row, column) of a window (C, d, d)."""
    return float((core * cut(window, row, column, core.shape[-1])).sum())


def central_weights(periphery: np.ndarray, margin: int) -> np.ndarray:
    """The (k+1)×(k+1) weights of ``aggregate``: the central one is fixed at one and is not stored."""
    place = (margin // 2) * (margin + 1) + margin // 2
    return np.insert(periphery, place, 1.0).reshape(margin + 1, margin + 1)


def reapplied(reapply: str, window: np.ndarray, core: np.ndarray, theta: np.ndarray, sizes: Sizes) -> float:
    """T of one core on one window (C, d, d); theta is a (k+1, k+1), β or p."""
    d, k, r = sizes.window, sizes.margin, sizes.core
    if reapply == "slide":
        return sum(theta[i, j] * core_at(window, core, i, j) for i, j in product(range(k + 1), repeat=2))
    if reapply == "aggregate":
        p = central_weights(theta, k)
        blended = sum(p[i, j] * cut(window, i, j, r) for i, j in product(range(k + 1), repeat=2))
        return float((core * blended).sum())
    in_centre = core_at(window, core, k // 2, k // 2)
    if reapply == "dilate":
        step = (d - 1) // (r - 1)
        stretched = float((core * window[:, ::step, ::step]).sum())
    else:
        line = bilinear(d, r)
        stretched = float((np.einsum("yi,xj,cij->cyx", line, line, core) * window).sum())
    return (1 - theta) * in_centre + theta * stretched


def gamma(reapply: str, theta: np.ndarray, sizes: Sizes) -> float:
    """γ: T's response to a flat window relative to the core's."""
    if reapply == "slide":
        return float(theta.sum())
    return float(central_weights(theta, sizes.margin).sum()) if reapply == "aggregate" else 1.0


def merged(merge: str, core: float, matched: float, detailed: float, is_open: bool) -> tuple[float, float]:
    """The output of one filter at one position; the second entry is the channel that is stacked."""
    if merge == "matched":
        return (detailed if is_open else matched), 0.0
    if merge == "replace":
        return (detailed if is_open else core), 0.0
    if merge == "add":
        return (core + detailed if is_open else core), 0.0
    stacked = detailed - matched if merge == "stack" else detailed
    return core, (stacked if is_open else 0.0)


def convolve(
    padded: np.ndarray,
    weight: np.ndarray,
    periphery: np.ndarray,
    bias: np.ndarray | None,
    sizes: Sizes,
    reapply: str,
    merge: str,
    is_open: np.ndarray,
) -> np.ndarray:
    """The layer with ``skip="detail"``, position after position; ``is_open`` has shape (N, H_out, W_out)."""
    images, channels = padded.shape[:2]
    filters = len(weight) // sizes.cores
    rows, columns = positions(padded, sizes.window, sizes.stride)
    output = np.zeros((2, images, filters, len(rows), len(columns)))
    for n, (y, row), (x, column), o in product(range(images), enumerate(rows), enumerate(columns), range(filters)):
        seen = channels_of(o, filters, channels, sizes.groups)
        window = cut(padded[n], row, column, sizes.window)[seen]
        core = matched = detailed = 0.0
        for m in range(sizes.cores):
            theta = periphery if reapply == "aggregate" else periphery[o, m]
            one = weight[o * sizes.cores + m]
            response = core_at(window, one, sizes.margin // 2, sizes.margin // 2)
            core += response
            matched += gamma(reapply, theta, sizes) * response
            detailed += reapplied(reapply, window, one, theta, sizes)
        output[:, n, o, y, x] = merged(merge, core, matched, detailed, bool(is_open[n, y, x]))
    return _with_bias(output, bias, merge)


def _with_bias(output: np.ndarray, bias: np.ndarray | None, merge: str) -> np.ndarray:
    if bias is not None:
        output[0] += bias[:, None, None]
    return np.concatenate(output, 1) if merge.startswith("stack") else output[0]


def response_map(padded: np.ndarray, weight: np.ndarray, groups: int) -> np.ndarray:
    """φ: every core at every placement, (N, O·m, H − r + 1, W − r + 1)."""
    images, channels = padded.shape[:2]
    rows, columns = positions(padded, weight.shape[-1], (1, 1))
    phi = np.zeros((images, len(weight), len(rows), len(columns)))
    for n, o, row, column in product(range(images), range(len(weight)), rows, columns):
        seen = channels_of(o, len(weight), channels, groups)
        phi[n, o, row, column] = core_at(padded[n][seen], weight[o], row, column)
    return phi


def keep_responses(phi: np.ndarray, is_open: np.ndarray) -> np.ndarray:
    """φ where closed 2×2 blocks keep the response of their first position; ``is_open`` has one entry per block."""
    kept = phi.copy()
    for n, row, column in product(range(len(phi)), range(phi.shape[2]), range(phi.shape[3])):
        if not is_open[n, row // 2, column // 2]:
            kept[n, :, row, column] = phi[n, :, row - row % 2, column - column % 2]
    return kept


def slide_from_map(
    phi: np.ndarray, periphery: np.ndarray, bias: np.ndarray | None, sizes: Sizes, merge: str
) -> np.ndarray:
    """The layer with ``reapply="slide"`` and all positions open, from a response map."""
    filters, cores, side = periphery.shape[:3]
    rows, columns = positions(phi, side, sizes.stride)
    output = np.zeros((2, len(phi), filters, len(rows), len(columns)))
    for n, o, (y, row), (x, column) in product(range(len(phi)), range(filters), enumerate(rows), enumerate(columns)):
        seen = cut(phi[n], row, column, side)[o * cores : (o + 1) * cores]
        core = seen[:, sizes.margin // 2, sizes.margin // 2]
        matched = float((periphery[o].sum((1, 2)) * core).sum())
        detailed = float((periphery[o] * seen).sum())
        output[:, n, o, y, x] = merged(merge, float(core.sum()), matched, detailed, True)
    return _with_bias(output, bias, merge)


def friction(name: str, window: np.ndarray, margin: int, reduction: str = "after") -> float:
    """One friction value of one window (C, d, d)."""
    if reduction == "before":
        window = window.mean(0, keepdims=True)
    measure = FRICTIONS[name]
    if name in JOINT:
        return measure(window, margin)
    return float(np.mean([measure(channel, margin) for channel in window]))


def friction_map(
    name: str, padded: np.ndarray, window: int, margin: int, stride: tuple[int, int], reduction: str = "after"
) -> np.ndarray:
    """Friction of every window, (N, H_out, W_out)."""
    rows, columns = positions(padded, window, stride)
    return np.array(
        [
            [[friction(name, cut(image, row, column, window), margin, reduction) for column in columns] for row in rows]
            for image in padded
        ]
    ).reshape(len(padded), len(rows), len(columns))


def split(channel: np.ndarray, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """The core's pixels and the periphery's pixels of one channel (d, d)."""
    first, size = margin // 2, len(channel) - margin
    inside = np.zeros(channel.shape, dtype=bool)
    inside[first : first + size, first : first + size] = True
    return channel[inside], channel[~inside]


def _range(channel: np.ndarray, margin: int) -> float:
    return channel.max() - channel.min()


def _variance(channel: np.ndarray, margin: int) -> float:
    return channel.var()


def _absolute(channel: np.ndarray, margin: int) -> float:
    core, periphery = split(channel, margin)
    return np.abs(periphery - core.mean()).mean()


def _squared(channel: np.ndarray, margin: int) -> float:
    core, periphery = split(channel, margin)
    return np.square(periphery - core.mean()).mean()


def _squared_sum(window: np.ndarray, margin: int) -> float:
    deviations = [periphery - core.mean() for core, periphery in (split(channel, margin) for channel in window)]
    return float(np.square(deviations).sum())


def _gradient(channel: np.ndarray, margin: int) -> float:
    size = len(channel)
    smooth = np.poly1d([1.0, 1.0]) ** (size - 1)
    slope = np.poly1d([1.0, 1.0]) ** (size - 2) * np.poly1d([1.0, -1.0])
    smooth, slope = (np.asarray(line.coeffs) / np.abs(line.coeffs).sum() for line in (smooth, slope))
    return float(np.hypot(smooth @ channel @ slope, slope @ channel @ smooth))


def _laplacian(channel: np.ndarray, margin: int) -> float:
    core, periphery = split(channel, margin)
    return abs(periphery.mean() - core.mean())


def _entropy(channel: np.ndarray, margin: int) -> float:
    p = _softmax(channel.ravel())
    return np.log(p.size) + float((p * np.log(p)).sum())


def _means(window: np.ndarray, margin: int) -> np.ndarray:
    """(2, C): the channel means of core and periphery."""
    return np.array([[part.mean() for part in split(channel, margin)] for channel in window]).T


def _cosine(window: np.ndarray, margin: int) -> float:
    core, periphery = _means(window, margin)
    return 1 - float(core @ periphery) / float(np.linalg.norm(core) * np.linalg.norm(periphery))


def _jsd(window: np.ndarray, margin: int) -> float:
    core, periphery = (_softmax(np.append(mean, 0.0)) for mean in _means(window, margin))
    middle = (core + periphery) / 2
    return float((core * np.log(core / middle)).sum() + (periphery * np.log(periphery / middle)).sum()) / 2


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


JOINT = ("cosine", "jsd", "squared_sum")
FRICTIONS = {
    "range": _range,
    "variance": _variance,
    "absolute": _absolute,
    "squared": _squared,
    "squared_sum": _squared_sum,
    "gradient": _gradient,
    "laplacian": _laplacian,
    "cosine": _cosine,
    "jsd": _jsd,
    "entropy": _entropy,
}
