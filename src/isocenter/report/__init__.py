"""One self-contained page that shows a study: from plain data to a dict (know), from the dict to HTML (show)."""

from isocenter.report.page import render
from isocenter.report.picking import pick_cases
from isocenter.report.study import Study

__all__ = ["Study", "pick_cases", "render"]
