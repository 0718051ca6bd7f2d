"""Where image files come from: folders, torchvision's download and a Debian package.

Every file is identified by the SHA-256 of its *decompressed* content, whatever the source; a file that differs is named
in the log and never used.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.client
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch

from .paths import CHECKOUT

logger = logging.getLogger(__name__)

DATA_FOLDER = CHECKOUT / "data"
#: Where Debian's and Ubuntu's package puts Fashion-MNIST (`dpkg -L dataset-fashion-mnist`).
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
#: Seconds without an answer after which a network attempt is given up.
TIMEOUT = 10

#: Training images, training labels, test images, test labels.
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IDX_FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
#: SHA-256 of the decompressed files, in the order of `IDX_FILES`.
IDX_SHA256 = {
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion-mnist": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


def search_path(name: str) -> list[tuple[str, Path]]:
    """The folders that may hold dataset ``name``, in order, each with the label that results carry.

    A relative ``$INERTIA_DATA`` is taken from the working directory and from the checkout, because notebooks run in a
    folder of their own.
    """
    folders: list[tuple[str, Path]] = []
    if value := os.environ.get("INERTIA_DATA"):
        candidates = (Path(value).expanduser().resolve(), (CHECKOUT / value).resolve())
        folders += [("$INERTIA_DATA", folder) for folder in dict.fromkeys(candidates)]
    folders.append(("data/", DATA_FOLDER))
    if name == "fashion-mnist":
        folders.append((f"Debian package {DEBIAN_PACKAGE}", DEBIAN_FOLDER))
    return folders


def read_idx(name: str, tried: list[str]) -> tuple[str, list[torch.Tensor]] | None:
    """Read MNIST or Fashion-MNIST from the first folder that holds all four files, unharmed.

    Args:
        name: ``"mnist"`` or ``"fashion-mnist"``.
        tried: Receives one line per folder that did not serve.

    Returns:
        The folder's label and the four tensors in the order of `IDX_FILES`, or None.
    """
    for label, folder in search_path(name):
        problems: list[str] = []
        contents = [_find_idx(name, index, folder, problems) for index in range(len(IDX_FILES))]
        found = [content for content in contents if content is not None]
        if len(found) == len(IDX_FILES):
            return label, [_parse_idx(content) for content in found]
        if folder.is_dir():
            tried.append(f"{label} ({folder}): {'; '.join(problems)}")
        else:
            tried.append(f"{label}: no folder {folder}")
    return None


def _find_idx(name: str, index: int, folder: Path, problems: list[str]) -> bytes | None:
    """The content of one file, from any of the layouts under ``folder`` in which it has the right checksum."""
    file = IDX_FILES[index]
    rejected = False
    for layout in (f"{IDX_FOLDERS[name]}/raw", IDX_FOLDERS[name], name, "."):
        for path in (folder / layout / file, folder / layout / f"{file}.gz"):
            if not path.is_file():
                continue
            content, problem = _read_checked(path, IDX_SHA256[name][index])
            if content is not None:
                return content
            if problem:
                rejected = True
                problems.append(problem)
    if not rejected:
        problems.append(f"no {file}")
    return None


def _read_checked(path: Path, sha256: str) -> tuple[bytes | None, str]:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        problem = f"{path} cannot be read: {error}"
    else:
        digest = hashlib.sha256(content).hexdigest()
        if digest == sha256:
            return content, ""
        if any(digest in checksums for checksums in IDX_SHA256.values()):
            return None, ""  # a flat folder with the sound files of the other dataset: nothing to complain about
        problem = f"{path} is damaged or another file: SHA-256 {digest}, expected {sha256}"
    logger.warning("not used: %s", problem)
    return None, problem


def _parse_idx(content: bytes) -> torch.Tensor:
    """The array in an idx file of bytes: two zero bytes, type 8, the rank, one big-endian int32 per dimension, data."""
    rank = content[3]
    shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(rank)]
    # bytearray: torch warns about memory that it must not write to
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=4 + 4 * rank).reshape(shape)


@functools.cache  # a network that said no is not asked again by this process
def download(name: str) -> str:
    """Have torchvision download ``name`` into ``data/``.

    Args:
        name: ``"mnist"``, ``"fashion-mnist"`` or ``"cifar10"``.

    Returns:
        Why that failed, or an empty string.
    """
    try:
        from torchvision import datasets  # only here: the import takes seconds

        dataset, files = {
            "mnist": (datasets.MNIST, "MNIST/raw"),
            "fashion-mnist": (datasets.FashionMNIST, "FashionMNIST/raw"),
            "cifar10": (datasets.CIFAR10, "cifar-10-batches-py"),
        }[name]
        with _scratch_folder() as scratch, _network_timeout(TIMEOUT):
            dataset(scratch, download=True)
            _move_files(scratch / files, DATA_FOLDER / files)
    except (ImportError, RuntimeError, OSError, EOFError, http.client.HTTPException) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def unpack_debian_package() -> str:
    """Fetch Debian's package of Fashion-MNIST and unpack it into ``data/``, without installing it and without root.

    Returns:
        Why that failed, or an empty string.
    """
    if missing := [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]:
        return f"this machine has no {' and no '.join(missing)}"
    try:
        with _scratch_folder() as scratch:
            _fetch_debian_package(scratch)
            (package,) = scratch.glob("*.deb")
            _command("dpkg-deb", "-x", str(package), "unpacked", folder=scratch)
            _move_files(scratch / "unpacked" / DEBIAN_FOLDER.relative_to("/"), DATA_FOLDER / "FashionMNIST/raw")
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ""


def _fetch_debian_package(scratch: Path) -> None:
    options = [f"Acquire::{scheme}::Timeout={TIMEOUT}" for scheme in ("http", "https")] + ["Acquire::Retries=0"]
    with contextlib.suppress(RuntimeError):
        return _apt(options, "download", DEBIAN_PACKAGE, folder=scratch)
    # Fresh machines often have no package lists, and only root may update the system's: use a private copy.
    (scratch / "lists/partial").mkdir(parents=True)
    (scratch / "cache").mkdir()
    options += [f"Dir::State::lists={scratch / 'lists'}", f"Dir::Cache={scratch / 'cache'}", "APT::Sandbox::User="]
    _apt(options, "update", folder=scratch)
    _apt(options, "download", DEBIAN_PACKAGE, folder=scratch)


def _apt(options: list[str], *arguments: str, folder: Path) -> None:
    _command("apt-get", *(f"-o{option}" for option in options), *arguments, folder=folder)


def _command(*command: str, folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"{command[0]} failed: {lines[-1]}")


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A temporary folder inside ``data/``, so that finished files reach their place by a rename."""
    DATA_FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=DATA_FOLDER) as scratch:
        yield Path(scratch)


def _move_files(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        os.replace(path, target / path.name)


@contextlib.contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
