"""What notebook 08 concludes about time (design, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ..standing import listed


def one_layer(times: pd.DataFrame, pairs: Mapping[str, str]) -> str:
    """How many times as fast open layers are as dense ones, and what their MACs promise.

    Args:
        times: rows of one batch, from :func:`~inertia_utils.bench.read.layer_times`.
        pairs: arm → the dense layer of its window.
    """
    rows = times.set_index("arm")
    told = [
        f"{arm} is {rows.loc[arm, 'speed_up']:.2f}× as fast as {wide} (MACs promise {rows.loc[arm, 'mac_ratio']:.2f})"
        for arm, wide in pairs.items()
    ]
    return f"**One layer, open**, at batch {times['batch'].iloc[0]}: {', '.join(told)}."


def gated_layer(returned: pd.Series, pays: Mapping[str, float], batch: int) -> str:
    """Which gates return time against the same layer without one, and up to which open fraction.

    Args:
        returned: gated arm → time of the layer without a gate over that with 30 % open.
        pays: form → open fraction up to which it returns time.
        batch: images per call.
    """
    faster = [arm for arm, ratio in returned.items() if ratio > 1]
    limits = ", ".join(f"{limit:.2f} ({form})" for form, limit in pays.items())
    return (
        f"**A gate** with 30 % open returns time at batch {batch} for {len(faster)} of {len(returned)} forms"
        f"{f' ({listed(faster)})' if faster else ''}; against the layer without a gate it pays up to an open fraction "
        f"of {limits}."
    )


def skipped_core(times: pd.DataFrame, gated: str, opened: str) -> str:
    """How much of the open layer's time one that skips its core takes, and what its MACs promise.

    Args:
        times: rows of one batch, from :func:`~inertia_utils.bench.read.layer_times`.
        gated: the arm that skips.
        opened: the open one.
    """
    rows = times.set_index("arm")
    share = rows.loc[gated, "ms"] / rows.loc[opened, "ms"]
    promised = rows.loc[gated, "macs"] / rows.loc[opened, "macs"]
    return f"`{gated}` takes {share:.0%} of the time of {opened}, where MACs promise {promised:.0%}."


def whole_network(ratios: pd.DataFrame, small_head: pd.DataFrame, arms: Sequence[str]) -> str:
    """How many times as fast whole networks are as the one that they are held against.

    Args:
        ratios: from :func:`~inertia_utils.bench.read.network_ratios`, against dense 3×3.
        small_head: the same of networks that end in global average pooling.
        arms: which of their rows; what the small head was not timed with is left out there.
    """
    batches = [batch for batch in (1, 8, 256) if batch in ratios.columns]
    largest = batches[-1]
    told = [f"{arm} {', '.join(f'{ratios.loc[arm, batch]:.2f}' for batch in batches)}" for arm in arms]
    small = [f"{arm} {small_head.loc[arm, largest]:.2f}" for arm in arms if arm in small_head.index]
    return (
        f"**A whole FashionNet** is, at batch {listed([str(batch) for batch in batches])}, so many times as fast as "
        f"with dense 3×3: {'; '.join(told)}. With the small head, at batch {largest}: {'; '.join(small)}. Their "
        "accuracies are in notebook 03; notebook 09 draws them against this time."
    )


def kept_memory(costs: pd.Series, arms: Sequence[str], batch: int) -> str:
    """What an allocator that returns freed memory costs.

    Args:
        costs: arm → its time with such an allocator over that with freed memory kept.
        arms: which of them to tell.
        batch: images per call.
    """
    told = listed([f"{costs[arm]:.1f} times as long for {arm}" for arm in arms])
    return f"**Keep freed memory**: at batch {batch} a call takes {told} with an allocator that returns it."
