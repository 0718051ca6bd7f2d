"""What is claimed of the inertial convolution, by the original text and by this study, as comparisons between arms."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from .arms import Arm, dense, inertial, separable
from .claims import OURS, Claim, Side
from .compared import DETAIL_STACKED, FEWER_CHANNELS, LITERAL, NEVER_STACKED, STACKED
from .layer import SKIPS
from .models import narrowed, separated, widened

FASHION, MNIST = "{dataset}, gate open", "{dataset}, LeNet"
#: Ends the condition of a claim that joined the others when its first results had been seen.
AFTER_A_LOOK = ", planned after a look"
#: How a network came to its gate.
AFTER, TRAINED = "{dataset}, gated after training", "{dataset}, trained with the gate"

LARGE, SMALL = inertial(5, 2), inertial(3, 2)
#: What is gated after training: the detail of both windows, and the core where it is large enough to be dear.
DETAILS, CORE = ((LARGE.name, "detail"), (SMALL.name, "detail")), (LARGE.name, "core")

#: The original text's form, word for word and with the detail in place of the re-applied core → how claims say so.
AS_WRITTEN = {LITERAL: "", DETAIL_STACKED: ", δ in place of T"}


def original_claims() -> list[Claim]:
    """All claims, in the order of the summary table."""
    gates = (_skipping(), _saving(), _stacking(), _knowing(), _measuring())
    return [*_same_accuracy(), *_periphery(), *chain.from_iterable(gates), *_counts()]


def _same_accuracy() -> list[Claim]:
    statement = "The layer does the standard convolution’s work"
    pairs = [
        (inertial(5, 2), dense(5)),
        (inertial(5, 2), dense(3)),
        (inertial(3, 2), dense(3)),
        (STACKED, dense(3)),
    ]
    fashion = [Claim(statement, FASHION, Side(arm.name), Side(control.name)) for arm, control in pairs]
    mnist = (Side(arm.name, "lenet") for arm in (inertial(3, 2), dense(3)))
    return [*fashion, Claim(statement, f"{MNIST}, gate open", *mnist)]


def _periphery() -> list[Claim]:
    adds = "The periphery adds what the core alone lacks"
    better_spent = "MACs are better spent on the periphery than on channels"
    pairs = [
        (adds, SMALL, dense(1)),
        *((adds, replace(form, gate="always"), NEVER_STACKED) for form in AS_WRITTEN),
        (better_spent, SMALL, widened(SMALL)),
        (better_spent, SMALL, narrowed(SMALL)),
        (better_spent, STACKED, narrowed(STACKED)),
        *(
            ("Core, then periphery, beats depthwise, then pointwise", arm, rival)
            for arm in (SMALL, STACKED)
            for rival in (separable(3, dense_first=True), separated(arm))
        ),
    ]
    return [
        Claim(statement, FASHION, Side(arm.name), Side(rival.name), "beats", source=OURS)
        for statement, arm, rival in pairs
    ]


def _skipping() -> list[Claim]:
    skipped = "Where friction is low, the detailed pass can be skipped"
    kept = "Inertia: where friction is low, the core itself can be skipped"
    return [
        *(Claim(skipped, AFTER, _gated(*detail), _gated(*detail, rate=1.0)) for detail in DETAILS),
        Claim(skipped, TRAINED, _quarter_open(LARGE), Side(LARGE.name)),
        # The core of (3, 2) cannot do the task alone, as that of (5, 2) can.
        Claim(skipped, TRAINED, _quarter_open(SMALL), Side(SMALL.name)),
        Claim(kept, AFTER, _gated(*CORE), _gated(*CORE, rate=1.0), source=OURS),
        Claim(kept, TRAINED, _quarter_open(LARGE, skip="core"), Side(LARGE.name), source=OURS),
    ]


def _saving() -> list[Claim]:
    # The core of (3, 1) takes fewer MACs than (5, 2) does with a quarter of its blocks open.
    cheaper = {
        "A gate saves MACs better than a smaller core does": (_quarter_open(LARGE, skip="core"), inertial(3, 1)),
        "A gate saves MACs better than fewer channels do": (_quarter_open(SMALL, reduction="before"), FEWER_CHANNELS),
    }
    return [
        Claim(text, TRAINED, gate, Side(without.name), "beats", source=OURS)
        for text, (gate, without) in cheaper.items()
    ]


def _stacking() -> list[Claim]:
    text = "Core kept, re-applied core stacked where friction is high"
    return [
        Claim(text, f"{TRAINED}{said}", Side(form.name), Side(control.name))
        for form, said in AS_WRITTEN.items()
        for control in (dense(5), dense(3))
    ]


def _knowing() -> list[Claim]:
    small_chance = _quarter_open(SMALL, friction="random")
    pairs = [
        *((AFTER, _gated(*kind), _gated(*kind, friction="random")) for kind in (*DETAILS, CORE)),
        *(
            (TRAINED, _quarter_open(LARGE, skip=skip), _quarter_open(LARGE, skip=skip, friction="random"))
            for skip in SKIPS
        ),
        (TRAINED, _quarter_open(SMALL), small_chance),
        (f"{TRAINED}{AFTER_A_LOOK}", _quarter_open(SMALL, reduction="before"), small_chance),
        *(
            (f"{TRAINED}{said}", Side(form.name), Side(replace(form, friction="random").name))
            for form, said in AS_WRITTEN.items()
        ),
        (
            f"{MNIST}, trained with the gate",
            _quarter_open(SMALL, "lenet"),
            _quarter_open(SMALL, "lenet", friction="random"),
        ),
    ]
    return [
        Claim("Friction knows where to skip", when, gate, chance, "beats", equal_rates=True, source=OURS)
        for when, gate, chance in pairs
    ]


def _measuring() -> list[Claim]:
    every = [(AFTER, _gated(*kind)) for kind in (*DETAILS, CORE)]
    on_mean = (f"{AFTER}{AFTER_A_LOOK}", replace(_gated(*DETAILS[1]), reduction="before"))
    return [
        Claim(
            "Friction is worth the MACs that measuring it takes",
            when,
            measured,
            replace(measured, friction="random", reduction=Side.reduction, macs_of=measured),
            "beats",
            source=OURS,
        )
        for when, measured in (*every, on_mean)
    ]


def _gated(arm: str, skip: str, friction: str = "range", rate: float = 0.5) -> Side:
    """A network that was gated after training."""
    return Side(arm, friction=friction, rate=rate, skip=skip)


def _quarter_open(arm: Arm, network: str = Side.network, **options: str) -> Side:
    """``arm`` as it is when trained with a quarter of its positions or blocks open."""
    return Side(replace(arm, gate="rate", rate=0.25, **options).name, network)


def _counts() -> list[Claim]:
    small, large = Side(SMALL.name), Side(LARGE.name)
    resized = Side(inertial(5, 2, reapply="resize").name)
    weights = "(d−k)² weights in place of d²"
    return [
        Claim(weights, "{dataset}, all convolutions", small, Side(dense(3).name), "limit", "conv_weights", 1 / 9),
        Claim(weights, "{dataset}, all convolutions", large, Side(dense(5).name), "limit", "conv_weights", 9 / 25),
        Claim("At worst d² MACs", "{dataset}, slide, all open", small, Side(dense(3).name), "limit", "conv_macs"),
        Claim("At worst d² MACs", "{dataset}, slide, all open", large, Side(dense(5).name), "limit", "conv_macs"),
        Claim("At worst d² MACs", "{dataset}, resize, all open", resized, Side(dense(5).name), "limit", "conv_macs"),
        Claim(
            "At best (d−k)² MACs",
            "{dataset}, LeNet, all closed, friction counted",
            _quarter_open(inertial(3, 2), "lenet"),
            Side(dense(3).name, "lenet"),
            "limit",
            "conv_macs_best",
            1 / 9,
        ),
    ]
