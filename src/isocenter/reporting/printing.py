"""Figures to bytes: `inline` for the page, `svg` and `pdf` for the paper, `with_legend` for names on paper.

On the page each colour of PALETTE becomes its CSS variable, and names stand in HTML, where they can be
escaped and wrap. On paper the legend is part of the figure. No date, no random id: the same
figure gives the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from isocenter.reporting.canvas import DASHED, PALETTE, scaled, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST = 46  # letters of a name in a legend
_LINE = 15.5  # points from one entry to the next
_UNKNOWN = "\ufffd"


def inline(figure: Figure, name: str, label: str) -> str:
    """The figure as an <svg> element. name: prefix of its ids, unique in the page; label: read aloud.

    Both are ours, never the user's: letters, digits, spaces and plain punctuation.
    """
    svg = _svg(figure, transparent=True)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font:[^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for variable, colour in PALETTE.items():
        svg = svg.replace(colour, "currentColor" if variable == "ink" else f"var(--{variable})")
    svg = _own_ids(svg, name)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    head = f'<svg class="chart" {box.group()} role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">'
    return re.sub(r">\s+<", "><", head + svg[svg.index(">") + 1 :]).strip()


def _own_ids(svg: str, name: str) -> str:
    """Ids that something points to get a prefix, the others go: several charts share one page."""
    wanted = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in wanted else ""

    svg = re.sub(r'\sid="([^"]+)"', renamed, svg)
    svg = svg.replace("xlink:href", "href")
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file on white; its text stays text."""
    return _svg(figure, transparent=False).encode("utf-8")


def _svg(figure: Figure, transparent: bool) -> str:
    text = io.StringIO()
    with settings(), _quiet():
        figure.savefig(text, format="svg", transparent=transparent, metadata={"Date": None, "Creator": None})
    return text.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF file, its fonts inside."""
    return _binary(figure, "pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def png(figure: Figure, dpi: int = 300) -> bytes:
    """The figure as a PNG file, for documents that take no vectors."""
    return _binary(figure, "png", dpi=dpi, metadata={"Software": None})


def _binary(figure: Figure, kind: str, **more: object) -> bytes:
    content = io.BytesIO()
    with settings(), _quiet():
        figure.savefig(content, format=kind, **more)  # type: ignore[arg-type]  # its keywords
    return content.getvalue()


def _quiet() -> warnings.catch_warnings[None]:
    return warnings.catch_warnings(action="ignore", category=UserWarning)  # of glyphs no font has


def with_legend(figure: Figure, entries: Sequence[Mapping[str, str]], title: str = "") -> Figure:
    """The figure, made taller by a legend under it. entries: {"name", "style", "value"}; title: of the values."""
    if not entries:
        return figure
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    more = scaled(_LINE) * (len(entries) + bool(title) + 0.2) / 72
    with settings():
        for axes in figure.axes:
            box = axes.get_position()
            share = height / (height + more)
            axes.set_position((box.x0, 1 - (1 - box.y0) * share, box.width, box.height * share))
        figure.set_size_inches(width, height + more)
        step = scaled(_LINE) / 72 / (height + more)
        y = more / (height + more) + 0.4 * step
        rows = [("", "", title), *((e["name"], e["style"], e.get("value", "")) for e in entries)][0 if title else 1 :]
        for name, style, value in rows:
            y -= step
            if style:
                dashes = DASHED if style.startswith("floor") else "solid"
                ink = {"color": PALETTE[style], "linewidth": scaled(2.2), "linestyle": dashes}
                key = Line2D([0.05, 0.11], [y, y], transform=figure.transFigure, **ink)  # type: ignore[arg-type]
                figure.add_artist(key)
            shown: dict[str, Any] = {"va": "center", "fontsize": scaled(9.5 if style else 9.0)}
            figure.text(0.13, y, drawable(name), ha="left", **shown)
            figure.text(0.98, y, value, ha="right", **shown)
    return figure


def drawable(name: str, longest: int = _LONGEST) -> str:
    """A name as it can be drawn: short enough, and without what the font has no sign for."""
    known = _signs()
    text = "".join(c if ord(c) in known else _UNKNOWN for c in " ".join(name.split()))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@lru_cache(maxsize=1)
def _signs() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(findfont("DejaVu Sans"))).get_charmap())
