"""The sentences about the outcome say what the tables say."""

import pandas as pd
import pytest

from inertia_utils.arms import dense, inertial
from inertia_utils.compared import CHEAPEST, cheapest_pairs, slimmer_pairs
from inertia_utils.in_short import in_short
from inertia_utils.models import narrowed, separated, widened

COSTS = {"share of weights": "38%", "share of MACs": "50%", "share of time": "69%"}


def decided(*rows):
    return pd.DataFrame(
        [
            {"arm": arm.name, "control": control.name, "difference (points)": "+0.30", "seeds": "10"}
            | COSTS
            | {"verdict": verdict}
            for arm, control, verdict in rows
        ]
    )


def claimed(*rows):
    table = pd.DataFrame(rows, columns=["claim", "condition", "verdict", "arm"])
    return table.assign(control="dense 3×3", margin="−0.3", **{"p (Holm)": "0.218"})


NO_CLAIMS = claimed(("The layer does the work", "mnist, gate open", "holds", "inertial (3, 2)"))


def test_kernels_speak_of_plain_dense_networks_alone():
    large, small = inertial(5, 2), inertial(3, 2)
    table = decided((large, dense(5), "superior"), (small, narrowed(small), "superior"), (small, dense(3), "inferior"))
    *lines, rivals = in_short(table, NO_CLAIMS)
    assert len(lines) == 2 and "another first layer" in rivals and not any("another" in line for line in lines)
    better = next(line for line in lines if "dense 5×5" in line)
    assert "Beside dense 5×5, inertial (5, 2) is **better**: +0.30 points over 10 seeds" in better
    assert better.endswith("38% of its convolution weights, 50% of its convolution MACs and 69% of its time.")
    assert any("Beside dense 3×3, inertial (3, 2) is **worse, by how much is open**" in line for line in lines)


def test_rivals_of_equal_macs_are_counted_by_kind():
    small = inertial(3, 2)
    table = decided(
        (small, separated(small), "inconclusive"),
        (small, narrowed(small), "superior"),
        (small, widened(small), "superior"),
    )
    table.loc[2, ["difference (points)", "share of time"]] = ["+3.40 [+3.14, +3.65]", "116%"]
    said = {line.split("**")[1]: line for line in in_short(table, NO_CLAIMS)}
    assert said["separable networks"] == (
        "At equal MACs, beside **separable networks** behind a dense first layer, of 1 comparison 1 not told apart "
        "(+0.30 points, in 69% of their time)."
    )
    assert said["dense networks"] == (
        "At equal MACs, beside **dense networks** with another first layer, of 1 comparison 1 better "
        "(+0.30 points, in 69% of their time)."
    )
    # What sees no neighbour would stretch the range of the others.
    assert said["dense 1×1 networks"] == (
        "At equal MACs, beside **dense 1×1 networks** that are widened, of 1 comparison 1 better "
        "(+3.40 points, in 116% of their time)."
    )
    untimed = in_short(table.assign(**{"share of time": ""}), NO_CLAIMS)
    assert len(untimed) == 3 and not any("time" in line for line in untimed)


def test_the_cheapest_form_stands_beside_dense_networks_and_its_rivals():
    table = decided(*((arm, rival, "inconclusive") for arm, rival in cheapest_pairs()))
    *kernels, first_layer, both_layers, separable = in_short(table, NO_CLAIMS)
    assert [line.split(":")[0] for line in kernels] == [
        f"Beside dense {size}, {CHEAPEST.name} is **not told apart**" for size in ("3×3", "1×1")
    ]
    assert all("of 1 comparison 1 not told apart" in line for line in (first_layer, both_layers, separable))
    assert "another first layer" in first_layer and "narrower layers" in both_layers and "separable" in separable


def test_a_slimmer_network_stands_beside_the_cheap_forms():
    kernel, line = in_short(decided(*((arm, slim, "inferior") for arm, slim in slimmer_pairs())), NO_CLAIMS)
    assert kernel.startswith("Beside dense 3×3, inertial (3, 1) is **worse, by how much is open**")
    assert kernel.endswith("; planned after a look, in no family.")
    assert line.startswith(
        "Beside a dense 3×3 network that is merely slimmer, 24 and 48 channels: inertial (3, 2) is **worse"
    )
    assert line.count("in 69% of its time, with 50% of its MACs") == 4


@pytest.mark.parametrize(
    ("verdict", "difference", "words"),
    [
        ("non-inferior", "+0.07 [-0.06, +0.20]", "at most 0.3 points worse, if at all"),
        ("non-inferior", "-0.16 [-0.29, -0.02]", "worse, by at most 0.3 points"),
        ("inferior", "-0.37 [-0.53, -0.21]", "worse, by how much is open"),
        ("inferior", "-0.63 [-0.91, -0.35]", "worse, by more than 0.3 points"),
    ],
)
def test_what_is_worse_is_said_to_be_so_by_its_upper_limit(verdict, difference, words):
    table = decided((inertial(3, 2), dense(3), verdict)).assign(**{"difference (points)": difference})
    assert f"is **{words}**: {difference} points" in in_short(table, NO_CLAIMS)[0]


