"""Feature steps: cases in, a table of named numbers out, under scikit-learn's grammar.

Contract: `fit(cases, y=None)`, `transform(cases)` to a DataFrame (index case_id),
`get_feature_names_out()`. Constructor parameters are plain str, int, float, bool, None or tuple
(`clone` copies them, bundles save them); what is learned is plain too and ends in `_`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pandas as pd

FEATURES: dict[str, str] = {
    "given": "isocenter.features.given:Given",
    "covariates": "isocenter.features.covariates:Covariates",
    "intensity": "isocenter.features.intensity:Intensity",
    "pixels": "isocenter.features.pixels:Pixels",
    "embedding": "isocenter.features.embedding:Embedding",
    "descriptors": "isocenter.features.classic:Descriptors",
    "radiomics": "isocenter.features.radiomics:Radiomics",
}
FROM_SCANS = ("radiomics", "intensity", "pixels", "embedding", "descriptors")
SMALL = 64  # pixels a side up to which an image is its own feature vector

if TYPE_CHECKING:
    from isocenter.features.classic import Descriptors
    from isocenter.features.covariates import Covariates
    from isocenter.features.embedding import Embedding
    from isocenter.features.given import Given
    from isocenter.features.intensity import Intensity
    from isocenter.features.pixels import Pixels
    from isocenter.features.radiomics import Radiomics

__all__ = [
    "FEATURES", "Covariates", "Descriptors", "Embedding", "Given", "Intensity", "Pixels", "Radiomics",
    "default_features",
]  # fmt: skip


def __getattr__(name: str) -> object:
    for place in FEATURES.values():
        module, _, attribute = place.partition(":")
        if attribute == name:
            return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module 'isocenter.features' has no attribute '{name}'")


def default_features(facts: pd.DataFrame) -> str:
    """What suits these images (`preparation.facts`): "pixels" for small ones of one size, else "intensity"."""
    sizes = facts[["depth", "rows", "columns"]].drop_duplicates()
    if len(sizes) != 1:
        return "intensity"
    depth, rows, columns = (int(n) for n in sizes.iloc[0])
    return "pixels" if depth == 1 and max(rows, columns) <= SMALL else "intensity"
