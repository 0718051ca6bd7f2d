"""Tables in three forms, the text of LaTeX, the manifest, and the report's generated parts."""

import io
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inertia_utils import latex, looks, manifest, report, tables


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INERTIA_FIGURES", str(tmp_path))
    return tmp_path


def example() -> pd.DataFrame:
    return pd.DataFrame(
        {"accuracy (%)": ["92.1 ± 0.2", "91.0"], "note": ["a_b & 5 % | $γ$ #1", "(d−k)²"]},
        index=pd.Index(["dense 5×5", "inertial (5, 2)"], name="arm"),
    )


def test_three_forms_hold_the_same_cells(folder):
    tables.save_table(example(), "costs", "What it costs.", "03_window_and_margin")
    read = pd.read_csv(io.StringIO((folder / "costs.csv").read_text()), dtype=str)
    pd.testing.assert_frame_equal(read, example().reset_index(), check_dtype=False)
    rows = (folder / "costs.md").read_text().splitlines()
    assert rows[0] == "| arm | accuracy (%) | note |" and rows[2] == "| dense 5×5 | 92.1 ± 0.2 | a_b & 5 % \\| $γ$ #1 |"
    text = (folder / "costs.tex").read_text()
    assert text.startswith("\\begin{tabular}{lrl}\n\\toprule\n") and text.endswith("\\bottomrule\n\\end{tabular}\n")
    assert "dense 5$\\times$5 & 92.1 $\\pm$ 0.2 & a\\_b \\& 5 \\% $|$ $\\gamma $ \\#1 \\\\" in text


def test_the_same_table_gives_the_same_bytes(folder):
    for _ in range(2):
        tables.save_table(example(), "costs", "What it costs.", "03_window_and_margin")
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert files == {path.name: path.read_bytes() for path in folder.iterdir()}
    entry = json.loads(files["manifest.json"])["costs"]
    assert entry["files"] == ["costs.tex", "costs.md", "costs.csv"] and set(entry["files"]) < set(files)
    assert entry["caption"] == "What it costs." and entry["runs"] == entry["profile"] == entry["hardware"] == []


def test_columns_that_latex_shall_break():
    text = tables.to_latex(example(), {"note": 3.5})
    assert "{lr>{\\raggedright\\arraybackslash}p{3.5cm}}" in text
    with pytest.raises(ValueError, match="widths: no column cost; there are arm, accuracy"):
        tables.to_latex(example(), {"cost": 1})


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32)))
def test_escaped_text_has_no_bare_special_character(text):
    outside = "".join(latex._MATHS.split(latex.escaped(text.replace("$", "")))[::2])
    bare = re.sub(r"\\([&%$#_{}]|text\w+\{\})", "", outside)
    assert not re.search(r"[&%#_^~{}\\]", bare)


def test_mathematics_stays_and_prices_do_not():
    assert latex.escaped("windows $d_1$ cost 5$ or 6$") == "windows $d_1$ cost 5\\$ or 6\\$"
    with pytest.raises(ValueError, match=r"no LaTeX command is known for ☃ in '5 ☃'; add it to latex\.py"):
        latex.escaped("5 ☃")


def test_every_arm_name_has_latex():
    assert all(latex.escaped(name).isascii() for name in (*looks.ARMS, *looks.MEASURES))


def test_macros_are_defined_once_each_and_named_by_letters():
    assert (
        report.macros({"Share": "5 %", "Best": "a_b"})
        == "\\newcommand{\\valBest}{a\\_b}\n\\newcommand{\\valShare}{5 \\%}\n"
    )
    with pytest.raises(ValueError, match="numbers: 'Top1' cannot name a LaTeX macro; use letters only"):
        report.macros({"Top1": "1"})


def test_gallery_shows_every_figure_and_table_of_the_manifest(folder):
    tables.save_table(example(), "03_costs", "Costs in %.", "03_window_and_margin")
    manifest.note(folder, "09_method", (".pdf", ".png"), "The method.", "09_final_figures")
    report.write_report({}, "09_final_figures")
    text = (folder / "gallery.tex").read_text()
    assert text.index("\\showfigure{09_method}") < text.index("\\showtable{03_costs}")
    assert "\\caption{Costs in \\%.}" in text and "{report}" not in text
    listed = {file for entry in manifest.read(folder).values() for file in entry["files"]}
    assert {"report.tex", "numbers.tex", "gallery.tex"} <= listed


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_report_compiles(folder):
    tables.save_table(example(), "03_costs", "Costs in %.", "03_window_and_margin")
    used = re.findall(r"\\val([A-Za-z]+)", report.TEMPLATE.read_text(encoding="utf-8"))
    report.write_report(dict.fromkeys(used, "1.5 %"), "09_final_figures")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert result.returncode == 0, result.stdout[-2000:]
