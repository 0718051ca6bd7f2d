"""Which runs each notebook needs; how many and how long is data, in ``profiles.toml``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from .arms import Arm, dense, inertial, separable
from .compared import (
    DETAIL_STACKED,
    EARLIER_FORM,
    FEWER_CHANNELS,
    FEWER_UNPOOLED,
    LITERAL,
    NEVER_STACKED,
    OF_SLIMMER_MACS,
    PRIMARY,
    SLIMMER,
    SMALL_CORES,
    STEPS,
    STRIDED,
    cheapest_pairs,
    control_pairs,
    pooled_arms,
    primary_pairs,
)
from .data import mnist_name
from .fine_tune_run import FineTuneRun
from .friction import MEASURES
from .gate_run import GateRun
from .initialise import INITIALISATIONS
from .inspect_run import InspectRun
from .layer import SKIPS
from .models import narrowed, narrowed_evenly, separated, widened
from .predict_run import PredictRun
from .profiles import Profile, profile_named
from .reapply import REAPPLICATIONS
from .runs import Run
from .train_run import TrainRun

#: Group of runs → its runs, under the names that the notebook uses.
Plan = dict[str, list[Run]]

PLANS: dict[str, Callable[[Profile], Plan]] = {}


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
            tuning(size, dense(5), seed=seed, lr=rate, epochs=size.epochs)
            for seed in range(size.tuning_seeds)
            for rate in size.tuning_rates
        ],
        "converged": [converged(size, arm, seed=seed) for seed in range(size.seeds) for arm in kernels],
        "original": original(size, kernels),
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
    closest = [separated(arm) for arm in PRIMARY[1:]]
    of_equal_macs = [*map(widened, dict.fromkeys([*small, *PRIMARY])), *closest]
    controls = [dense(1), dense(2)]
    for d in size.windows:
        controls += [dense(d), separable(d), separable(d, dense_first=True)]
    behind_dense = [inertial(3, 2, cores=2, dense_first=True)]
    primary = dict.fromkeys(arm for pair in primary_pairs() for arm in reversed(pair))
    decisive = [converged(size, arm, seed=seed) for seed in range(size.seeds) for arm in primary]
    rivals = dict.fromkeys(control for _, control in control_pairs())
    # The separable networks of equal MACs come closest, and have as many seeds as the primary arms; notebook 05 has
    # more of the widened one.
    even = [narrowed_evenly(arm) for arm in PRIMARY[1:]]
    more = dict.fromkeys(closest, size.seeds) | dict.fromkeys([widened(inertial(3, 2)), *even], size.small_core_seeds)
    return {
        "primary": decisive,
        "predictions": [PredictRun(run) for run in decisive],
        "rivals": [
            converged(size, arm, seed=seed)
            for seed in range(size.seeds)
            for arm in rivals
            if seed < more.get(arm, size.grid_seeds)
        ],
        "small_cores": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in SMALL_CORES],
        "cheapest": [
            converged(size, arm, seed=seed)
            for seed in range(size.small_core_seeds)
            for arm in dict.fromkeys(arm for pair in cheapest_pairs() for arm in pair)
        ],
        "slimmer": [
            converged(size, arm, seed=seed)
            for seed in range(size.small_core_seeds)
            for arm in (SLIMMER, OF_SLIMMER_MACS)
        ],
        "strided": [converged(size, STRIDED, seed=seed) for seed in range(size.small_core_seeds)],
        "steps": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in STEPS],
        # The rate is chosen for dense 3×3; the others say what that choice costs them.
        "pooled_tuning": [
            tuning(size, arm, lr=rate, epochs=size.epochs, head="gap")
            for arm in (dense(3), *PRIMARY[1:])
            for rate in (size.pooled_tuning_rates if arm == dense(3) else size.pooled_tuning_rates[-4:])
        ],
        "pooled": [
            converged(size, arm, seed=seed, head="gap", lr=POOLED_RATE)
            for seed in range(size.grid_seeds)
            for arm in pooled_arms()
        ],
        "grid": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in arms + behind_dense],
        "controls": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in controls],
        "widened": [converged(size, arm, seed=seed) for seed in range(size.grid_seeds) for arm in of_equal_macs],
        "original": original(size, [dense(5), dense(3), dense(1), inertial(5, 2), inertial(3, 2)]),
    }


@planned("04_friction")
def friction(size: Profile) -> Plan:
    """Networks trained with open gates, then gated by every measure at several rates."""
    # Primary arms, so that all their networks are there; in the second friction has most to decide.
    wide = [converged(size, inertial(5, 2), seed=seed) for seed in range(size.seeds)]
    parents = wide[: size.more_seeds]
    small = [converged(size, inertial(3, 2), seed=seed) for seed in range(size.seeds)]
    flat = [converged(size, inertial(3, 2), seed=seed, pool=False) for seed in range(size.grid_seeds)]
    controlled = ("range", "random", "oracle")
    return {
        "gated": [gated(size, parent, name) for parent in parents for name in ranking_measures()],
        "by_range": [gated(size, parent, name) for parent in wide for name in ("range", "random")],
        "before": [
            gated(size, parent, name, reduction="before")
            for parent in parents[: size.grid_seeds]
            for name in MEASURES
            if not MEASURES[name].joint
        ],
        # What friction knows of whole images, and what of the places within one.
        "images": [
            gated(size, parent, "range", choice=choice)
            for parent in parents[: size.grid_seeds]
            for choice in ("image", "shuffled")
        ],
        # The other measures with equal shares, at every other rate.
        "measures_by_image": [
            gated(size, parent, name, choice="image", rates=size.gate_rates[1::2])
            for parent in parents[: size.grid_seeds]
            for name in ranking_measures()
            if name not in ("range", "random")
        ],
        # Three seeds had been seen when the others were planned.
        "small_images": [
            run
            for parent in small[: size.small_core_seeds]
            for run in (
                *(gated(size, parent, "range", choice=choice) for choice in ("image", "shuffled")),
                gated(size, parent, "range", choice="image", reduction="before"),
            )
        ],
        "layers": [
            gated(size, parent, name, layers=(layer,))
            for parent in parents[: size.grid_seeds]
            for name in controlled
            for layer in ("conv1", "conv2")
        ],
        "small": ranked(size, small),
        # Where the core is one pixel, measuring every channel is a good part of the work.
        "small_before": [gated(size, parent, "range", reduction="before") for parent in small],
        # Without a gate, at three quarters of the MACs.
        "narrow": small_core_trainings(size, FEWER_CHANNELS),
        "unpooled": [gated(size, parent, name) for parent in flat for name in controlled],
    }


@planned("05_gate")
def gate(size: Profile) -> Plan:
    """Gates in training, after it, and in a short training of their own; each against a random gate."""
    seeds = range(size.grid_seeds)
    # A primary arm, so that all its networks are there.
    primary = [converged(size, inertial(5, 2), seed=seed) for seed in range(size.seeds)]
    open_gate = primary[: size.grid_seeds]
    by_mean = inertial(3, 2, rate=min(size.trained_rates), reduction="before")
    return {
        "open": open_gate,
        # What the MACs of a gated network would also buy.
        "ungated": [converged(size, arm, seed=seed) for seed in seeds for arm in UNGATED],
        "test_time": [run for skip in SKIPS for run in ranked(size, primary, skip=skip)],
        "trained": [converged(size, arm, seed=seed) for seed in seeds for arm in deciding_gates(size)],
        "kinds": [
            converged(size, arm, seed=seed)
            for seed in seeds
            for arm in trained_gates(size)
            if arm not in deciding_gates(size)
        ],
        "small": [
            converged(size, arm, seed=seed)
            for seed in range(size.small_core_seeds)
            for arm in [*small_core_gates(size, ("detail",)), widened(inertial(3, 2))]
        ],
        # Measured on the mean of the channels, friction takes next to nothing; the random gate is that of "small".
        "small_before": small_core_trainings(size, replace(by_mean, gate="rate")),
        # Each image its own quarter, which is what gating after training gained from at low rates.
        "small_image": small_core_trainings(size, replace(by_mean, gate="image")),
        # From nearly strict to nearly random in training, by friction in evaluation.  Planned after a pilot on the
        # hold-out, seed 0, had shown that it may help.
        "small_sampled": [
            converged(size, replace(by_mean, gate="sampled", temperature=value), seed=seed)
            for seed in seeds
            for value in size.draw_temperatures
        ],
        # Without a gate, the same MACs.
        "small_narrow": small_core_trainings(size, FEWER_CHANNELS),
        "fine_tuned": [FineTuneRun(parent, arm) for parent in open_gate for arm in tuned_gates(size)],
        "unpooled": [
            converged(size, arm, seed=seed, pool=False)
            for seed in seeds
            for arm in small_core_gates(size, size.unpooled_skips)
        ],
        # Planned when two seeds of the gates had been seen.
        "unpooled_narrow": [converged(size, FEWER_UNPOOLED, seed=seed, pool=False) for seed in seeds],
        "mending": [converged(size, arm, seed=seed) for seed in seeds for arm in mended_gates(size)],
    }


@planned("06_reapplication")
def reapplication(size: Profile) -> Plan:
    """Every re-application and merge with the gate open and, afterwards, at one half; the literal form, trained so."""
    seeds = range(size.grid_seeds)
    opened = [converged(size, arm, seed=seed) for seed in seeds for arm in reapplications(size)]
    half = {"rates": (0.5, 1.0)}
    return {
        "open": opened,
        "half": [
            gated(size, parent, name, merge=merge, **half)
            for parent in opened
            for merge in (("", "replace") if parent.arm.merge == "matched" else ("",))
            for name in ("range", "random")
        ],
        **{
            group: [converged(size, arm, seed=seed) for seed in seeds for arm in (*_gates_beside(form), NEVER_STACKED)]
            for group, form in {"literal": LITERAL, "literal_detail": DETAIL_STACKED}.items()
        },
        "controls": [converged(size, arm, seed=seed) for seed in seeds for arm in (dense(5), dense(3), dense(1))],
    }


def _gates_beside(arm: Arm) -> tuple[Arm, ...]:
    """An arm with its gate open, as it is, and with a random gate."""
    return replace(arm, gate="always"), arm, replace(arm, friction="random")


@planned("07_mnist_lenet")
def mnist_lenet(size: Profile) -> Plan:
    """LeNet by the original recipe: the mandatory arms, the earlier published form, and equal spatial sizes."""
    slide = inertial(3, 2)
    groups = {
        "lenet": [dense(3), dense(1), slide, EARLIER_FORM],
        "gates": [inertial(3, 2, gate="rate", rate=0.25, friction=friction) for friction in ("range", "random")],
        "gates_before": [inertial(3, 2, gate="rate", rate=0.25, reduction="before")],
        # What as many MACs buy without a periphery.
        "equal_macs": [of_equal_macs(slide, "lenet") for of_equal_macs in (widened, narrowed, separated)],
    }
    seeds = range(size.lenet_seeds)
    return {
        **{name: [lenet(size, arm, seed=seed) for seed in seeds for arm in arms] for name, arms in groups.items()},
        "padded": [lenet(size, arm, seed=seed, padded=True) for seed in seeds for arm in (dense(3), dense(1), slide)],
    }


#: Notebook → the groups of its plan that the report shows, where that notebook is there.
REPORTED = {
    "03_window_and_margin": (
        "primary",
        "predictions",
        "rivals",
        "small_cores",
        "cheapest",
        "slimmer",
        "strided",
        "grid",
        "controls",
        "widened",
    ),
    "04_friction": ("gated", "by_range", "small", "small_before"),
    "05_gate": ("test_time", "trained", "small", "small_before", "small_narrow"),
    "06_reapplication": ("literal", "literal_detail", "open"),
    "07_mnist_lenet": ("lenet", "gates"),
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


#: Networks without a gate that take fewer MACs than (5, 2) does when gated.
UNGATED = (inertial(3, 1), *PRIMARY[1:], STRIDED)

#: τ of the gate with a fixed threshold, in units of normalised pixels: a third of the spread between black and white.
FIXED_THRESHOLD = 1.0

#: Peak learning rate of networks that end in global average pooling: of those tried, the best for dense 3×3 on the
#: hold-out.  The recipe's own was chosen for the head that is fully connected.
POOLED_RATE = 3.2e-2


def grid(windows: tuple[int, ...], most_cores: int) -> list[Arm]:
    """All (d, k) of these windows with one core, and with more where the core is 1×1 or 2×2."""
    return [
        inertial(d, k, cores=cores)
        for d in windows
        for k in range(1, d)
        for cores in range(1, (most_cores if d - k <= 2 else 1) + 1)
    ]


def ranking_measures() -> list[str]:
    """The measures that can order positions differently; ``squared_sum`` orders them as ``squared`` does."""
    return [name for name in MEASURES if name != "squared_sum"]


def trained_gates(size: Profile) -> list[Arm]:
    """(5, 2) with gates that are closed in training: every kind with friction, and the controls."""
    arms = [inertial(5, 2, gate="threshold", threshold=FIXED_THRESHOLD)]
    for skip in SKIPS:
        arms.append(inertial(5, 2, gate="never", skip=skip))
        for rate in size.trained_rates:
            kinds = {"rate": ("range", "random"), "anneal": ("range",), "learned": ("range",)}
            arms += [
                inertial(5, 2, gate=kind, rate=rate, friction=name, skip=skip)
                for kind, names in kinds.items()
                for name in names
            ]
    return arms


def deciding_gates(size: Profile) -> list[Arm]:
    """The plainest of the trained gates at the lowest rate: friction against a random gate and one that never opens."""
    lowest = min(size.trained_rates)
    return [arm for arm in trained_gates(size) if arm.gate == "never" or (arm.gate, arm.rate) == ("rate", lowest)]


def small_core_gates(size: Profile, skips: Iterable[str]) -> list[Arm]:
    """(3, 2), whose core lacks what only its periphery can add: open, its core alone, and the deciding gates."""
    gates = [replace(gate, kernel_size=3) for gate in deciding_gates(size) if gate.skip in skips]
    return [inertial(3, 2), dense(1), *gates]


def small_core_trainings(size: Profile, arm: Arm) -> list[Run]:
    """One arm with as many seeds as (3, 2) with a gate and the cheapest form have."""
    return [converged(size, arm, seed=seed) for seed in range(size.small_core_seeds)]


def tuned_gates(size: Profile) -> list[Arm]:
    """The gates that a network trained with open ones is fine-tuned to, and those that never and always open."""
    tuned = [arm for arm in trained_gates(size) if arm.gate in ("rate", "never")]
    return [*tuned, inertial(5, 2)]


def mended_gates(size: Profile) -> list[Arm]:
    """(5, 2) at the lowest rate, trained in the ways that might cost less than a constant rate in both layers does."""
    lowest = inertial(5, 2, rate=min(size.trained_rates))
    arms = [replace(lowest, gate=kind, friction=name) for kind in ("cell", "image") for name in ("range", "random")]
    for skip in SKIPS:
        arms += [replace(lowest, gate="learned", skip=skip, temperature=value) for value in size.temperatures]
    core = replace(lowest, skip="core", open_first=True)
    arms += [replace(core, gate=kind, friction=name) for kind in ("rate", "anneal") for name in ("range", "random")]
    return [*arms, replace(core, gate="never")]


def reapplications(size: Profile) -> list[Arm]:
    """Every re-application with the profile's merges, where the window allows it."""
    return [
        inertial(d, k, reapply=name, merge=merge)
        for d, k in ((5, 2), (3, 2))
        for name in REAPPLICATIONS
        for merge in size.merges
        if name != "dilate" or d - k > 1
    ]


