"""Text as LaTeX that needs no package for its characters."""

from __future__ import annotations

import re

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_SYMBOLS = {
    "×": r"$\times$",
    "−": "$-$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "∗": "$*$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≈": r"$\approx$",
    "≠": r"$\ne$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "½": r"$\frac12$",
    "²": r"\textsuperscript{2}",
    "⌊": r"$\lfloor$",
    "⌋": r"$\rfloor$",
    "‖": r"$\Vert$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "“": "``",
    "”": "''",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "Δ": r"$\Delta$",
    "ε": r"$\varepsilon$",
    "θ": r"$\theta$",
    "ρ": r"$\rho$",
    "σ": r"$\sigma$",
    "Σ": r"$\Sigma$",
    "τ": r"$\tau$",
    "φ": r"$\varphi$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "|": r"$|$",
    "<": "$<$",
    ">": "$>$",
}
_TABLE = str.maketrans(_SPECIAL | _SYMBOLS)
_IN_MATHS = str.maketrans(
    {symbol: command.strip("$") + " " for symbol, command in _SYMBOLS.items() if ord(symbol) > 127 and "$" in command}
)
#: Single dollars around something without a space at its ends, as in Markdown.
_MATHS = re.compile(r"(\$\S(?:[^$]*\S)?\$)")


def escaped(text: object) -> str:
    """``text`` for LaTeX: special characters escaped, symbols by their commands, ``$…$`` kept as mathematics.

    Raises:
        ValueError: a character is neither Latin-1 nor known here.
    """
    parts = _MATHS.split(str(text))
    latex = "".join(
        part.translate(_IN_MATHS) if position % 2 else re.sub(r"\"(.*?)\"", r"``\1''", part.translate(_TABLE))
        for position, part in enumerate(parts)
    )
    if unknown := sorted({character for character in latex if ord(character) > 255}):
        raise ValueError(
            f"text: no LaTeX command is known for {' '.join(unknown)} in {str(text)!r}; add it to latex.py"
        )
    return latex
