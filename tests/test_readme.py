"""The README says what is there."""

import copy
import os
import re

import nbformat
import pandas as pd
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from inertia_utils import contents, paths
from inertia_utils.compared import LITERAL

README = (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_generated_parts_are_fresh():
    assert contents.fresh(README) == README, "run `python -m inertia_utils.contents`"


COLUMNS = ("claim", "condition", "arm")
#: What the two paragraphs of the answer lean on: beginning of a claim, of its condition, and of its arm → its verdicts.
ANSWER = {
    ("The layer does", "mnist", "inertial (3, 2)"): {"holds"},
    ("The layer does", "fashion", "inertial (3, 1)"): {"open"},
    ("MACs are better spent", "fashion", "inertial (3, 1)"): {"open"},
    ("Core, then periphery", "fashion", "inertial (3, 2)"): {"open"},
    ("Where friction is low", "fashion", "inertial"): {"does not hold"},
    ("A gate saves MACs better than fewer", "fashion", "inertial (3, 2)"): {"does not hold"},
    ("Friction knows", "fashion-mnist, gated after", "inertial (3, 2)"): {"holds"},
    ("Friction knows", "fashion-mnist, gated after", "inertial (5, 2), range at 50% asked"): {"open", "holds"},
    ("Friction knows", "fashion-mnist, gated after", "inertial (5, 2), range at 50% asked, skip core"): {"holds"},
    ("Friction knows", "fashion-mnist, trained with", "inertial"): {"open", "does not hold"},
    ("Friction knows", "mnist", "inertial (3, 2)"): {"holds"},
    # Beside dense 3×3, and beside dense 5×5.
    ("Core kept", "fashion-mnist, trained with", LITERAL.name): {"does not hold", "open"},
    ("Friction knows", "fashion-mnist, trained with", LITERAL.name): {"open"},
}


@pytest.mark.parametrize("case", ANSWER, ids=" · ".join)
def test_the_answer_agrees_with_the_published_claims(case):
    claims = pd.read_csv(paths.FIGURES / "09_claims.csv", dtype=str)
    begins = [claims[column].str.startswith(text) for column, text in zip(COLUMNS, case, strict=True)]
    verdicts = claims[begins[0] & begins[1] & begins[2]]["verdict"]
    assert set(verdicts) == ANSWER[case], "rewrite the paragraphs under “What came out” in the README"


def test_the_answer_agrees_with_the_published_comparisons():
    tables = (f"{name}.csv" for name in (contents.PRIMARY, contents.OTHERS))
    compared = pd.concat([pd.read_csv(paths.FIGURES / name, dtype=str, keep_default_na=False) for name in tables])
    rows = compared.fillna("").set_index(["arm", "control"])
    goal = rows.loc[("inertial (3, 1), merge stack", "dense 3×3")]
    assert (
        goal["verdict"] == "non-inferior"
        and "[-" in goal["difference (points)"]
        and ", -" in goal["difference (points)"]
    )
    assert float(goal["p non-inferior, Holm"]) < 0.05 and goal["changes without seed"]
    assert max(int(goal[f"share of {cost}"].rstrip("%")) for cost in ("weights", "MACs")) <= 30
    slimmer = rows.xs("dense 3×3, 24 and 48 channels", level="control")["verdict"]
    assert sorted(slimmer) == ["inferior", "inferior", "non-inferior", "superior"]
    inertial = rows.xs("dense 3×3, 24 and 48 channels", level="control")["share of time"]
    assert min(int(share.rstrip("%")) for share in inertial) > 100, "the slimmer network is not faster than all of them"
    strided = rows.loc[("dense 3×3, strided second layer", "dense 3×3")]
    assert strided["verdict"] == "non-inferior" and strided["share of weights"] == "100%"
    assert int(strided["share of MACs"].rstrip("%")) < 33
    assert "superior" not in set(rows.xs("dense 3×3, strided second layer", level="control")["verdict"])


def test_missing_marks_are_named():
    with pytest.raises(ValueError, match="expected one line <!-- badges: begin -->"):
        contents.fresh(README.replace("<!-- badges: begin -->", ""))


@pytest.mark.parametrize("path", paths.notebooks(), ids=lambda path: path.stem)
def test_every_notebook_has_the_set_up_cell(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if contents.SETUP_TAG in cell.metadata.get("tags", [])]
    assert [cell.source for cell in cells] == [contents.setup_source()], "run `python -m inertia_utils.contents`"
    assert contents.with_setup(copy.deepcopy(notebook)) == notebook


def test_set_up_cell_does_nothing_where_the_package_is():
    shell = InteractiveShell.instance()
    before = os.getcwd()
    result = shell.run_cell(contents.setup_source().replace("!git clone", "!false"))
    assert result.success and os.getcwd() == before


def test_set_up_cell_is_put_after_the_title():
    cells = [nbformat.v4.new_markdown_cell("# 01 Title"), nbformat.v4.new_code_cell("x = 1")]
    notebook = contents.with_setup(nbformat.v4.new_notebook(cells=cells))
    assert [cell.source for cell in notebook.cells] == ["# 01 Title", contents.setup_source(), "x = 1"]
    assert notebook.cells[1].execution_count is None and [cell.id for cell in notebook.cells][1] == "cell-02"


def test_badges_lead_to_the_repository_of_pyproject():
    owner = contents.repository().removeprefix("https://github.com/")
    assert contents.badges().count(f"/{owner}/") == 2 and contents.badges() in README


def test_linked_files_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert "figures/09_method.png" in links
    assert not [link for link in links if not (paths.CHECKOUT / link).exists()]


def test_make_targets_exist():
    makefile = (paths.CHECKOUT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make (\w+)|^make (\w+)", README, re.MULTILINE))
    assert {"study", "test"} <= {a or b for a, b in named}
    for target in {a or b for a, b in named}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} is not in the Makefile"


def test_python_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README", "exec"), names)
    assert names["y"].shape == (8, 64, 14, 14) and isinstance(names["fitted"].weight, torch.Tensor)
