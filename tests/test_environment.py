"""The environment: one place with version ranges, a lock that satisfies them, and `make env` when things go wrong."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from inertia_utils.paths import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(text) for text in PROJECT["dependencies"] + EXTRAS["dev"] + EXTRAS["docs"]]
LOCK = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
each_requirement = pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)


def locked() -> dict[str, list[Version]]:
    """Every version of every package in the lock (several, where they differ between versions of Python)."""
    versions: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK, flags=re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(Version(version))
    return versions


@each_requirement
def test_lock_satisfies_ranges(requirement):
    versions = locked().get(canonicalize_name(requirement.name), [])
    assert versions and all(version in requirement.specifier for version in versions)


@each_requirement
def test_installed_versions_satisfy_ranges(requirement):
    assert importlib.metadata.version(requirement.name) in requirement.specifier


def test_lock_pins_the_versions_of_the_study():
    assert locked()["torch"] == [Version("2.15.0")] and locked()["torchvision"] == [Version("0.29.2")]


def test_every_locked_package_has_a_hash():
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) > 100 and all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize(
    "file", ["requirements.lock", "pyproject.toml", "environment.yml", "Makefile", "scripts/env.sh"]
)
def test_no_index_address(file):
    text = (CHECKOUT / file).read_text(encoding="utf-8")
    for address in PROJECT["urls"].values():  # of the project itself
        text = text.replace(address, "")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--default-index", text)


def test_conda_environment_agrees():
    environment = yaml.safe_load((CHECKOUT / "environment.yml").read_text(encoding="utf-8"))
    python = Requirement("python" + PROJECT["requires-python"])
    assert [str(Requirement(item)) for item in environment["dependencies"][:1]] == [str(python)]
    assert environment["dependencies"][1:] == ["pip", {"pip": ["-e .[dev]"]}]
    assert python.specifier.contains(f"{sys.version_info.major}.{sys.version_info.minor}")


# make env, with a stand-in for Python that makes environments in no time

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *version_info*|*"import ensurepip"*|*"-c "*) exit 0 ;;
    "-m venv --clear .venv")
        rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "venv" >> log ;;
    "-m uv --version") echo "uv 0.0.0 (none)" ;;
    *"pip install"*) echo "install" >> log; if [ -e broken ]; then exit 1; fi ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "scripts").mkdir()
    for file in ("scripts/env.sh", "requirements.lock", "pyproject.toml"):
        shutil.copy(CHECKOUT / file, tmp_path / file)
    (tmp_path / "python").write_text(FAKE_PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make_env(checkout, python=None) -> tuple[int, str, list[str]]:
    """The exit status, the messages, and what was done: ``venv`` and ``install`` steps."""
    (checkout / "log").write_text("")
    result = subprocess.run(
        ["sh", "scripts/env.sh"],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python or checkout / "python")},
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stderr, (checkout / "log").read_text().split()


BUILT = ["venv", "install", "install", "install"]  # uv, the lock, this package


def test_env_is_built_once(checkout):
    assert make_env(checkout) == (0, "", BUILT)
    assert make_env(checkout) == (0, "", [])


def test_env_follows_the_lock(checkout):
    make_env(checkout)
    with open(checkout / "requirements.lock", "a") as lock:
        lock.write("# changed\n")
    assert make_env(checkout) == (0, "", BUILT[1:])


def test_env_is_repaired_after_an_interruption(checkout):
    (checkout / "broken").touch()
    status, message, _ = make_env(checkout)
    assert status == 1 and "the packages of requirements.lock could not be installed" in message
    (checkout / "broken").unlink()
    assert make_env(checkout) == (0, "", BUILT)


def test_env_is_repaired_when_its_python_is_gone(checkout):
    make_env(checkout)
    (checkout / ".venv/bin/python").unlink()
    assert make_env(checkout) == (0, "", BUILT)


def test_env_is_rebuilt_when_the_checkout_moved(checkout):
    make_env(checkout)
    moved = checkout.with_name(checkout.name + "-moved")
    checkout.rename(moved)
    assert make_env(moved) == (0, "", BUILT)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('case "$*" in *version_info*) exit 1 ;; *--version) echo Python 3.9 ;; esac', "is Python 3.9, needed is"),
        ('case "$*" in *ensurepip*) exit 1 ;; esac', "lacks venv or ensurepip; on Debian"),
        ('case "$*" in *--clear*) exit 1 ;; esac', "cannot make a virtual environment in"),
    ],
)
def test_env_refuses_a_python(checkout, script, expected):
    (checkout / "python").write_text(f"#!/bin/sh\n{script}\n")
    status, message, _ = make_env(checkout)
    assert status == 1 and message.startswith("make env: ") and expected in message


def test_env_without_python(checkout):
    status, message, _ = make_env(checkout, python="no-such-python")
    assert status == 1 and message.startswith("make env: no-such-python was not found; install Python 3.11 or newer")


def test_make_lists_its_targets():
    result = subprocess.run(["make", "-C", str(CHECKOUT)], capture_output=True, text=True)
    for target in ("study", "report", "test", "env"):
        assert f"make {target}" in result.stdout
