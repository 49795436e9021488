"""The page: markup, style and script in one text; no request, no clock."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from isocenter import __version__
from isocenter.reporting.gallery import data_urls
from isocenter.reporting.map.atlas import Atlas, Card, Section
from isocenter.reporting.map.payload import payload
from isocenter.reporting.map.still import still_map
from isocenter.reporting.page import page

_HERE = Path(__file__).parent
_SCRIPTS = ("data.js", "colour.js", "paint.js", "map.js", "hands.js", "legend.js")
_ROWS, _COLUMNS = 300, 5  # of the table for readers without the script


def render(atlas: Atlas) -> str:
    """The page as one HTML text; equal data give equal texts."""
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    shown = (c for s in atlas.sections for g in s.groups for card in g.cards for c in card.cases)
    pictures = data_urls(shown, atlas.thumbnails)
    return page(
        "map.html.jinja",
        {
            "title": atlas.title,
            "kind": atlas.kind,
            "lede": atlas.lede,
            "answer": atlas.answer,
            "warnings": atlas.warnings,
            "map": None if atlas.places is None else _map(atlas),
            "sections": [_section(one, pictures) for one in atlas.sections],
            "script": Markup(script),  # noqa: S704  our own files
            "policy": f"'sha256-{digest}'" if atlas.places is not None else "'none'",
            "version": __version__,
        },
        extra=_style(),
    )


@lru_cache(maxsize=1)
def _script() -> str:
    parts = ((_HERE / name).read_text("utf-8") for name in _SCRIPTS)
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


@lru_cache(maxsize=1)
def _style() -> str:
    return (_HERE / "map.css").read_text("utf-8")


def _map(atlas: Atlas) -> dict[str, Any]:
    n, shown = len(atlas.columns), atlas.columns.iloc[:_ROWS, :_COLUMNS]
    assert atlas.places is not None
    return {
        "count": n,
        "about": atlas.about,
        "data": Markup(payload(atlas)),  # noqa: S704  escaped there
        "still": Markup(still_map(np.asarray(atlas.places), atlas.columns.iloc[:, 0])),  # noqa: S704  no text of the user's
        "table_about": f"The first {len(shown)} of {n} cases." if len(shown) < n else f"All {n} cases.",
        "table_columns": [str(c) for c in shown.columns],
        "table": [[str(i), *("" if pd.isna(v) else _text(v) for v in row)]
                  for i, row in zip(shown.index, shown.itertuples(index=False), strict=True)],
    }  # fmt: skip


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _section(section: Section, pictures: dict[str, str]) -> dict[str, Any]:
    def card(one: Card) -> dict[str, Any]:
        return {"shots": [{"id": c, "picture": pictures.get(c, "")} for c in one.cases], "lines": one.lines}

    groups = [
        {"title": g.title, "about": g.about, "pairs": any(len(c.cases) > 1 for c in g.cards),
         "cards": [card(c) for c in g.cards]}
        for g in section.groups
    ]  # fmt: skip
    figures = [{**one, "svg": Markup(one["svg"])} for one in section.figures]  # noqa: S704  ours
    return {"name": section.name, "title": section.title, "sentences": section.sentences, "figures": figures,
            "tables": section.tables, "groups": groups}  # fmt: skip
