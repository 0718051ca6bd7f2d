"""Modules of a model exchanged for others."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn


def swap(model: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """``model`` with modules replaced in place, under every name that they have; what replaces it, if it is one.

    Args:
        model: holds the modules.
        replacements: module → what takes its place.
    """
    # By default a module that is registered twice is listed once, and its other name would keep it.
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if name and module in replacements:
            model.set_submodule(name, replacements[module])
    return replacements.get(model, model)
