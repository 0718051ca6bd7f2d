"""On which device networks were trained, and whether it matters: dropout and rounding are not the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from .result_file import Result
from .standing import listed, seeds_named
from .stats import interval, unpaired_difference

#: Device of an arm's first seed, and those of its other seeds.
Devices = tuple[str, tuple[str, ...]]


def trained_on(results: Iterable[Result]) -> str:
    """Which arms were trained on which device, and which of their seeds, in words; empty if all were on one.

    Args:
        results: of trainings, each arm and seed once.
    """
    arms: dict[str, dict[int, str]] = {}
    for result in results:
        arms.setdefault(result.run.arm.name, {})[result.run.seed] = result.provenance["device"]
    if len({device for seeds in arms.values() for device in seeds.values()}) < 2:
        return ""
    alike: dict[str, list[str]] = {}
    for name, seeds in arms.items():
        alike.setdefault(_places(seeds), []).append(f"`{name}`")
    return f"Trained: {'; '.join(f'{listed(names)} {places}' for places, names in alike.items())}."


def first_seed_apart(results: Iterable[Result]) -> dict[Devices, list[float]]:
    """Devices → for every arm trained on them: its first seed's accuracy minus the mean of the others', in points.

    Args:
        results: of trainings, each arm and seed once; arms with fewer than two seeds are left out.
    """
    arms: dict[str, dict[int, Result]] = {}
    for result in results:
        arms.setdefault(result.run.arm.name, {})[result.run.seed] = result
    gaps: dict[Devices, list[float]] = {}
    for seeds in arms.values():
        first, *others = (seeds[seed] for seed in sorted(seeds))
        if others:
            devices = first.provenance["device"], tuple(sorted({result.provenance["device"] for result in others}))
            rest = fmean(result.metrics["accuracy"] for result in others)
            gaps.setdefault(devices, []).append(100 * (first.metrics["accuracy"] - rest))
    return gaps


def device_text(results: Iterable[Result]) -> str:
    """What two devices do to accuracy, in words; empty if no arms can tell.

    A seed may be a lucky one for many arms at once.  So arms all of whose seeds are of one device are held against arms
    whose other seeds are all of another.  Both groups have one interval each, over arms, and their difference that of
    Welch; arms whose other seeds are of several devices are left out.

    Args:
        results: as in :func:`first_seed_apart`; a group needs three arms to be spoken of.
    """
    gaps = {devices: values for devices, values in first_seed_apart(results).items() if len(values) > 2}
    sentences = []
    for (device, (other, *more)), values in sorted(gaps.items()):
        alone = gaps.get((device, (device,)))
        if alone and other != device and not more:
            apart = unpaired_difference(values, alone)
            sentences.append(
                f"Of {len(alone)} arms with all seeds on {device}, the first seed is {_text(alone)} points from the "
                f"mean of the others; of {len(values)} arms with the others on {other}, it is "
                f"{_text(values)}. The two differ by {apart.mean:+.2f} [{apart.low:+.2f}, {apart.high:+.2f}] points."
            )
    return " ".join(sentences)


def _places(seeds: Mapping[int, str]) -> str:
    """``on A``, or which seeds on which device."""
    devices: dict[str, list[int]] = {}
    for seed, device in sorted(seeds.items()):
        devices.setdefault(device, []).append(seed)
    if len(devices) == 1:
        return f"on {next(iter(devices))}"
    return ", ".join(f"{seeds_named(found)} on {device}" for device, found in devices.items())


def _text(values: list[float]) -> str:
    return f"{interval(values):+.2f}"
