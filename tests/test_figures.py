"""Figures: files, manifest, bytes that repeat, and a look that is fixed per arm."""

import json

import matplotlib.pyplot as plt
import pytest

from inertia_utils import figures


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
    manifest = json.loads(first["manifest.json"])
    assert manifest["line"]["caption"] == "A line." and manifest["line"]["notebook"] == "01_baselines"
    assert set(manifest["line"]["files"]) == {"line.pdf", "line.png"} == set(first) - {"manifest.json"}


def test_a_second_figure_keeps_the_first_in_the_manifest(folder):
    for name in ("one", "two"):
        figures.save_figure(draw(), name, "A line.", "01_baselines")
    assert list(json.loads((folder / "manifest.json").read_text())) == ["one", "two"]


def test_named_arms_look_different_and_always_the_same():
    looks = [tuple(figures.look(arm).values()) for arm in figures.FIXED]
    assert len(set(looks)) == len(looks)
    assert figures.look("inertial (7, 4)") == figures.look("inertial (7, 4)")
