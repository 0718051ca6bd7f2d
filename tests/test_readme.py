"""The README says what is there."""

import re

import torch

from inertia_utils import contents, paths

README = (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_notebook_table_is_fresh():
    assert contents.with_table(README) == README, "run `python -m inertia_utils.contents`"


def test_linked_files_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert "figures/02_window.png" in links
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
