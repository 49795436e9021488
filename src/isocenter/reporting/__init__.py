"""One self-contained page that shows a study: from plain data to a dict (know), from the dict to HTML (show)."""

from isocenter.reporting.page import render, render_external
from isocenter.reporting.picking import pick_cases
from isocenter.reporting.study import Study

__all__ = ["Study", "pick_cases", "render", "render_external"]
