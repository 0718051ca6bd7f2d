"""Rows as of the frames of gates, for tests of what is made from them."""


def gated(friction, rate, seed, accuracy, first, second=0.5):
    """A row as of the frame of gated networks; measuring takes a tenth of the open network's MACs."""
    macs = 100 * rate + 10 * (friction != "random")
    names = ["friction", "rate", "seed", "accuracy", "conv_macs", "open_fraction/conv1", "open_fraction/conv2"]
    return dict(zip(names, (friction, rate, seed, accuracy, macs, first, second), strict=True))


def trained(gate, friction, rate, seed, accuracy, first=0.5):
    """A row as of the frame of trained gates."""
    names = ["skip", "gate", "closed", "friction", "rate", "seed", "accuracy", "conv_macs", "open_fraction/conv1"]
    return dict(zip(names, ("core", gate, "never", friction, rate, seed, accuracy, 50.0, first), strict=True))
