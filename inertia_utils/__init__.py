"""The inertial convolution: a small core, re-applied over its window where friction asks for it."""

from .convert import Conversion, convert
from .layer import InertialConv2d
from .optimize import optimize

__all__ = ["Conversion", "InertialConv2d", "convert", "optimize"]
__version__ = "0.1.0"
