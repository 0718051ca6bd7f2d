"""The inertial convolution: a small core, re-applied over its window where friction asks for it."""

from .convert import Conversion, convert
from .layer import InertialConv2d

__all__ = ["Conversion", "InertialConv2d", "convert"]
__version__ = "0.1.0"
