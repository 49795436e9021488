"""Isocenter: from a folder of scans to a model you can defend.

>>> import isocenter
>>> isocenter.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Names resolve when first used (PEP 562): scikit-learn and pandas take over a second to import.
_HOMES = {
    "isocenter.workbench": ("index", "audit", "split", "fit", "evaluate", "compare", "predict"),
    "isocenter.grouping": ("cluster", "similar"),
    "isocenter.placing": ("place",),
    "isocenter.cutting": ("patches",),
    "isocenter.tabulating": ("feature_table",),
    "isocenter.presenting": ("report",),
    "isocenter.running": ("run", "export"),
    "isocenter.steps": ("Study",),
    "isocenter.case": ("Case", "Source"),
    "isocenter.image": ("Image", "Mask", "Geometry"),
    "isocenter.cohort": ("Cohort", "Target", "Task"),
    "isocenter.splitting": ("Design", "Split"),
    "isocenter.model": ("Model", "Decision"),
    "isocenter.prediction": ("Prediction",),
    "isocenter.evaluation": ("Evaluation", "Estimate", "Comparison"),
    "isocenter.errors": ("IsocenterError",),
    "isocenter.bundle": ("load", "save"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    from isocenter.bundle import load, save
    from isocenter.case import Case, Source
    from isocenter.cohort import Cohort, Target, Task
    from isocenter.cutting import patches
    from isocenter.errors import IsocenterError
    from isocenter.evaluation import Comparison, Estimate, Evaluation
    from isocenter.grouping import cluster, similar
    from isocenter.image import Geometry, Image, Mask
    from isocenter.model import Decision, Model
    from isocenter.placing import place
    from isocenter.prediction import Prediction
    from isocenter.presenting import report
    from isocenter.running import export, run
    from isocenter.splitting import Design, Split
    from isocenter.steps import Study
    from isocenter.tabulating import feature_table
    from isocenter.workbench import audit, compare, evaluate, fit, index, predict, split

__all__ = [
    "Case", "Cohort", "Comparison", "Decision", "Design", "Estimate", "Evaluation", "Geometry", "Image",
    "IsocenterError", "Mask", "Model", "Prediction", "Source", "Split", "Study", "Target", "Task", "audit", "cluster",
    "compare", "evaluate", "export", "feature_table", "fit", "index", "load", "patches", "place", "predict", "report",
    "run", "save", "similar", "split",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'isocenter' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
