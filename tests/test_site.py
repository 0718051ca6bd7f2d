"""The site: what its pages are made of, and that Sphinx finds nothing wrong with them."""

import re

import nbformat
import pytest

from inertia_utils import contents, paths, site


@pytest.fixture
def source(tmp_path):
    site.gather(tmp_path / "source")
    return tmp_path / "source"


def test_every_notebook_is_a_page_in_the_menu(source):
    menu = site.toctree().split()
    assert [f"notebooks/{path.stem}" for path in paths.notebooks()] == [line for line in menu if "notebooks/" in line]
    assert {path.name for path in source.glob("notebooks/*")} == {path.name for path in paths.notebooks()}


def test_set_up_cells_are_left_out_and_long_code_is_folded(source):
    for path in source.glob("notebooks/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            tags = cell.metadata.get("tags", [])
            assert contents.SETUP_TAG not in tags
            if cell.cell_type == "code":
                assert ("hide-input" in tags) == (cell.source.count("\n") >= site.LONG)


def test_what_the_first_page_links_to_is_there(source):
    links = re.findall(r"\]\(([^)#:]+)\)", (source / "index.md").read_text(encoding="utf-8"))
    assert links and not [link for link in links if not (source / link).exists()]


@pytest.mark.slow
def test_pages_need_nothing_from_elsewhere(tmp_path, monkeypatch):
    pytest.importorskip("myst_nb")
    monkeypatch.setattr(site, "FOLDER", tmp_path)
    target = site.build().parent
    for page in target.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]*rel=\"(?:stylesheet|preload)\"[^>]*href=\"([^\"]+)\"", text)
        assert not [address for address in loaded if re.match(r"(https?:)?//", address)], page.name
    assert (target / "_static/mathjax/tex-chtml.js").exists()
