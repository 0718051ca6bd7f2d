"""What is claimed of the inertial convolution, by the original text and by this study, as comparisons between arms."""

from __future__ import annotations

from dataclasses import replace

from .arms import Arm, dense, inertial, separable
from .claims import OURS, Claim, Side
from .compared import FEWER_CHANNELS, LITERAL, STACKED
from .layer import SKIPS
from .models import narrowed, separated, widened

FASHION, MNIST = "{dataset}, gate open", "{dataset}, LeNet"
#: Ends the condition of a claim that joined the others when its first results had been seen.
AFTER_A_LOOK = ", planned after a look"


def original_claims() -> list[Claim]:
    """All claims, in the order of the summary table."""
    return [*_same_accuracy(), *_periphery(), *_skipping(), *_counts()]


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
    small = inertial(3, 2)
    adds = "The periphery adds what the core alone lacks"
    better_spent = "MACs are better spent on the periphery than on channels"
    pairs = [
        (adds, small, dense(1)),
        (adds, replace(LITERAL, gate="always"), replace(LITERAL, gate="never")),
        (better_spent, small, widened(small)),
        (better_spent, small, narrowed(small)),
        (better_spent, STACKED, narrowed(STACKED)),
        *(
            ("Core, then periphery, beats depthwise, then pointwise", arm, rival)
            for arm in (small, STACKED)
            for rival in (separable(3, dense_first=True), separated(arm))
        ),
    ]
    return [
        Claim(statement, FASHION, Side(arm.name), Side(rival.name), "beats", source=OURS)
        for statement, arm, rival in pairs
    ]


def _skipping() -> list[Claim]:
    large, small = inertial(5, 2), inertial(3, 2)
    # What is gated after training: the detail of both windows, and the core where it is large enough to be dear.
    details, core = [(large.name, "detail"), (small.name, "detail")], (large.name, "core")

    def after(gated: tuple[str, str], friction: str, rate: float) -> Side:
        name, skip = gated
        return Side(name, friction=friction, rate=rate, skip=skip)

    condition, trained = "{dataset}, gated after training", "{dataset}, trained with the gate"
    skipped = "Where friction is low, the detailed pass can be skipped"
    kept = "Inertia: where friction is low, the core itself can be skipped"
    knows = "Friction knows where to skip"
    return [
        *(Claim(skipped, condition, after(detail, "range", 0.5), after(detail, "range", 1.0)) for detail in details),
        Claim(skipped, trained, _quarter_open(large), Side(large.name)),
        # The core of (3, 2) cannot do the task alone, as that of (5, 2) can.
        Claim(skipped, trained, _quarter_open(small), Side(small.name)),
        Claim(kept, condition, after(core, "range", 0.5), after(core, "range", 1.0), source=OURS),
        Claim(kept, trained, _quarter_open(large, skip="core"), Side(large.name), source=OURS),
        # The core of (3, 1) takes fewer MACs than (5, 2) does with a quarter of its blocks open.
        Claim(
            "A gate saves MACs better than a smaller core does",
            trained,
            _quarter_open(large, skip="core"),
            Side(inertial(3, 1).name),
            "beats",
            source=OURS,
        ),
        Claim(
            "A gate saves MACs better than fewer channels do",
            trained,
            _quarter_open(small, reduction="before"),
            Side(FEWER_CHANNELS.name),
            "beats",
            source=OURS,
        ),
        *(
            Claim(
                "Core kept, re-applied core stacked where friction is high",
                f"{trained}, δ in place of T",
                Side(LITERAL.name),
                Side(control.name),
            )
            for control in (dense(5), dense(3))
        ),
        *(
            Claim(
                knows,
                condition,
                after(kind, "range", 0.5),
                after(kind, "random", 0.5),
                "beats",
                equal_rates=True,
                source=OURS,
            )
            for kind in (*details, core)
        ),
        *(
            Claim(knows, when, arm, control, "beats", equal_rates=True, source=OURS)
            for when, arm, control in [
                *(
                    (trained, _quarter_open(large, skip=skip), _quarter_open(large, skip=skip, friction="random"))
                    for skip in SKIPS
                ),
                (trained, _quarter_open(small), _quarter_open(small, friction="random")),
                (
                    f"{trained}{AFTER_A_LOOK}",
                    _quarter_open(small, reduction="before"),
                    _quarter_open(small, friction="random"),
                ),
                (trained, Side(LITERAL.name), Side(replace(LITERAL, friction="random").name)),
            ]
        ),
        Claim(
            knows,
            f"{MNIST}, trained with the gate",
            _quarter_open(small, "lenet"),
            _quarter_open(small, "lenet", friction="random"),
            "beats",
            equal_rates=True,
            source=OURS,
        ),
        *(
            Claim(
                "Friction is worth the MACs that measuring it takes",
                condition if measured.reduction == Side.reduction else f"{condition}{AFTER_A_LOOK}",
                measured,
                replace(measured, friction="random", reduction=Side.reduction, macs_of=measured),
                "beats",
                source=OURS,
            )
            for measured in (
                *(after(kind, "range", 0.5) for kind in (*details, core)),
                replace(after(details[1], "range", 0.5), reduction="before"),
            )
        ),
    ]


def _quarter_open(arm: Arm, network: str = Side.network, **options: str) -> Side:
    """``arm`` as it is when trained with a quarter of its positions or blocks open."""
    return Side(replace(arm, gate="rate", rate=0.25, **options).name, network)


def _counts() -> list[Claim]:
    small, large = Side(inertial(3, 2).name), Side(inertial(5, 2).name)
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
