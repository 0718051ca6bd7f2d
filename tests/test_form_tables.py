"""Re-applications and merges beside the default form, their dense networks and a random gate."""

import pandas as pd
import pytest
import torch

from inertia_utils.arms import dense, inertial
from inertia_utils.form_tables import (
    Form,
    against_default,
    by_form,
    change_from_open,
    different_forms,
    gated_table,
    leads,
    macs_kept,
    open_table,
    share_of_window,
)
from inertia_utils.layer import InertialConv2d
from inertia_utils.reapply import REAPPLICATIONS

SLIDE = inertial(3, 2)
STACKED = inertial(3, 2, merge="stack")
RESIZED = inertial(5, 2, reapply="resize")
WIDE = inertial(5, 2)


def form(arm, merge=""):
    return Form(arm.kernel_size, arm.margin, arm.reapply, merge or arm.merge)


def runs(arm, *accuracies, macs, weights=100):
    """Rows as of the frame of trainings, one per seed."""
    return [
        form(arm)._asdict()
        | {"arm": arm.name, "seed": seed, "accuracy": value, "conv_weights": weights, "conv_macs": macs}
        for seed, value in enumerate(accuracies)
    ]


def gated(arm, friction, half, whole, macs=0, merge=""):
    """Rows as of the frame of gates, for half and for all positions open, one per seed."""
    return [
        form(arm, merge)._asdict()
        | {"arm": arm.name, "friction": friction, "rate": rate, "seed": seed, "accuracy": value, "conv_macs": macs}
        for rate, accuracies in ((0.5, half), (1.0, whole))
        for seed, value in enumerate(accuracies)
    ]


@pytest.fixture
def opened():
    return pd.DataFrame(
        [
            *runs(SLIDE, 0.90, 0.91, 0.92, macs=1000, weights=1234),
            *runs(STACKED, 0.89, 0.90, 0.91, macs=500),
            *runs(RESIZED, 0.93, 0.94, 0.95, macs=6000),
            *runs(WIDE, 0.92, 0.93, 0.94, macs=2000),
        ]
    )


@pytest.fixture
def controls():
    return pd.DataFrame(
        [
            *runs(dense(5), 0.92, 0.92, 0.92, macs=5000),
            *runs(dense(3), 0.93, 0.93, 0.93, macs=4000),
            *runs(dense(1), 0.80, 0.80, 0.80, macs=400),
        ]
    )


@pytest.fixture
def half():
    whole = (0.90, 0.91, 0.92)
    return pd.DataFrame(
        [
            *gated(SLIDE, "range", (0.88, 0.90, 0.89), whole, macs=900),
            *gated(SLIDE, "random", (0.85, 0.85, 0.85), whole, macs=800),
            *gated(SLIDE, "range", (0.50, 0.50, 0.50), whole, macs=900, merge="replace"),
            *gated(SLIDE, "random", (0.40, 0.40, 0.40), whole, macs=800, merge="replace"),
            *gated(RESIZED, "range", (0.90, 0.91, 0.92), whole, macs=3000),
            *gated(RESIZED, "random", (0.91, 0.92, 0.93), whole, macs=2500),
        ]
    )


def test_forms_name_their_window_default_and_row():
    resized = form(RESIZED)
    assert (resized.window, resized.row) == ("(5, 2)", ("(5, 2)", "resize", "matched"))
    assert resized.default == form(WIDE) and form(WIDE).default == form(WIDE)
    assert str(resized) == "`resize`/`matched` at (5, 2)"


def test_rows_are_grouped_by_form_in_order_of_appearance(opened):
    assert list(by_form(opened)) == [form(SLIDE), form(STACKED), form(RESIZED), form(WIDE)]
    assert by_form(opened)[form(STACKED)]["accuracy"].tolist() == [0.89, 0.90, 0.91]


def test_forms_are_held_against_the_default_of_their_window(opened):
    found = against_default(opened)
    assert list(found) == [form(STACKED), form(RESIZED)]
    assert found[form(STACKED)] == pytest.approx([-1, -1, -1])
    assert found[form(RESIZED)] == pytest.approx([1, 1, 1])


