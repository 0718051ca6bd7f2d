"""Figures: files, manifest, bytes that repeat, and a look that is fixed per arm."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import matplotlib.pyplot as plt
import pytest
from matplotlib import font_manager, get_data_path

from inertia_utils import figures, looks, manifest, paths
from inertia_utils.plans import PLANS, plan
from inertia_utils.profiles import PROFILES
from inertia_utils.result_file import Result
from inertia_utils.runs import run_id
from inertia_utils.train_run import TrainRun

OWN_FONTS = Path(get_data_path(), "fonts", "ttf")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INERTIA_FIGURES", str(tmp_path / "figures"))
    figures.use_style()
    yield tmp_path / "figures"
    plt.close("all")


def draw():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [1, 0], **figures.look("dense 5×5"))
    axes.set_title("δ = T − γc")
    return figure


def test_files_manifest_and_repeating_bytes(folder):
    figures.save_figure(draw(), "line", "A line.", "01_baselines")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    figures.save_figure(draw(), "line", "A line.", "01_baselines")
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}
    entry = json.loads(first["manifest.json"])["line"]
    assert entry["caption"] == "A line." and entry["notebook"] == "01_baselines"
    assert set(entry["files"]) == {"line.pdf", "line.png"} == set(first) - {"manifest.json"}


def test_a_second_figure_keeps_the_first_in_the_manifest(folder):
    for name in ("one", "two"):
        figures.save_figure(draw(), name, "A line.", "01_baselines")
    assert list(json.loads((folder / "manifest.json").read_text())) == ["one", "two"]


def test_notebooks_that_write_at_once_lose_no_entry_of_the_manifest(folder, monkeypatch):
    folder.mkdir()
    read, names = manifest.read, {f"line {number}" for number in range(8)}

    def slowly(target):
        entries = read(target)
        sleep(0.01)
        return entries

    monkeypatch.setattr(manifest, "read", slowly)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: manifest.note(folder, name, [".png"], "A line.", "01_baselines"), names))
    assert read(folder).keys() == names
    assert [path.name for path in folder.iterdir()] == [manifest.NAME]


@pytest.mark.parametrize("names", [looks.ARMS, looks.MEASURES, looks.KINDS, looks.MERGES, looks.LAYERS])
def test_listed_names_look_different_even_without_colour(names):
    assert len(set(names)) == len(names)
    assert len(names) <= 128, "more would meet the looks of names that are not listed"
    seen = [figures.look(name) for name in names]
    assert len({tuple(look.values()) for look in seen}) == len(names)
    assert len({look["marker"] for look in seen[:8]}) == len({look["color"] for look in seen[:8]}) == len(names[:8])


def test_a_symbol_is_a_look_without_its_line():
    assert looks.symbol("range") | {"linestyle": looks.look("range")["linestyle"]} == looks.look("range")
    assert "linestyle" not in looks.symbol("range")


def test_arms_of_a_kind_share_their_colour_and_differ_in_marker():
    arms = [f"dense 3×3, {width} channels" for width in range(4, 12)] + ["inertial (3, 2)", "inertial (5, 2)"]
    symbols = looks.symbols_by_kind(arms)
    assert list(symbols) == arms and len({tuple(symbol.values()) for symbol in symbols.values()}) == len(arms)
    assert all(symbol["color"] == looks.look(looks.kind(arm))["color"] for arm, symbol in symbols.items())
    with pytest.raises(ValueError, match="arms: expected at most 8 of a kind, got 9 of 'dense, equal MACs'"):
        looks.symbols_by_kind([*arms, "dense 3×3, 12 channels"])


def test_a_name_without_a_place_in_the_lists_never_takes_a_listed_look():
    taken = {tuple(figures.look(name).values()) for name in looks.ARMS}
    others = [f"stranger {number}" for number in range(300)]
    assert taken.isdisjoint(tuple(figures.look(name).values()) for name in others)
    assert figures.look("stranger 1") == figures.look("stranger 1")


#: Groups of runs that no figure draws with the looks of their arms.
TABLES = ("steps", "ungated", "mending", "small_image", "small_sampled", "literal", "literal_detail")


# The final figures are a selection of the others' and show kinds where there are too many arms.
@pytest.mark.parametrize("notebook", sorted(set(PLANS) - {"09_final_figures"}))
def test_arms_of_one_notebook_look_different(notebook):
    groups = [group for profile in PROFILES for name, group in plan(notebook, profile).items() if name not in TABLES]
    runs = [run for group in groups for run in group]
    trained = [parent for run in runs for parent in (run, *run.parents()) if isinstance(parent, TrainRun)]
    arms = {run.arm.name for run in trained}
    by_look = {}
    for arm in sorted(arms):
        look = figures.look(arm)
        by_look.setdefault((look["color"], look["marker"]), []).append(arm)  # a scatter plot has no lines
    collisions = [names for names in by_look.values() if len(names) > 1]
    assert not collisions, f"append to looks.ARMS: {collisions}"


def test_a_figure_says_which_profile_its_results_are_of(folder):
    result = Result(TrainRun(), {"accuracy": 0.5}, [], {"device": "CPU"}, profile="quick")
    figures.save_figure(draw(), "line", "A line.", "01_baselines", [result], hardware=["GPU"])
    entry = json.loads((folder / "manifest.json").read_text())["line"]
    assert entry["profile"] == ["quick"] and entry["hardware"] == ["CPU", "GPU"]
    assert entry["runs"] == [run_id(result.run)]


# what is published

MANIFEST = json.loads((paths.FIGURES / "manifest.json").read_text(encoding="utf-8"))


def test_every_published_file_has_an_entry_and_every_entry_its_files():
    there = {path.name for path in paths.FIGURES.iterdir()} - {"manifest.json"}
    there -= {f"report.{suffix}" for suffix in ("aux", "log", "out", "pdf")}  # of a compilation by hand
    listed = [file for entry in MANIFEST.values() for file in entry["files"]]
    assert len(set(listed)) == len(listed) and set(listed) == there


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_published_entry_has_a_producer_and_its_results(name):
    entry = MANIFEST[name]
    assert set(entry) == {"files", "caption", "notebook", "runs", "profile", "hardware"} and entry["caption"]
    source = (paths.NOTEBOOKS / f"{entry['notebook']}.ipynb").read_text(encoding="utf-8")
    # The three parts of the report have their names in report.py.
    assert f'\\"{name}\\"' in source or (name in ("report", "numbers", "gallery") and "write_report" in source)
    assert bool(entry["runs"]) == bool(entry["profile"])
    stores = {path.stem for profile in entry["profile"] for path in (paths.RESULTS / profile).glob("*.json")}
    assert set(entry["runs"]) <= stores


def test_published_report_uses_macros_that_are_defined():
    used = set(re.findall(r"\\(val[A-Za-z]+)", (paths.FIGURES / "report.tex").read_text(encoding="utf-8")))
    defined = set(re.findall(r"newcommand\{\\(\w+)\}", (paths.FIGURES / "numbers.tex").read_text(encoding="utf-8")))
    assert used and used == defined


def test_fonts_are_those_that_come_with_matplotlib():
    fonts = font_manager.fontManager
    elsewhere = font_manager.FontEntry(fname="/elsewhere/DejaVuSans.ttf", name="DejaVu Sans")
    remembered = list(fonts.ttflist)
    fonts.ttflist[:] = [elsewhere]  # as another installation leaves it
    try:
        for _ in range(2):
            figures.use_style()
            paths = [font.fname for font in fonts.ttflist]
            assert font_manager.findfont("DejaVu Sans:italic") == str(OWN_FONTS / "DejaVuSans-Oblique.ttf")
            assert font_manager.findfont("DejaVu Sans") == str(OWN_FONTS / "DejaVuSans.ttf")
            assert paths.count(str(OWN_FONTS / "DejaVuSans.ttf")) == 1 and paths[-1] == elsewhere.fname
    finally:
        fonts.ttflist[:] = remembered
