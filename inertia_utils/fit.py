"""Least-squares fit of a dense d×d kernel by an inertial one.

The equivalent kernel K_o = Σ_m (M_0 + Σ_j θ_{o,m,j} M_j)·W_{o,m} is linear in W for fixed θ and affine in θ for
fixed W.  The fit alternates between the two exact solutions from several starts and keeps the best per filter.  One
core per filter is found to rounding unless every start of a filter ends in a local minimum; several cores can trade
places, which leaves a few per cent.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .geometry import Geometry
from .reapply import Reapply, central

STARTS = 12
#: Alternations from each start, before the best one is carried on.
TRIAL_STEPS = 15
#: Relative ridge that keeps the normal equations solvable where cores or placements are redundant.
RIDGE = 1e-10


@torch.no_grad()
def fit_kernel(
    dense: Tensor, reapply: Reapply, geometry: Geometry, core_share: int = 0, steps: int = 100
) -> tuple[Tensor, Tensor]:
    """Core and periphery whose equivalent kernel is nearest to ``dense``.

    Args:
        dense: target kernels, shape (O, C/groups, d, d).
        reapply: the re-application.
        geometry: sizes of the layer.
        core_share: how often the merge adds the core itself to T (1 for ``add``).
        steps: alternations from the best start.

    Returns:
        ``weight`` (O·m, C/groups, r, r) and ``periphery`` (shape of the re-application), in the dtype of ``dense``.
    """
    problem = _Problem(dense, reapply, geometry, core_share)
    best = problem.solve(problem.start(0), TRIAL_STEPS)
    for number in range(1, STARTS):
        best = problem.better(best, problem.solve(problem.start(number), TRIAL_STEPS))
    theta = problem.solve(best[0], steps)[0]
    return problem.weight_for(theta).to(dense), problem.as_periphery(theta).to(dense)


class _Problem:
    """One fit, in float64: targets (O, d², C), core weights (O, m, r², C), θ (O, m, J)."""

    def __init__(self, dense: Tensor, reapply: Reapply, geometry: Geometry, core_share: int) -> None:
        self.geometry, self.reapply = geometry, reapply
        self.full_target = self.target = dense.double().flatten(2).transpose(1, 2)
        if self.target.shape[2] > self.target.shape[1]:
            # The residual does not change when channels are rotated; d² of them carry all of a filter's kernel.
            self.target = torch.linalg.qr(self.target.mT).R.mT
        constant, moves = (part.to(self.target) for part in reapply.basis(geometry))
        self.constant, self.moves = constant + core_share * central(geometry).to(constant), moves
        # Weights that all filters share make one system of all filters.
        self.shared = len(reapply.periphery_shape(geometry)) == 1

    def start(self, number: int) -> Tensor:
        """The identity for the first start; then seeded noise, or a grid where there is one number to find."""
        shape = (self.geometry.filters, self.geometry.cores, len(self.moves))
        generator = torch.Generator().manual_seed(number)
        drawn = (1, 1, shape[2]) if self.shared else shape
        noise = torch.randn(drawn, generator=generator, dtype=torch.float64).to(self.target).expand(shape)
        if number and len(self.moves) == 1:
            return noise.new_full(shape, 2 * number / (STARTS - 1)) + 0.1 * noise * (self.geometry.cores > 1)
        if number:
            return noise
        identity = self.reapply.identity(self.geometry).to(self.target)
        return self.reapply.coefficients(identity, self.geometry) + 0.1 * noise

    def solve(self, theta: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Alternate from θ; returns the new θ and each filter's squared error."""
        for _ in range(steps):
            theta = self._theta_for(self._weight_for(theta, self.target))
        weight = self._weight_for(theta, self.target)
        residual = self.target - torch.einsum("omur,omrc->ouc", self._operators(theta), weight)
        return theta, residual.square().sum((1, 2))

    def better(self, one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The better of two solutions, filter by filter where filters are independent."""
        if self.shared:
            return one if one[1].sum() <= other[1].sum() else other
        wins = one[1] <= other[1]
        return torch.where(wins[:, None, None], one[0], other[0]), torch.where(wins, one[1], other[1])

    def weight_for(self, theta: Tensor) -> Tensor:
        """The best core weights for θ, (O·m, C, r, r)."""
        weight = self._weight_for(theta, self.full_target)
        return weight.transpose(2, 3).reshape(self.geometry.weight_shape)

    def as_periphery(self, theta: Tensor) -> Tensor:
        """(O, m, J) → the shape of the periphery weights."""
        shape = self.reapply.periphery_shape(self.geometry)
        return theta[0, 0] if self.shared else theta.reshape(shape)

    def _operators(self, theta: Tensor) -> Tensor:
        return self.constant + torch.einsum("omj,jur->omur", theta, self.moves)

    def _weight_for(self, theta: Tensor, target: Tensor) -> Tensor:
        operators = self._operators(theta).transpose(1, 2).flatten(2)
        weight = _least_squares(operators, target)
        return weight.unflatten(1, (self.geometry.cores, -1))

    def _theta_for(self, weight: Tensor) -> Tensor:
        features = torch.einsum("jur,omrc->oucmj", self.moves, weight).flatten(1, 2)
        rest = (self.target - torch.einsum("ur,omrc->ouc", self.constant, weight)).flatten(1)[..., None]
        filters, cores = self.geometry.filters, self.geometry.cores
        if self.shared:
            theta = _least_squares(features.sum(-2).flatten(0, 1)[None], rest.flatten(0, 1)[None])
            return theta.view(1, 1, -1).expand(filters, cores, -1)
        return _least_squares(features.flatten(2), rest).view(filters, cores, -1)


def _least_squares(matrix: Tensor, target: Tensor) -> Tensor:
    gram = matrix.mT @ matrix
    size = gram.shape[-1]
    ridge = RIDGE * gram.diagonal(dim1=-2, dim2=-1).sum(-1).clamp_min(1e-300) / size
    eye = torch.eye(size, dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve(gram + ridge[..., None, None] * eye, matrix.mT @ target)
