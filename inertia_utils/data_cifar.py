"""CIFAR-10: the original through torchvision, and a JPEG copy of it that is not bit-identical."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import torch

from . import data_sources

logger = logging.getLogger(__name__)

JPEG_ARCHIVE = "cifar10-jpeg.tar.xz"
JPEG_SHA256 = "db3f433a5757ebe67d38c74b7b24053f7696d3a8861f1c11b5d8fa1fd826c8e4"
#: Label 0 to 9; also the folder names in the JPEG archive.
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_cifar10(tried: list[str]) -> tuple[str, list[torch.Tensor]] | None:
    """Read CIFAR-10 in its original form (``cifar-10-batches-py``), whose MD5 sums torchvision checks.

    Args:
        tried: Receives one line per folder that did not serve.

    Returns:
        The folder's label and training images, training labels, test images, test labels, or None.
    """
    for label, folder in data_sources.search_path("cifar10"):
        if not (folder / "cifar-10-batches-py").is_dir():
            tried.append(f"{label}: no folder {folder / 'cifar-10-batches-py'}")
            continue
        try:
            return label, _read_batches(folder)
        except (ImportError, RuntimeError, OSError) as error:
            tried.append(f"{label} ({folder}): {error}")
            logger.warning("not used: %s: %s", folder / "cifar-10-batches-py", error)
    return None


def _read_batches(folder: Path) -> list[torch.Tensor]:
    from torchvision.datasets import CIFAR10  # only here: the import takes seconds

    tensors = []
    for train in (True, False):
        dataset = CIFAR10(folder, train=train)
        images = np.ascontiguousarray(dataset.data.transpose(0, 3, 1, 2))
        tensors += [torch.from_numpy(images), torch.tensor(dataset.targets)]
    return tensors


def read_cifar10_jpeg(tried: list[str]) -> tuple[str, list[torch.Tensor]] | None:
    """Read the JPEG copy of CIFAR-10; decoding takes seconds, so the result is kept in ``data/``.

    Args:
        tried: Receives one line per folder that did not serve.

    Returns:
        The folder's label and training images, training labels, test images, test labels, or None.
    """
    for label, folder in data_sources.search_path("cifar10-jpeg"):
        archive = folder / JPEG_ARCHIVE
        if not archive.is_file():
            tried.append(f"{label}: no file {archive}")
            continue
        content = archive.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != JPEG_SHA256:
            tried.append(f"{label}: {archive} is damaged: SHA-256 {digest}, expected {JPEG_SHA256}")
            logger.warning("not used: %s is damaged: SHA-256 %s, expected %s", archive, digest, JPEG_SHA256)
            continue
        return label, [torch.from_numpy(array) for array in _decoded(content)]
    return None


def _decoded(content: bytes) -> list[np.ndarray]:
    cache = data_sources.DATA_FOLDER / f"cifar10-jpeg-{JPEG_SHA256[:8]}.npz"
    try:  # the zip format's own checksums guard against a damaged cache
        with open(cache, "rb") as file, np.load(file) as arrays:
            return [arrays[name] for name in arrays.files]
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        logger.warning("%s is read anew from %s: %s", cache.name, JPEG_ARCHIVE, error)
    arrays = _decode_archive(content)
    _save(cache, arrays)
    return arrays


def _decode_archive(content: bytes) -> list[np.ndarray]:
    """Decode ``<train or test>/<class>/<number>.jpg``, sorted by name."""
    from PIL import Image

    images: dict[str, np.ndarray] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
        for member in archive:
            if member.isfile():
                images[member.name] = np.asarray(Image.open(archive.extractfile(member)).convert("RGB"))
    arrays = []
    for part in ("train", "test"):
        names = sorted(name for name in images if name.startswith(f"{part}/"))
        arrays.append(np.stack([images[name] for name in names]).transpose(0, 3, 1, 2).copy())
        arrays.append(np.array([CLASSES.index(name.split("/")[1]) for name in names]))
    return arrays


def _save(cache: Path, arrays: list[np.ndarray]) -> None:
    temporary = cache.with_name(f".incoming-{os.getpid()}-{cache.name}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, *arrays)
        os.replace(temporary, cache)
    except OSError as error:  # the cache only saves time
        temporary.unlink(missing_ok=True)
        logger.warning("%s is not kept: %s", cache.name, error)