def test_how_many_comparisons_stand_together_is_counted():
    large, small = inertial(5, 2), inertial(3, 2)
    table = decided((large, dense(3), "superior"), (large, dense(5), "superior"), (small, dense(3), "inconclusive"))
    assert not any("together" in line for line in in_short(table, NO_CLAIMS))
    table["p different, Holm"] = ["0.338", "< 0.001", "1.000"]
    assert in_short(table, NO_CLAIMS)[-1] == (
        "Of these 3 comparisons 2 tell two networks apart, each by its own interval, and 1 still does when all are "
        "adjusted together: inertial (5, 2) beside dense 5×5."
    )


def test_a_cost_that_is_not_known_is_left_out():
    table = decided((inertial(5, 2), dense(5), "inconclusive")).assign(**{"share of time": ""})
    (line,) = in_short(table, NO_CLAIMS)
    assert "**not told apart**" in line
    assert line.endswith("38% of its convolution weights and 50% of its convolution MACs.")


def test_what_a_larger_family_of_claims_leaves_open_is_said():
    large, small = inertial(5, 2), inertial(3, 2)
    claims = claimed(
        ("Same work", "fashion-mnist, gate open", "open", large.name), ("Same work", "mnist, LeNet", "open", small.name)
    )
    table = decided(*((arm, dense(3), "non-inferior") for arm in (large, small)))
    said = [line.partition("; ")[2] for line in in_short(table, claims)]
    assert said == ["", "**open** among all claims of equal accuracy (adjusted p 0.218)."]
    assert not any("among all claims" in line for line in in_short(table.assign(verdict="inferior"), claims))


@pytest.mark.parametrize(
    ("verdict", "crossed", "shown"),
    [
        ("superior", "+0.15 [+0.01, +0.30]", True),
        ("superior", "+0.15 [-0.01, +0.30]", False),
        ("non-inferior", "-0.10 [-0.29, +0.09]", True),
        ("non-inferior", "-0.16 [-0.34, +0.03]", False),
        ("inferior", "-0.40 [-0.80, +0.00]", True),
    ],
)
def test_what_the_interval_over_images_does_not_show_is_said(verdict, crossed, shown):
    table = decided((inertial(5, 2), dense(5), verdict)).assign(**{"over seeds and images": crossed})
    (line,) = in_short(table, NO_CLAIMS)
    interval = crossed.partition(" ")[2]
    assert line.endswith("% of its time." if shown else f"; **not shown for other test images** ({interval}).")


def test_rivals_that_are_claims_are_said_to_hold_or_not():
    small = inertial(3, 2)
    pairs = [(small, narrowed(small)), (CHEAPEST, narrowed(CHEAPEST))]
    table = decided(*((arm, rival, "superior") for arm, rival in pairs))
    verdicts = zip(("open", "holds"), pairs, strict=True)
    claims = claimed(*[("Spent", "fashion-mnist, gate open", verdict, arm.name) for verdict, (arm, _) in verdicts])
    claims = claims.assign(control=[rival.name for _, rival in pairs], margin="0")
    (line,) = in_short(table, claims)
    assert "of 2 comparisons 2 better" in line and line.endswith("; 1 of 2 hold as adjusted claims of being better.")


def test_claims_about_gates_are_told_case_by_case():
    after, trained = "fashion-mnist, gated after training", "fashion-mnist, trained with the gate"
    claims = claimed(
        ("Friction knows", after, "holds", "inertial (5, 2), range at 50% asked, skip core"),
        ("Friction knows", f"{trained}, planned after a look", "open", "inertial (5, 2), gate rate 0.25"),
        ("Friction knows", "mnist, LeNet, trained with the gate", "open", "inertial (5, 2), gate rate 0.25"),
        ("Skipping", after, "does not hold", "inertial (5, 2), range at 50% asked"),
        ("Skipping", after, "does not hold", "inertial (5, 2), range at 50% asked"),
        ("Closing", trained, "not yet run", "inertial (5, 2), gate never"),
        ("The layer does the work", "mnist, gate open", "holds", "inertial (3, 2)"),
    )
    gaps = ["+5.39 [+4.96, +5.83], unequal", "+0.47 [+0.04, +0.89]", "+0.70 [+0.55, +0.86]", "−4.55", "−4.12", "", ""]
    claims = claims.assign(**{"difference (points)": gaps}, control=[*"abcdefg"])
    assert in_short(decided(), claims) == [
        "“Friction knows” **holds** for (5, 2), range at 50% asked, skip core (+5.39, unequal); "
        "**is open** for (5, 2), gate rate 0.25 (+0.47, planned after a look), "
        "(5, 2), gate rate 0.25 (on mnist +0.70).",
        "“Skipping” **does not hold** for (5, 2), range at 50% asked (beside d −4.55), "
        "(5, 2), range at 50% asked (beside e −4.12).",
        "“Closing” **is not yet run** for (5, 2), gate never.",
    ]


def test_networks_without_the_large_head_are_told_by_control():
    small = inertial(3, 2)
    rivals = (dense(3), dense(1), separated(small))
    pooled = decided(*((small, rival, "") for rival in rivals))
    pooled["difference (points)"] = ["-1.10 ± 0.20 (n=3)", "+39.46 ± 1.00 (n=3)", "-0.44 (n=2)"]
    assert in_short(decided(), NO_CLAIMS, pooled) == [
        "Without the large head, in points over 2 to 3 seeds, beside dense 3×3: inertial (3, 2) -1.10 ± 0.20 "
        "(with 38% of all its weights); "
        "beside **separable networks** behind a dense first layer: inertial (3, 2) -0.44."
    ]