def gated(size: Profile, parent: TrainRun, friction: str, **options: Any) -> GateRun:
    """A trained network gated by one measure at the profile's rates."""
    options = {"rates": size.gate_rates, "test_images": size.gate_test_images, **options}
    return GateRun(parent, friction, **options)


def ranked(size: Profile, parents: list[TrainRun], **options: Any) -> list[GateRun]:
    """Networks gated by range and at random, and the first of them by the oracle.

    The oracle computes every detail that it then skips, which is dear, and no claim is decided by it.
    """
    chosen = {"range": parents, "random": parents, "oracle": parents[: size.grid_seeds]}
    return [gated(size, parent, name, **options) for name, those in chosen.items() for parent in those]


def converged(size: Profile, arm: Arm, **options: Any) -> TrainRun:
    """A FashionNet by the converged recipe."""
    return TrainRun(arm, epochs=size.epochs, images=size.images, test_images=size.test_images, **options)


def original(size: Profile, arms: list[Arm]) -> list[Run]:
    """FashionNets by the original recipe, with the original study's seed, which is 1, and those that follow it."""
    options = {"epochs": size.original_epochs, "images": size.images, "test_images": size.test_images}
    seeds = range(1, 1 + size.original_seeds)
    return [TrainRun(arm, recipe="original", seed=seed, **options) for seed in seeds for arm in arms]


def lenet(size: Profile, arm: Arm, **options: Any) -> TrainRun:
    """A LeNet by its original recipe."""
    sizes = {"epochs": size.lenet_epochs, "images": size.images, "test_images": size.test_images}
    return TrainRun(arm, "lenet", mnist_name(size.name), "original", **sizes, **options)


def tuning(size: Profile, arm: Arm, **options: Any) -> TrainRun:
    """A training, a short one unless ``epochs`` says otherwise, whose accuracy is that on the hold-out."""
    return TrainRun(arm, images=size.images, tuning=True, **{"epochs": size.tuning_epochs, **options})