def test_open_forms_stand_beside_default_window_and_core(opened, controls):
    rows = open_table(opened, controls)
    # The best of each window first, the larger window before the smaller.
    assert rows.index.tolist() == [form(arm).row for arm in (RESIZED, WIDE, SLIDE, STACKED)]
    assert rows.index.names == ["window", "reapply", "merge"]
    assert rows.loc[form(SLIDE).row].to_dict() == {
        "accuracy (%)": "91.00 ± 2.48 (n=3)",
        "conv weights": "1,234",
        "conv MACs": "1,000",
        "MACs of dense d×d": "25%",
        "minus slide, matched": "",
        "minus dense d×d": "-2.00 ± 2.48 (n=3)",
        "minus dense core": "+11.00 ± 2.48 (n=3)",
    }
    # Its window is 5×5, and its core 3×3.
    resized = rows.loc[form(RESIZED).row]
    assert [resized[name] for name in ("MACs of dense d×d", "minus slide, matched")] == ["120%", "+1.00 ± 0.00 (n=3)"]
    assert resized["minus dense d×d"] == "+2.00 ± 2.48 (n=3)"
    assert resized["minus dense core"] == "+1.00 ± 2.48 (n=3)"


def test_macs_are_those_of_the_dense_network_of_the_window(opened, controls):
    shares = {form: share_of_window(rows, controls) for form, rows in by_form(opened).items()}
    assert shares == {form(SLIDE): 0.25, form(STACKED): 0.125, form(RESIZED): 1.2, form(WIDE): 0.4}


@pytest.mark.parametrize("reapply", sorted(REAPPLICATIONS))
def test_replace_is_a_form_of_its_own_unless_gamma_is_one(reapply):
    layer = InertialConv2d(2, 3, 5, 2, reapply=reapply)
    with torch.no_grad():
        layer.periphery.copy_(torch.linspace(0.1, 0.9, layer.periphery.numel()).reshape(layer.periphery.shape))
    same = torch.allclose(layer.gamma, torch.ones(()))
    rows = [{"reapply": reapply, "merge": merge} for merge in ("matched", "replace", "add")]
    left = different_forms(pd.DataFrame(rows))["merge"].tolist()
    assert left == (["matched", "add"] if same else ["matched", "replace", "add"])


def test_what_is_kept_is_paired_with_the_same_network_open(half):
    assert change_from_open(half, "range", 0.5)[form(SLIDE)] == pytest.approx([-2, -1, -3])
    assert change_from_open(half, "random", 0.5)[form(RESIZED)] == pytest.approx([1, 1, 1])


def test_measures_lead_at_the_same_rate(half):
    found = leads(half, "range", "random", 0.5)
    assert found[form(SLIDE)] == pytest.approx([3, 5, 4])
    assert found[form(SLIDE, "replace")] == pytest.approx([10, 10, 10])
    assert found[form(RESIZED)] == pytest.approx([-1, -1, -1])


def test_macs_are_relative_to_the_network_without_a_gate(half, opened):
    assert macs_kept(half, opened, "range", 0.5) == {
        form(SLIDE): 0.9,
        form(SLIDE, "replace"): 0.9,
        form(RESIZED): 0.5,
    }


def test_gated_forms_stand_beside_themselves_open_and_at_random(half, opened, controls):
    rows = gated_table(half, opened, controls, 0.5)
    assert rows.index.tolist() == [form(RESIZED).row, form(SLIDE).row, form(SLIDE, "replace").row]
    assert rows.loc[form(SLIDE).row].to_dict() == {
        "accuracy (%)": "89.00 ± 2.48 (n=3)",
        # 900 of the 4,000 of dense 3×3, and of the 1,000 of itself.
        "MACs of dense d×d": "22%",
        "MACs of ungated": "90%",
        "range − open": "-2.00 ± 2.48 (n=3)",
        "random − open": "-6.00 ± 2.48 (n=3)",
        "range − random": "+4.00 ± 2.48 (n=3)",
    }


def test_what_is_not_there_stays_empty(half, opened, controls):
    rows = gated_table(half[(half["friction"] == "range") & (half["rate"] < 1)], opened, controls, 0.5)
    assert (rows[["range − open", "random − open", "range − random"]] == "").all(axis=None)
    alone = open_table(opened[opened["reapply"] == "resize"], controls)
    assert alone["minus slide, matched"].tolist() == [""]
