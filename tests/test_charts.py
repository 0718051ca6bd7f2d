"""Charts that several notebooks draw: every run is on them, at the place that its numbers say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from inertia_utils import charts, figures
from inertia_utils.form_tables import Form
from inertia_utils.stats import interval


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def runs():
    """Two seeds of a dense and of a cheaper inertial arm, and an arm that is dearer and worse."""
    arms = [("dense 3×3", 100, 0.93), ("inertial (3, 2)", 20, 0.92), ("dense 5×5", 300, 0.91)]
    return pd.DataFrame(
        [
            {"arm": arm, "seed": seed, "conv_weights": cost, "conv_macs": 10 * cost, "accuracy": accuracy + 0.01 * seed}
            for arm, cost, accuracy in arms
            for seed in (0, 1)
        ]
    )


def points(axes):
    """All scattered points of an axes."""
    scattered = [marks for marks in axes.collections if isinstance(marks, PathCollection)]
    return sorted(tuple(map(float, row)) for marks in scattered for row in marks.get_offsets())


def ends(axes):
    """Low and high ends of all error bars of an axes."""
    bars = [bar for bars in axes.containers for bar in bars.lines[2]]
    return [bar.get_segments()[0].tolist() for bar in bars]


def test_every_run_and_every_mean_is_drawn_against_both_costs():
    table = runs()
    means = table.groupby("arm")[["conv_weights", "conv_macs", "accuracy"]].mean()
    figure = charts.accuracy_against_costs(table, "dense 3×3")
    for axes, cost in zip(figure.axes, charts.COSTS, strict=True):
        expected = pd.concat([table, means])
        assert np.allclose(points(axes), sorted(zip(expected[cost], 100 * expected["accuracy"], strict=True)))
        (frontier,) = [line for line in axes.lines if line.get_label() == "frontier"]
        (reference,) = [line for line in axes.lines if line.get_label() == "mean of dense 3×3"]
        assert frontier.get_xdata().tolist() == means[cost][["inertial (3, 2)", "dense 3×3"]].tolist()
        assert np.allclose(reference.get_ydata(), 93.5)


def test_costs_of_ones_own_have_a_panel_each():
    table = runs().assign(ms=lambda rows: rows["arm"].map({"dense 3×3": 20.0}).fillna(10.0))
    (*_, own) = charts.accuracy_against_costs(table, "dense 3×3", costs={**charts.COSTS, "ms": "time"}).axes
    assert own.get_xlabel() == "time" and {x for x, _ in points(own)} == {10, 20}


def test_one_cost_has_one_panel():
    (axes,) = charts.accuracy_against_costs(runs(), "dense 3×3", costs={"conv_macs": "MACs"}).axes
    assert axes.get_xlabel() == "MACs" and {x for x, _ in points(axes)} == {200, 1000, 3000}


def test_intervals_are_drawn_from_three_seeds_on():
    table = runs()
    third = table[(table["arm"] == "inertial (3, 2)") & (table["seed"] == 0)].assign(seed=2, accuracy=0.95)
    expected = interval([92, 93, 95])
    for axes in charts.accuracy_against_costs(pd.concat([table, third]), "dense 3×3").axes:
        ((low, high),) = ends(axes)
        assert low[0] == high[0] and (low[1], high[1]) == pytest.approx((expected.low, expected.high))


def test_a_reference_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"reference: .* got 'dense 9×9'; it has dense 3×3, inertial \(3, 2\)"):
        charts.accuracy_against_costs(runs(), "dense 9×9")
    with pytest.raises(ValueError, match=r"reference: .* got 'dense 9×9'; it has dense 3×3, "):
        charts.accuracy_by_macs(runs(), "dense 9×9")


def test_the_map_writes_differences_core_and_seeds_into_cells_that_have_one():
    cells = [(3, 1, 0, 0.90), (3, 1, 1, 0.92), (3, 1, 2, 0.94), (3, 2, 0, 0.80), (5, 4, 0, 0.85), (7, 1, 9, 0.99)]
    rows = [(f"inertial ({d}, {k})", d, k, seed, accuracy) for d, k, seed, accuracy in cells]
    rows += [("dense 3×3", 3, 0, seed, 0.91) for seed in range(3)] + [("dense 5×5", 5, 0, 0, 0.86)]
    rows.append(("inertial (3, 1), merge stack", 3, 1, 0, 0.5))
    axes = charts.window_margin_map(
        pd.DataFrame(rows, columns=["arm", "kernel_size", "margin", "seed", "accuracy"])
    ).axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {
        (0, 0): "+1.00 ± 4.97\ncore 2×2, n=3",
        (1, 0): "-11.00\ncore 1×1, n=1",
        (2, 1): "-6.00\nown -1.00\ncore 1×1, n=1",
    }
    assert sorted(patch.get_xy() for patch in axes.patches) == [(0.5, -0.5), (1.5, 0.5)]
    assert axes.images[0].get_array().mask.sum() == 3
    assert axes.images[0].get_clim() == pytest.approx((-11, 11))


def test_arms_stand_in_rows_by_their_macs_with_their_costs_beside_them():
    table = runs()
    table.loc[table["arm"] == "dense 5×5", "conv_weights"] = None
    axes = charts.accuracy_by_macs(table, "dense 3×3").axes[0]
    (beside,) = axes.child_axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dense 5×5", "dense 3×3", "inertial (3, 2)"]
    assert [label.get_text().split() for label in beside.get_yticklabels()] == [
        ["convolution", "weights", "convolution", "MACs"],
        ["–", "3.0k"],
        ["100.0", "1.0k"],
        ["20.0", "200.0"],
    ]
    places = dict(zip(("dense 5×5", "dense 3×3", "inertial (3, 2)"), axes.get_yticks(), strict=True))
    expected = [(100 * accuracy, places[arm]) for arm, accuracy in zip(table["arm"], table["accuracy"], strict=True)]
    assert np.allclose(points(axes), sorted(expected))
    (reference,) = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert reference.get_xdata() == pytest.approx([93.5, 93.5])


def test_arms_of_about_as_many_macs_stand_together():
    table = runs().assign(conv_macs=[110, 110, 100, 100, 90, 90])
    top, middle, bottom = sorted(charts.accuracy_by_macs(table, "dense 3×3").axes[0].get_yticks(), reverse=True)
    assert top - middle == pytest.approx(1) and middle - bottom == pytest.approx(1.6)


def test_a_gate_curve_runs_through_the_means_of_the_seeds():
    rows = [(0.5, 0.48, 0.80), (0.5, 0.52, 0.82), (1.0, 1.0, 0.90)]
    _, axes = plt.subplots()
    charts.gate_curve(axes, pd.DataFrame(rows, columns=["rate", "open_fraction", "accuracy"]), "range")
    assert np.allclose(axes.lines[0].get_xydata(), [(50, 81), (100, 90)])
    assert np.allclose(points(axes), [(48, 80), (52, 82), (100, 90)])


def test_a_gate_curve_lies_in_the_band_of_its_intervals():
    rows = [(0.5, 0.5, 0.80), (0.5, 0.5, 0.82), (0.5, 0.5, 0.87), (1.0, 1.0, 0.90), (1.0, 1.0, 0.92)]
    _, axes = plt.subplots()
    charts.gate_curve(axes, pd.DataFrame(rows, columns=["rate", "open_fraction", "accuracy"]), "range")
    (band,) = [marks for marks in axes.collections if not isinstance(marks, PathCollection)]
    corners = {tuple(corner) for path in band.get_paths() for corner in path.vertices.round(6).tolist()}
    of_three = interval([80, 82, 87])
    assert corners == {(50.0, round(of_three.low, 6)), (50.0, round(of_three.high, 6)), (100.0, 91.0)}


def test_differences_are_drawn_seed_by_seed_from_the_top():
    pairs = [("inertial (3, 2)", "dense 3×3"), ("dense 5×5", "dense 3×3"), ("dense 5×5", "not there")]
    table = runs()
    table.loc[(table["arm"] == "dense 5×5") & (table["seed"] == 1), "accuracy"] += 0.01
    axes = charts.paired_differences(table, pairs).axes[0]
    seeds, others = [marks.get_offsets().tolist() for marks in axes.collections if len(marks.get_offsets()) == 2]
    assert np.allclose(seeds, [(-1, -1), (-1, -1)]) and np.allclose(others, [(-2, -3.4), (-1, -3.4)])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["inertial (3, 2) minus", "dense 3×3", "dense 5×5 minus", "dense 3×3"]


def test_a_legend_of_long_names_stays_inside_the_figure():
    long = ("dense 3×3, 15 and 30 channels", "inertial (3, 2), cores 2", "dense 3×3, 7 channels", "separable 3×3")
    others = [runs().replace({"arm": {"dense 5×5": name}}) for name in long]
    figure = charts.accuracy_against_costs(pd.concat(others, ignore_index=True), "dense 3×3")
    figures.use_style()
    figure.set_layout_engine("constrained")
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_kinds_of_gates_are_drawn_seed_by_seed_beside_the_open_network():
    columns = ["skip", "gate", "rate", "friction", "accuracy"]
    rows = [("core", "rate", 0.25, name, value) for name in ("range", "random") for value in (0.90, 0.92, 0.94)]
    rows += [("core", "never", float("nan"), "", 0.8), ("detail", "rate", 0.5, "range", 0.85)]
    figure = charts.gate_kinds(pd.DataFrame(rows, columns=columns), 0.95)
    core, detail = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ['skip="core"', 'skip="detail"']
    kinds = [[label.get_text() for label in axes.get_yticklabels()] for axes in (core, detail)]
    assert kinds == [["rate, 25%", "never"], ["rate, 50%"]]
    assert points(core) == [(80, 1)] + [(value, place) for value in (90, 92, 94) for place in (-0.15, 0.15)]
    assert points(detail) == [(85, 0.15)]
    assert [line.get_xdata()[0] for line in detail.lines if len(set(line.get_xdata())) == 1][-1] == 95


def test_networks_that_see_no_neighbours_are_named_and_left_out():
    table = runs().assign(kernel_size=lambda rows: rows["arm"].map({"dense 5×5": 1}).fillna(3))
    kept, sentence = charts.with_neighbours(table)
    assert kept["arm"].unique().tolist() == ["dense 3×3", "inertial (3, 2)"]
    assert sentence == "Not drawn, since a 1×1 kernel sees no neighbours: dense 5×5 (91.5%)."
    assert charts.with_neighbours(kept)[1] == ""


def test_time_stands_beside_macs_with_gated_layers_hollow():
    arms = {
        "dense 5×5": (8.0, 40.0, None),
        "slide (5, 2)": (4.0, 20.0, None),
        "dilate (5, 2), 30% real": (3.0, 30.0, 0.3),
    }
    rows = pd.DataFrame(
        [
            {"arm": arm, "form": arm.split(" (")[0].split(" 5")[0], "batch": 64, "macs": macs, "open_fraction": opened}
            | {"ms": ms, "low": ms - 1, "high": ms + 2}
            for arm, (macs, ms, opened) in arms.items()
        ]
    )
    figure = charts.time_against_macs(rows, "dense 5×5")
    (axes,) = figure.axes
    (pace,) = [line for line in axes.lines if line.get_label() == "pace of dense 5×5"]
    assert [float(value) for value in pace.get_ydata()] == [15.0, 40.0]
    hollow = {bars.get_label(): bars[0].get_markerfacecolor() == "none" for bars in axes.containers}
    assert hollow == {"dense": False, "slide": False, "dilate, gated": True}
    beside = {text.get_text(): list(text.xy) for text in axes.texts}
    assert beside == {"5×5": [8.0, 40.0], "": [4.0, 20.0], "30%": [3.0, 30.0]}
    with pytest.raises(ValueError, match=r"reference: expected an arm of the rows, got 'dense 7×7'; they are dense"):
        charts.time_against_macs(rows, "dense 7×7")


def test_ways_to_choose_are_drawn_seed_by_seed_beside_networks_without_a_gate():
    def rows(accuracy, friction="range"):
        return pd.DataFrame([{"friction": friction, "accuracy": accuracy, "loss": 1 - accuracy}] * 2)

    ways = {"image": rows(0.9), "chance": rows(0.8, "random")}
    figure = charts.accuracy_and_loss(ways, {"all open": rows(0.95), "fewer": rows(0.85)})
    for axes, heights, lines in zip(figure.axes, ((90, 80), (0.1, 0.2)), ((95, 85), (0.05, 0.15)), strict=True):
        assert np.allclose(points(axes), sorted((place - 0.15, y) for place, y in enumerate(heights) for _ in range(2)))
        marked = [line for line in axes.lines if line.get_label() in ("all open, no gate", "fewer, no gate")]
        assert np.allclose([line.get_ydata()[0] for line in marked], lines)
        assert [label.get_text() for label in axes.get_xticklabels()] == ["image", "chance"]
    assert len({line.get_linestyle() for line in marked}) == 2


def forms(window, accuracies):
    """Rows of forms of one window: (re-application, merge) → accuracies, one per seed."""
    kernel_size, margin = window
    return [
        {
            "kernel_size": kernel_size,
            "margin": margin,
            "reapply": reapply,
            "merge": merge,
            "seed": seed,
            "accuracy": one,
        }
        for (reapply, merge), values in accuracies.items()
        for seed, one in enumerate(values)
    ]


def test_forms_stand_by_rule_and_merge_beside_the_dense_networks_of_window_and_core():
    wide = {("slide", "matched"): (0.9, 0.92, 0.94), ("slide", "stack"): (0.8,), ("dilate", "matched"): (0.7,)}
    opened = pd.DataFrame(forms((5, 2), wide) + forms((3, 2), {("resize", "add"): (0.6,)}))
    controls = pd.DataFrame(
        [{"arm": f"dense {d}×{d}", "seed": 0, "accuracy": value} for d, value in ((5, 0.95), (3, 0.93), (1, 0.5))]
    )
    figure = charts.accuracy_by_form(opened, controls)
    left, right = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["(d, k) = (5, 2)", "(d, k) = (3, 2)"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["slide", "dilate"]
    expected = [(-0.2, 90), (-0.2, 92), (-0.2, 94), (0.2, 80), (0.8, 70)]
    assert np.allclose(points(left), expected) and np.allclose(points(right), [(0, 60)])
    ((low, high),) = ends(left)
    assert [low[1], high[1]] == pytest.approx([interval([90, 92, 94]).low, interval([90, 92, 94]).high])
    lines = {line.get_label(): line for axes in (left, right) for line in axes.lines if "dense" in line.get_label()}
    assert {name: line.get_ydata()[0] for name, line in lines.items()} == pytest.approx(
        {"dense 5×5": 95, "dense 3×3": 93, "dense 1×1": 50}
    )
    assert len({line.get_linestyle() for line in lines.values()}) == 3
    shared = [line.get_linestyle() for axes in (left, right) for line in axes.lines if line.get_label() == "dense 3×3"]
    assert shared[0] == shared[1]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "matched",
        "stack",
        *list(lines)[:2],
        "add",
        "dense 1×1",
    ]


def test_what_forms_lose_is_ordered_by_the_first_measure_and_a_measure_may_lack_some():
    first, second, narrow = Form(5, 2, "slide", "add"), Form(5, 2, "dilate", "add"), Form(3, 2, "slide", "add")
    changes = {"range": {first: [-2.0, -3.0], second: [-5.0], narrow: [-1.0]}, "random": {second: [-9.0, -8.0]}}
    figure = charts.change_by_form(changes)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["dilate, add", "slide, add"]
    assert points(left) == [(-9, -0.15), (-8, -0.15), (-5, 0.15), (-3, 1.15), (-2, 1.15)]
    assert points(right) == [(-1, 0.15)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["range", "random"]


def test_times_of_a_gate_leave_out_where_all_or_nothing_is_open():
    curve = pd.DataFrame({"fraction": [0.0, 0.2, 0.8, 1.0], "chosen": [1, 2, 8, 9], "everywhere": [5, 6, 7, 5]})
    axes = plt.figure().subplots()
    charts.gate_times(axes, curve, "dilate", 4.0)
    drawn = {line.get_label(): [list(line.get_xdata()), list(line.get_ydata())] for line in axes.lines}
    assert drawn == {
        "dilate, no gate": [[0, 1], [4, 4]],
        "dilate, open only": [[0.2, 0.8], [2, 8]],
        "dilate, all": [[0.2, 0.8], [6, 7]],
    }
    assert len({line.get_color() for line in axes.lines}) == 1


def test_break_even_fractions_are_written_where_they_were_measured():
    columns = ["form", "channels", "size", "batch", "break_even"]
    rows = [("resize", 64, 28, 8, 0.5), ("dilate", 64, 28, 8, 0.75), ("resize", 16, 28, 1, 0.0)]
    points = pd.DataFrame([row for row in rows for _ in range(2)], columns=columns)
    axes = plt.figure().subplots()
    charts.break_even_map(axes, points)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["resize", "dilate"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["16 ch, 28², 1", "64 ch, 28², 8"]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "0.00", (0, 1): "0.50", (1, 1): "0.75"}


def test_open_fractions_are_drawn_by_epoch_a_panel_for_each_layer():
    rows = [
        {"arm": f"inertial (5, 2), gate {gate}", "epoch": epoch, "open_fraction/conv1": value, "open_fraction/conv2": 1}
        for gate, values in {"rate 0.25": (0.2, 0.3), "learned 0.25": (0.5, 0.4), "rate 0.5": (0.5, 0.5)}.items()
        for epoch, value in enumerate(values, start=1)
    ]
    arms = ["inertial (5, 2), gate learned 0.25", "inertial (5, 2), gate rate 0.25"]
    figure = charts.open_fractions(pd.DataFrame(rows), arms, ("conv1", "conv2"))
    first, second = [{line.get_label(): list(line.get_ydata()) for line in axes.lines} for axes in figure.axes]
    assert first == {"learned 0.25": [50, 40], "rate 0.25": [20, 30]}
    assert second == {"learned 0.25": [100, 100], "rate 0.25": [100, 100]}


def test_rank_correlations_stand_by_measure_with_their_seeds():
    columns = ["friction", "conv1", "conv2"]
    rows = [("oracle", 1.0, 1.0), ("range", 0.5, 0.6), ("range", 0.7, 0.2), ("random", -0.3, 0.0)]
    (axes,) = charts.rank_correlations(pd.DataFrame(rows, columns=columns), ("conv1", "conv2")).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["random", "range", "oracle"]
    above = [(1, 2.12), (0.5, 1.12), (0.7, 1.12), (-0.3, 0.12), (1, 2.12), (0.6, 1.12), (-0.3, 0.12)]
    below = [(1, 1.88), (0.6, 0.88), (0.2, 0.88), (0, -0.12), (1, 1.88), (0.4, 0.88), (0, -0.12)]
    assert np.allclose(points(axes), sorted(above + below))
    assert axes.get_xlim()[0] == pytest.approx(-0.35)
