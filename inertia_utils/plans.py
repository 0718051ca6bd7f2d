"""Which runs each notebook needs; how many and how long is data, in ``profiles.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .arms import Arm, dense, inertial, separable
from .data import mnist_name
from .initialise import INITIALISATIONS
from .inspect_run import InspectRun
from .models import widened
from .runs import Run
from .train_run import TrainRun

#: Group of runs → its runs, under the names that the notebook uses.
Plan = dict[str, list[Run]]

_TABLE = tomllib.loads(Path(__file__).with_name("profiles.toml").read_text(encoding="utf-8"))
PROFILES = tuple(_TABLE)
PLANS: dict[str, Callable[[Profile], Plan]] = {}


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
        lenet_epochs: of LeNet's original recipe.
        lenet_seeds: of the MNIST comparisons.
        test_images: test images that are read, 0 for all.
        grid_seeds: of the grid over window and margin and of its controls.
        windows: values of d in the grid over window and margin.
        cores: largest number of cores in that grid.
        tuning_epochs: of trainings that choose on the hold-out.
        tuning_seeds: of the choice of the learning rate.
        tuning_rates: learning rates to choose from.
    """

    name: str
    seeds: int
    more_seeds: int
    images: int
    epochs: int
    original_epochs: int
    lenet_epochs: int
    lenet_seeds: int
    test_images: int
    grid_seeds: int
    windows: tuple[int, ...]
    cores: int
    tuning_epochs: int
    tuning_seeds: int
    tuning_rates: tuple[float, ...]


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


def plan(notebook: str, profile: str) -> Plan:
    """The runs behind ``notebook`` (its file name without ``.ipynb``), grouped by the name the notebook uses.

    Raises:
        ValueError: notebook or profile are unknown.
    """
    size = profile_named(profile)
    if notebook not in PLANS:
        raise ValueError(f"notebook: unknown notebook {notebook!r}; known: {', '.join(sorted(PLANS))}")
    return PLANS[notebook](size)


def planned(notebook: str) -> Callable[[Callable[[Profile], Plan]], Callable[[Profile], Plan]]:
    """Decorator: register the plan of a notebook."""

    def register(function: Callable[[Profile], Plan]) -> Callable[[Profile], Plan]:
        PLANS[notebook] = function
        return function

    return register


@planned("01_baselines")
def baselines(size: Profile) -> Plan:
    """Dense networks by both recipes, and the choice of the converged recipe's learning rate."""
    kernels = [dense(5), dense(3), dense(1)]
    return {
        "tuning": [
            tuning(size, dense(5), seed=seed, lr=rate)
            for seed in range(size.tuning_seeds)
            for rate in size.tuning_rates
        ],
        "converged": [converged(size, arm, seed=seed) for seed in range(size.seeds) for arm in kernels],
        "original": [original(size, arm) for arm in kernels],
        "lenet": [lenet(size, arm, seed=seed) for seed in range(size.lenet_seeds) for arm in (dense(3), dense(1))],
    }


@planned("02_inertial_layer")
def inertial_layer(size: Profile) -> Plan:
    """Initialisations compared on the hold-out, and one trained network to look at."""
    return {
        "initialisation": [
            tuning(size, inertial(3, 2, init=init), seed=seed)
            for seed in range(size.more_seeds)
            for init in INITIALISATIONS
        ],
        "inspected": [InspectRun(tuning(size, inertial(5, 2)))],
    }


@planned("03_window_and_margin")
def window_and_margin(size: Profile) -> Plan:
    """Every window and margin with the gate open, and the dense and separable networks to hold them against."""
    arms = grid(size.windows, size.cores)
    small = [arm for arm in arms if arm.kernel_size - arm.margin <= 2 and arm.cores == 1]
    controls = [dense(1), dense(2), *(make(d) for d in size.windows for make in (dense, separable))]
    primary = [dense(3), dense(1), dense(5), *PRIMARY]
    return {
        "primary": [converged(size, arm, seed=seed) for seed in range(size.seeds) for arm in primary],
        "grid": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in arms],
        "controls": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in controls],
        "widened": [converged(size, widened(arm), seed=seed) for seed in range(size.grid_seeds) for arm in small],
        "original": [original(size, arm) for arm in (dense(5), dense(3), dense(1), inertial(5, 2), inertial(3, 2))],
    }


@planned("07_mnist_lenet")
def mnist_lenet(size: Profile) -> Plan:
    """LeNet by the original recipe: the mandatory arms, the earlier published form, and equal spatial sizes."""
    gated = [inertial(3, 2, gate="rate", rate=0.25, friction=friction) for friction in ("range", "random")]
    slide = inertial(3, 2)
    arms = [dense(3), dense(1), widened(slide, "lenet"), slide, *gated, EARLIER_FORM]
    return {
        "lenet": [lenet(size, arm, seed=seed) for seed in range(size.lenet_seeds) for arm in arms],
        "padded": [
            lenet(size, arm, seed=seed, padded=True)
            for seed in range(size.lenet_seeds)
            for arm in (dense(3), dense(1), slide)
        ],
    }


#: Notebook → the groups of its plan that the report shows, where that notebook is there.
REPORTED = {
    "03_window_and_margin": ("primary", "grid", "controls", "widened"),
    "04_friction": ("gated",),
    "07_mnist_lenet": ("lenet",),
}


@planned("09_final_figures")
def final_figures(size: Profile) -> Plan:
    """What the other notebooks need and the report shows; nothing of its own."""
    return {
        f"{notebook[:2]} {group}": runs
        for notebook, shown in REPORTED.items()
        if notebook in PLANS
        for group, runs in PLANS[notebook](size).items()
        if group in shown
    }


#: The method as it was published earlier: 1×1 core, eight shared periphery weights, a threshold that is not trained.
EARLIER_FORM = inertial(
    3, 2, reapply="aggregate", merge="replace", friction="squared_sum", gate="threshold", threshold=0.1, bias=False
)

#: Inertial arms of the comparisons that decide, each against dense 3×3.
PRIMARY = (inertial(5, 2), inertial(3, 2), inertial(3, 2, cores=2), inertial(3, 2, cores=2, dense_first=True))


def grid(windows: tuple[int, ...], most_cores: int) -> list[Arm]:
    """All (d, k) of these windows with one core, and with more where the core is 1×1 or 2×2."""
    return [
        inertial(d, k, cores=cores)
        for d in windows
        for k in range(1, d)
        for cores in range(1, (most_cores if d - k <= 2 else 1) + 1)
    ]


def converged(size: Profile, arm: Arm, **options: Any) -> TrainRun:
    """A FashionNet by the converged recipe."""
    return TrainRun(arm, epochs=size.epochs, images=size.images, test_images=size.test_images, **options)


def original(size: Profile, arm: Arm) -> TrainRun:
    """A FashionNet by the original recipe, with the original study's seed."""
    options = {"epochs": size.original_epochs, "images": size.images, "test_images": size.test_images}
    return TrainRun(arm, recipe="original", seed=1, **options)


def lenet(size: Profile, arm: Arm, **options: Any) -> TrainRun:
    """A LeNet by its original recipe."""
    sizes = {"epochs": size.lenet_epochs, "images": size.images, "test_images": size.test_images}
    return TrainRun(arm, "lenet", mnist_name(size.name), "original", **sizes, **options)


def tuning(size: Profile, arm: Arm, **options: Any) -> TrainRun:
    """A short training whose accuracy is that on the hold-out."""
    return TrainRun(arm, epochs=size.tuning_epochs, images=size.images, tuning=True, **options)
