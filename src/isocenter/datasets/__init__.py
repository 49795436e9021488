"""Example data that needs no download: a synthetic CT cohort, and scikit-learn's real tables.

`phantom` writes a cohort of genuine DICOM series with lesion masks and labels; `draw_patients`,
`render` and `oracle` are its parts: who the patients are, what their scans look like, and how well
anybody could tell malignant from benign. `breast_cancer` and `diabetes` write feature tables.
"""

from __future__ import annotations

from isocenter.datasets.patients import SCANNERS, Patient, Scanner, draw_patients, oracle
from isocenter.datasets.phantom import PhantomSummary, phantom
from isocenter.datasets.rendering import render
from isocenter.datasets.tables import breast_cancer, diabetes

__all__ = [
    "SCANNERS", "Patient", "PhantomSummary", "Scanner", "breast_cancer", "diabetes", "draw_patients", "oracle",
    "phantom", "render",
]  # fmt: skip
