"""One look per arm, kind of arm, friction measure and merge: the same everywhere, and never told by colour alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

#: Okabe and Ito's palette (2008), whose colours stay apart for colour-blind readers.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_PAIRS = tuple((d, k) for d in (3, 5, 7) for k in range(1, d))
_SMALL_CORES = tuple((d, k) for d, k in _PAIRS if d - k <= 2)
_RANDOM = ("", ", friction random")
_GATES = (
    "never",
    *(f"rate 0.25{random}" for random in _RANDOM),
    "anneal 0.25",
    "learned 0.25",
    *(f"rate 0.5{random}" for random in _RANDOM),
    "anneal 0.5",
    "learned 0.5",
)
_MODES = ("", *(f", reapply {mode}" for mode in ("dilate", "resize", "aggregate")))
_MERGES = ("", ", merge add", ", merge stack")
#: Names in the order in which they take their look: the first eight differ in colour.  New ones go to the end, or where
#: the arms of every notebook still differ.
ARMS = tuple(
    dict.fromkeys(
        (
            "dense 5×5",
            "dense 3×3",
            "dense 1×1",
            "inertial (5, 2)",
            "inertial (3, 2)",
            "separable 3×3",
            "inertial (3, 2), cores 2",
            "inertial (3, 1), merge stack",
            "inertial (3, 2), merge stack",
            "dense 3×3, 4 channels",
            "separable 3×3, 21 channels, dense first layer",
            "dense 2×2, 20 channels",
            "dense 3×3, 7 channels",
            "dense 3×3, 9 channels",
            "dense 1×1, 38 channels",
            "inertial (3, 2), gate rate 0.25",
            "inertial (3, 2), gate rate 0.25, friction random",
            "inertial (3, 2), reapply aggregate, merge replace, gate threshold 0.1, friction squared_sum",
            "separable 5×5",
            "separable 7×7",
            "dense 2×2",
            "dense 7×7",
            *(f"inertial ({d}, {k})" for d, k in _PAIRS),
            *(f"inertial ({d}, {k}), cores {m}" for m in (2, 3) for d, k in _SMALL_CORES),
            *(f"dense 1×1, {width} channels" for width in (67, 123, 203)),
            *(f"dense 2×2, {width} channels" for width in (39, 58, 83)),
            *(f"separable {d}×{d}, dense first layer" for d in (3, 5)),
            *(f"separable 3×3, {width} channels, dense first layer" for width in (42, 49)),
            *(f"inertial (5, 2), gate {gate}{skip}" for gate in _GATES for skip in ("", ", skip core")),
            "dense 3×3, 44 channels",
            "separable 7×7, dense first layer",
            "inertial (3, 2), cores 2, dense first layer",
            *(f"inertial (3, 2), gate {gate}, skip core" for gate in _GATES[:3]),
            "inertial (3, 2), gate never",
            *(f"inertial ({d}, 2){mode}{merge}" for d in (5, 3) for mode in _MODES for merge in _MERGES),
            *(f"inertial (5, 2), reapply dilate, merge stack, gate rate 0.5{random}" for random in _RANDOM),
            *(f"inertial (3, 2), init {init}" for init in ("identity", "fit")),
            "inertial (3, 2), gate rate 0.25, reduction before",
            "inertial (3, 2), 23 channels",
            *(f"inertial (5, 2), gate threshold 1{skip}" for skip in ("", ", skip core")),
            *(f"inertial (5, 2), gate image 0.25{random}" for random in _RANDOM),
            "dense 3×3, 6 channels",
            "separable 3×3, 40 channels, dense first layer",
            "inertial (3, 2), gate image 0.25, reduction before",
            *(f"dense 3×3, {widths} channels" for widths in ("15 and 30", "16 and 33", "10 and 21", "24 and 48")),
            "dense 3×3, strided second layer",
        )
    )
)
#: Friction measures, for figures that compare them in one network.
MEASURES = (
    "range",
    "variance",
    "absolute",
    "squared",
    "gradient",
    "laplacian",
    "random",
    "oracle",
    "cosine",
    "jsd",
    "entropy",
    "squared_sum",
    "range of mean",
    "range, by image",
    "range, shuffled",
)
#: Kinds of arms, for figures that show too many arms to tell each from the others.
KINDS = (
    "dense",
    "inertial",
    "separable",
    "inertial, more cores",
    "dense, equal MACs",
    "gated",
    "inertial, stacked",
    "dense, both layers narrower",
)

#: Merges, for figures that compare re-applications.
MERGES = ("matched", "add", "stack", "replace")

#: Forms of a layer, for figures of its time.
LAYERS = ("dense", "slide", "separable", "dilate", "skip core", "aggregate", "resize", "core alone", "stack dilate")


def look(name: str) -> dict[str, str]:
    """Colour, line style and marker of an arm, a measure, a kind of arm, a merge or a form of the layer.

    The same everywhere.  Names within one of the lists above never share a look.  A name in none of them takes its look
    from its letters and differs from every listed one, but two such names may agree: list those that appear in one
    figure.
    """
    for names in (ARMS, MEASURES, KINDS, MERGES, LAYERS):
        if name in names:
            return _look(names.index(name))
    digest = hashlib.sha256(name.encode()).digest()
    # Up to 128 listed names take a shift of 0 or 1.
    return _look(digest[0] % (len(PALETTE) * len(MARKERS)), shift=2 + digest[1] % 2)


def symbol(name: str) -> dict[str, str]:
    """Colour and marker of :func:`look` alone, as scatter plots take them."""
    return {part: value for part, value in look(name).items() if part != "linestyle"}


def symbols_by_kind(arms: Iterable[str]) -> dict[str, dict[str, str]]:
    """Arm → its kind's colour and a marker that differs from those of the others of its kind; kinds stay together.

    Raises:
        ValueError: a kind has more arms than there are markers.
    """
    kinds: dict[str, list[str]] = {}
    for arm in dict.fromkeys(arms):
        kinds.setdefault(kind(arm), []).append(arm)
    for name, members in kinds.items():
        if len(members) > len(MARKERS):
            raise ValueError(f"arms: expected at most {len(MARKERS)} of a kind, got {len(members)} of {name!r}")
    return {
        arm: {"color": look(name)["color"], "marker": marker}
        for name, members in kinds.items()
        for arm, marker in zip(members, MARKERS, strict=False)
    }


def kind(arm: str) -> str:
    """The kind of an arm, by its name."""
    if arm.startswith("inertial"):
        if "gate" in arm:
            return "gated"
        if "stack" in arm:
            return "inertial, stacked"
        return "inertial, more cores" if "cores" in arm else "inertial"
    if arm.startswith("separable"):
        return "separable"
    if "channels" not in arm:
        return "dense"
    return "dense, both layers narrower" if " and " in arm else "dense, equal MACs"


def _look(number: int, shift: int = 0) -> dict[str, str]:
    # After 64 names the pairs of colour and marker come again, eight places later, and with another line.
    lap = number // (len(PALETTE) * len(MARKERS))
    turn = number + number // len(PALETTE) + lap
    return {
        "color": PALETTE[number % len(PALETTE)],
        "linestyle": LINES[(turn + lap + shift) % len(LINES)],
        "marker": MARKERS[turn % len(MARKERS)],
    }
