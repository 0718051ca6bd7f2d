"""The inertial convolution (design, sections 1–3).

A d×d convolution learns d² weights per channel and filter.  The inertial one learns a core of (d−k)×(d−k), lets the
pixels around it measure *friction*, and re-applies the core over the whole window where friction is high.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import block_loss, block_windows, first_of_blocks, spread_blocks
from .execute import respond
from .fit import fit_kernel
from .friction import DECLARED, MEASURES, REDUCTIONS, Measure, friction_map
from .gate import GATES, Gate, checked_rate, checked_threshold
from .geometry import checked_geometry
from .initialise import INITIALISATIONS, initialise
from .macs import MacCount, layer_macs
from .merge import MERGES, Responses, blend
from .padding import Padding, pair
from .reapply import REAPPLICATIONS, Reapply, central, core_response
from .window import Window

SKIPS = ("detail", "core")


class InertialConv2d(nn.Module):
    r"""A small core, re-applied over its window where friction asks for it; a drop-in for ``nn.Conv2d``.

    For position p with window x(p), core response c, re-applied response T and gate g ∈ {0, 1}:

    .. math::
        y(p) = \text{closed}(p) + g(p)\,(\text{open}(p) - \text{closed}(p)) + b, \qquad
        g(p) = 1[\text{friction}(x(p)) > \tau]

    With the default ``merge="matched"`` closed is γ·c, open is T, and skipping loses exactly the detail δ = T − γ·c,
    which is zero where the window is flat.

    Args:
        in_channels: C, channels of the input.
        out_channels: channels of the output: the number of filters O, or 2·O where the merge stacks.
        kernel_size: d, the side of the window.
        margin: k, so that the core has side r = d − k ≥ 1 and sits at offset ⌊k/2⌋.
        stride: step between windows, one number or two.
        padding: as in ``nn.Conv2d``: a number, two numbers, ``"same"`` or ``"valid"``; it pads for the window.
        dilation: only 1; spreading the window is what ``reapply="dilate"`` is for.
        groups: channel groups of the core, as in ``nn.Conv2d``.
        bias: learn one bias per filter.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: where the parameters live.
        dtype: of the parameters.
        reapply: how the core is re-applied: ``"slide"``, ``"dilate"``, ``"resize"``, ``"aggregate"`` or an object of
            the protocol :class:`~inertia_utils.reapply.Reapply`.
        merge: what open and closed positions give: ``"matched"``, ``"replace"``, ``"add"``, ``"stack"`` or
            ``"stack_whole"``.
        cores: m, core filters per output filter.
        friction: a name from :data:`~inertia_utils.friction.MEASURES` or a callable of its protocol.
        reduction: average channels ``"after"`` the window pass of the measure, or ``"before"`` it (cheaper).
        gate: ``"always"``, ``"never"``, ``"threshold"``, ``"rate"``, ``"anneal"``, ``"cell"``, ``"image"``,
            ``"sampled"``, ``"learned"`` or a :class:`~inertia_utils.gate.Gate`.
        rate: ρ, the fraction that the gates ``"rate"``, ``"anneal"``, ``"cell"``, ``"image"``, ``"sampled"`` and
            ``"learned"`` open.
        threshold: τ of the gate ``"threshold"``.
        skip: what a closed gate saves: the ``"detail"`` T − γ·c, or the ``"core"`` itself in three of four positions.
        init: a name from :data:`~inertia_utils.initialise.INITIALISATIONS`.

    Shape:
        - input (N, C, H, W) or (C, H, W)
        - output (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out), with H_out and W_out as for a d×d
          ``nn.Conv2d``

    Attributes:
        weight: core weights, (O·m, C/groups, r, r).
        periphery: periphery weights; (O, m, k+1, k+1) for ``slide``, (O, m) for the blends, ((k+1)² − 1,) for
            ``aggregate``.
        bias: (O,) or None; where the merge stacks it is added to the core's half.
        open_fraction: buffer, the fraction of positions (blocks for ``skip="core"``) that the latest call opened.

    Raises:
        ValueError: an argument is out of range or unknown, or a re-application is not defined for the window.

    Examples:
        >>> conv = InertialConv2d(32, 64, kernel_size=5, margin=2, padding=2)
        >>> conv(torch.zeros(8, 32, 14, 14)).shape
        torch.Size([8, 64, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        margin: int,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        reapply: str | Reapply = "slide",
        merge: str = "matched",
        cores: int = 1,
        friction: str | Measure = "range",
        reduction: str = "after",
        gate: str | Gate = "always",
        rate: float = 0.5,
        threshold: float = 0.0,
        skip: str = "detail",
        init: str = "normal",
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.merge = MERGES[merge]()
        self.geometry = checked_geometry(
            in_channels, out_channels, kernel_size, margin, cores, groups, self.merge.stacks
        )
        self.stride = pair("stride", stride, smallest=1)
        self.padding = Padding(padding, padding_mode, self.geometry.kernel_size, self.stride)
        self.reapply = REAPPLICATIONS[reapply]() if isinstance(reapply, str) else reapply
        if not hasattr(self.reapply, "basis"):
            raise ValueError(f"reapply: expected a Reapply or one of {', '.join(REAPPLICATIONS)}, got {reapply!r}")
        self.reapply.check(self.geometry)
        self.friction = MEASURES[friction] if isinstance(friction, str) else friction
        self.reduction, self.skip, self.init = reduction, skip, init
        self._names = {"reapply": reapply, "merge": merge, "friction": friction}
        self._check_options(dilation)
        limits = {"rate": checked_rate(rate), "threshold": checked_threshold(threshold)}
        self.gate = GATES[gate](**limits) if isinstance(gate, str) else gate
        if not isinstance(self.gate, Gate):
            raise ValueError(f"gate: expected a Gate or one of the names {', '.join(GATES)}, got {gate!r}")

        factory = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(self.geometry.weight_shape, **factory))
        self.periphery = nn.Parameter(torch.empty(self.reapply.periphery_shape(self.geometry), **factory))
        self.bias = nn.Parameter(torch.empty(self.geometry.filters, **factory)) if bias else None
        # One column of the basis tells the response of every tap to a flat window: all its taps see the same value.
        constant, moves = self.reapply.basis(self.geometry)
        flat = torch.cat([constant[:, 0].sum().view(1), moves[:, :, 0].sum(1)])
        self.register_buffer("_flat", flat.to(device, torch.float32), persistent=False)
        self.register_buffer("open_fraction", torch.tensor(self.gate.constant or 0.0, device=device))
        self.gate.to(device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters afresh, with the output variance of the dense convolution that the layer replaces."""
        initialise(self, self.init)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve: shape (N, C, H, W) or (C, H, W) → (N, out_channels, H_out, W_out) or without N.

        Raises:
            ValueError: shape or dtype of the input do not fit the layer.
        """
        self._check_input(x)
        batch = x if x.dim() == 4 else x.unsqueeze(0)
        output = respond(self, batch)
        return output if x.dim() == 4 else output.squeeze(0)

    def reference(self, x: Tensor) -> Tensor:
        """What :meth:`forward` gives for a batch (N, C, H, W), straight from the definition: both states, then a blend.

        Fast forms are tested against it; training with a gate uses it.
        """
        return self.with_bias(self._respond(self.windows(x)))

    def windows(self, x: Tensor) -> Window:
        """The windows of a batch (N, C, H, W), padding included."""
        return Window(self.padding(x), self.geometry.kernel_size, self.geometry.margin, self.stride)

    def responses(self, x: Tensor) -> Responses:
        """Core and re-applied responses of a batch (N, C, H, W) at every position, whatever the gate says."""
        return self._responses(self.windows(x))

    def friction_and_loss(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the gate decides by, and the detail that is at stake: the friction and |δ| of every position or block.

        |δ| is what closing takes from the output with the merges ``matched`` and ``stack``; with ``replace`` that is
        |T − c|, with ``add`` and ``stack_whole`` |T|, and |δ| all the same what is measured.  Shapes are
        (N, 1, H_out, W_out) and (N, O, H_out, W_out); for ``skip="core"`` one value per block, and the loss is that of
        its core responses, (N, O·m, blocks down, blocks across).
        """
        window = self.windows(x)
        if self.skip == "core":
            loss = block_loss(*self._exact_and_kept(window))
            return self._friction(block_windows(window), lambda: loss), loss
        detail = self._responses(window).detail
        return self._friction(window, lambda: detail), detail.abs()

    @property
    def gamma(self) -> Tensor:
        """γ: T's response to a flat window relative to the core's, per filter and core, shape (O, m)."""
        flat = self._flat.to(self.periphery)
        return flat[0] + self._coefficients() @ flat[1:]

    @property
    def output_bias(self) -> Tensor | None:
        """The bias of every output channel, (out_channels,), zero for what is stacked; None without bias."""
        if self.bias is None or not self.merge.stacks:
            return self.bias
        return F.pad(self.bias, (0, self.out_channels - len(self.bias)))

    def equivalent_kernel(self) -> Tensor:
        """The dense kernel that the layer applies where its gate is open, (out_channels, C/groups, d, d).

        K = Σ_m (M_0 + Σ_j θ_j M_j)·W, merged as responses are; the basis M is the re-application's.
        """
        return self.merge.open(self.kernel_responses()).transpose(0, 1).contiguous()

    def kernel_responses(self) -> Responses:
        """Core and re-application as d×d kernels, in the form of responses: a kernel is the response to an impulse.

        Shapes are (C/groups, O·m, d, d) and (C/groups, O, d, d), so that merges apply as they are.
        """
        geometry, weight = self.geometry, self.weight.flatten(2)
        side = (geometry.kernel_size, geometry.kernel_size)
        constant, moves = (part.to(weight) for part in self.reapply.basis(geometry))
        operators = constant + torch.einsum("omj,jur->omur", self._coefficients(), moves)
        taps = weight.unflatten(0, (geometry.filters, geometry.cores))
        reapplied = torch.einsum("omur,omcr->cou", operators, taps)
        core = torch.einsum("ur,fcr->cfu", central(geometry).to(weight), weight)
        return Responses(core.unflatten(2, side), self.gamma, reapplied.unflatten(2, side))

    def to_conv(self) -> nn.Conv2d:
        """The dense ``nn.Conv2d`` that equals this layer where its gate is open."""
        kernel = self.equivalent_kernel()
        conv = nn.Conv2d(
            self.in_channels,
            self.out_channels,
            self.geometry.kernel_size,
            self.stride,
            self.padding.argument,
            groups=self.geometry.groups,
            bias=self.bias is not None,
            padding_mode=self.padding.mode,
            device=kernel.device,
            dtype=kernel.dtype,
        )
        with torch.no_grad():
            conv.weight.copy_(kernel)
            if self.bias is not None:
                conv.bias.copy_(self.output_bias)
        return conv

    @classmethod
    def from_conv(cls, conv: nn.Conv2d, margin: int, **options: Any) -> InertialConv2d:
        """The inertial layer whose equivalent kernel is nearest to that of ``conv`` in the least-squares sense.

        Args:
            conv: a dense convolution with a square kernel.
            margin: k.
            options: keyword arguments of the layer, such as ``reapply`` and ``cores``.

        Raises:
            ValueError: a merge that stacks, whose output has other channels than the convolution, or a configuration
                that the layer refuses.
        """
        merge = options.get("merge", "matched")
        if MERGES[merge].stacks:
            raise ValueError(f"merge: {merge!r} cannot be fitted to a convolution; use 'matched', 'replace' or 'add'")
        layer = cls.like(conv, margin, **options)
        weight, periphery = fit_kernel(conv.weight.detach(), layer.reapply, layer.geometry, layer.merge.core_share)
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.periphery.copy_(periphery)
            if conv.bias is not None:
                layer.bias.copy_(conv.bias)
        return layer

    @classmethod
    def like(cls, conv: nn.Conv2d, margin: int, **options: Any) -> InertialConv2d:
        """A fresh inertial layer with the sizes of ``conv``, on its device, in its dtype and frozen where it is.

        Args:
            conv: a dense convolution with a square kernel.
            margin: k.
            options: keyword arguments of the layer.

        Raises:
            ValueError: a configuration that the layer refuses.
        """
        layer = cls(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            margin,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            conv.bias is not None,
            conv.padding_mode,
            conv.weight.device,
            conv.weight.dtype,
            **options,
        )
        for parameter in (layer.weight, layer.periphery):
            parameter.requires_grad_(conv.weight.requires_grad)
        if conv.bias is not None:
            layer.bias.requires_grad_(conv.bias.requires_grad)
        return layer.train(conv.training)

    def macs(self, input_shape: tuple[int, ...], open_fraction: float | None = None) -> MacCount:
        """Multiply-accumulates for an input of shape (C, H, W), or (N, C, H, W) for N of them.

        Args:
            input_shape: shape of the input, without padding.
            open_fraction: fraction of open positions; by default what the latest call measured.

        Raises:
            ValueError: the shape does not fit the layer, or the fraction is outside [0, 1].
        """
        fraction = self.open_fraction.item() if open_fraction is None else open_fraction
        return layer_macs(self, input_shape, fraction)

    def extra_repr(self) -> str:
        """Sizes, and the options that differ from their defaults."""
        geometry = self.geometry
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={geometry.kernel_size}"]
        parts += [f"margin={geometry.margin}, stride={self.stride}, padding={self.padding.argument!r}"]
        shown = {**self._names, "cores": geometry.cores, "groups": geometry.groups, "reduction": self.reduction}
        shown |= {
            "skip": self.skip,
            "padding_mode": self.padding.mode,
            "init": self.init,
            "bias": self.bias is not None,
        }
        parts += [f"{name}={value!r}" for name, value in shown.items() if value != _DEFAULTS[name]]
        return ", ".join(parts)

    def _respond(self, window: Window) -> Tensor:
        if self.skip == "core":
            return blend(self.merge, self._responses_from_map(window, self._skipped_map(window)), 1.0)
        if self.gate.constant == 0:
            return self.merge.closed(Responses(core_response(window, self.weight, self.geometry.groups), self.gamma))
        responses = self._responses(window)
        return blend(self.merge, responses, self._gate(window, lambda: responses.detail))

    def _responses(self, window: Window) -> Responses:
        core, reapplied = self.reapply.forward(window, self.weight, self.periphery, self.geometry)
        return Responses(core, self.gamma, reapplied)

    def _responses_from_map(self, window: Window, response_map: Tensor) -> Responses:
        core, reapplied = self.reapply.from_map(response_map, window, self.periphery)
        return Responses(core, self.gamma, reapplied)

    def _skipped_map(self, window: Window) -> Tensor:
        """The core's response map in which closed blocks keep the response of their first position."""
        exact, kept = self._exact_and_kept(window)
        gate = self._gate(block_windows(window), lambda: block_loss(exact, kept))
        if isinstance(gate, float):
            return exact if gate else kept
        return torch.lerp(kept, exact, spread_blocks(gate, exact).to(exact.dtype))

    def _exact_and_kept(self, window: Window) -> tuple[Tensor, Tensor]:
        """The core's response map, and the one in which every block keeps the response of its first position."""
        exact = F.conv2d(window.x, self.weight, groups=self.geometry.groups)
        return exact, spread_blocks(first_of_blocks(exact), exact)

    def _friction(self, window: Window, detail: Callable[[], Tensor]) -> Tensor:
        # Only the oracle may see the detail; every other measure decides before any detail exists.
        if self.friction.needs_detail:
            window = replace(window, detail=detail())
        with torch.set_grad_enabled(self.gate.differentiable and torch.is_grad_enabled()):
            return friction_map(self.friction, window, self.reduction)

    def _gate(self, window: Window, detail: Callable[[], Tensor]) -> Tensor | float:
        if self.gate.constant is not None:
            return self.gate.constant
        gate = self.gate(self._friction(window, detail))
        if gate.numel():
            self.open_fraction.copy_(gate.detach().mean(dtype=torch.float32))
        return gate

    def with_bias(self, output: Tensor) -> Tensor:
        """Add the bias to an output (N, out_channels, H, W), to the core's half of a stack."""
        if self.bias is None:
            return output
        return output + self.output_bias.to(output.dtype).view(-1, 1, 1)

    def _coefficients(self) -> Tensor:
        return self.reapply.coefficients(self.periphery, self.geometry)

    def _check_options(self, dilation: int | tuple[int, int]) -> None:
        if pair("dilation", dilation, smallest=1) != (1, 1):
            raise ValueError(
                f"dilation: {dilation!r} is not supported; it must be 1 (reapply='dilate' spreads the core)"
            )
        for argument, value, known in (("reduction", self.reduction, REDUCTIONS), ("skip", self.skip, SKIPS)):
            if value not in known:
                raise ValueError(f"{argument}: unknown name {value!r}; known: {', '.join(known)}")
        INITIALISATIONS[self.init]
        if missing := [name for name in DECLARED if not hasattr(self.friction, name)]:
            raise ValueError(
                f"friction: {self.friction!r} does not declare its cost ({', '.join(missing)} missing); decorate it "
                "with friction.costs"
            )
        if self.reduction == "before" and self.friction.joint:
            raise ValueError(
                f"reduction: 'before' averages the channels that friction={self._names['friction']!r} needs apart; "
                "use 'after'"
            )
        if self.skip == "core" and not hasattr(self.reapply, "from_map"):
            raise ValueError(
                f"skip: 'core' needs a re-application that works on the core's response map, such as 'slide', "
                f"got reapply={self._names['reapply']!r}"
            )

    def _check_input(self, x: Tensor) -> None:
        expected = f"(N, {self.in_channels}, H, W) or ({self.in_channels}, H, W)"
        if x.dim() not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ValueError(f"input: expected shape {expected}, got {tuple(x.shape)}")
        if x.dtype != self.weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise ValueError(f"input: expected dtype {self.weight.dtype} as the weights have, got {x.dtype}")
        self.padding.check(x.shape[-2:])


_DEFAULTS = {name: option.default for name, option in inspect.signature(InertialConv2d).parameters.items()}
