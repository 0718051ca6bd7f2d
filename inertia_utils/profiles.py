"""Profiles: how large a study is, read from ``profiles.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("profiles.toml").read_text(encoding="utf-8"))
PROFILES = tuple(_TABLE)


@dataclass(frozen=True)
class Profile:
    """One table of ``profiles.toml``.

    Attributes:
        name: smoke, quick or full.
        seeds: of the primary comparisons.
        more_seeds: of the other comparisons.
        images: training images, 0 for all but the hold-out.
        epochs: of the converged recipe, 0 for its own.
        original_epochs: of FashionNet's original recipe.
        original_seeds: of that recipe, from 1 on, which is the original study's.
        lenet_epochs: of LeNet's original recipe.
        lenet_seeds: of the MNIST comparisons.
        test_images: test images that are read, 0 for all.
        grid_seeds: of the grid over window and margin and of its controls.
        small_core_seeds: of what else is trained where the core is too small by itself: gates, and the cheapest form.
        windows: values of d in the grid over window and margin.
        cores: largest number of cores in that grid.
        tuning_epochs: of trainings that choose an initialisation on the hold-out.
        tuning_seeds: of the choice of the learning rate.
        tuning_rates: learning rates to choose from, at the length of the converged recipe.
        pooled_tuning_rates: the same for networks whose head is global average pooling.
        gate_rates: fractions of positions that trained networks are gated to.
        gate_test_images: test images read per fraction, 0 for all.
        trained_rates: fractions of positions that networks are trained with.
        temperatures: of learned gates, beside the usual one.
        draw_temperatures: of gates that draw their positions in training.
        unpooled_skips: what closed gates skip in the network without pooling.
        merges: merges whose open form is trained.
    """

    name: str
    seeds: int
    more_seeds: int
    images: int
    epochs: int
    original_epochs: int
    original_seeds: int
    lenet_epochs: int
    lenet_seeds: int
    test_images: int
    grid_seeds: int
    small_core_seeds: int
    windows: tuple[int, ...]
    cores: int
    tuning_epochs: int
    tuning_seeds: int
    tuning_rates: tuple[float, ...]
    pooled_tuning_rates: tuple[float, ...]
    gate_rates: tuple[float, ...]
    gate_test_images: int
    trained_rates: tuple[float, ...]
    temperatures: tuple[float, ...]
    draw_temperatures: tuple[float, ...]
    unpooled_skips: tuple[str, ...]
    merges: tuple[str, ...]


@cache
def profile_named(name: str) -> Profile:
    """The profile of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in _TABLE:
        raise ValueError(f"profile: unknown profile {name!r}; known: {', '.join(PROFILES)}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in _TABLE[name].items()}
    return Profile(name, **values)
