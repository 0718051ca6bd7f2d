"""The inertial convolution: a small core, re-applied over its window where friction asks for it."""

from .layer import InertialConv2d

__all__ = ["InertialConv2d"]
__version__ = "0.1.0"
