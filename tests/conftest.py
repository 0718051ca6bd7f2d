"""What every test shares: one torch thread, no progress bars, no display, repeatable generated inputs."""

import os

# before the libraries that read them are imported
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TQDM_DISABLE", "1")

import hypothesis
import torch

torch.set_num_threads(1)  # the thread count changes the bits, and pytest-xdist brings its own processes
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")
