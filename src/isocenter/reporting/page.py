"""The page: one HTML text with everything in it. No script, no request, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from isocenter.cohort import Target
from isocenter.reporting.elsewhere import summarize_external
from isocenter.reporting.study import Study
from isocenter.reporting.summary import summarize

_HERE = Path(__file__).parent
# Control characters, which HTML forbids, and marks that turn the direction of the text behind
# them ("exe.png" for "gnp.exe"): a file name may hold any of them.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def render(study: Study) -> str:
    """The report as one HTML text; equal studies give equal texts."""
    return page("report.html.jinja", show(summarize(study)))


def render_external(found: Mapping[str, Any], target: Target, name: str) -> str:
    """The page of an external test, from the plain data of `external.json`."""
    summary = summarize_external(found, target, name)
    figures = [figure | {"svg": Markup(figure["svg"])} for figure in summary["figures"]]  # noqa: S704
    return page("external.html.jinja", summary | {"figures": figures})


def page(template: str, summary: Mapping[str, Any], extra: str = "") -> str:
    """A template filled in. extra: style beside the common one."""
    text = _template(template).render(summary, style=Markup(_style() + extra))  # noqa: S704  our own files
    text = _FORBIDDEN.sub("\ufffd", text)
    # File names that are not UTF-8 arrive with lone surrogates, which no file could be written with.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def show(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary with its charts marked as markup: they hold no text of the user's."""
    figures = [figure | {"svg": Markup(figure["svg"])} for figure in summary["figures"]]  # noqa: S704
    importance = [one | {"map": Markup(one["map"])} for one in summary["importance"]]  # noqa: S704
    return summary | {"figures": figures, "importance": importance}


@lru_cache(maxsize=3)
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


@lru_cache(maxsize=1)
def _style() -> str:
    return (_HERE / "style.css").read_text("utf-8")
