"""Subtypes for the phantom's lesions: groups that nobody is told of, to be found again.

Three kinds by what the eye sees last: smooth and even inside; smooth with a mottled inside; spiculated and
even. Size and attenuation are drawn as ever and tell nothing of the kind, so that clusters of volume
and mean intensity miss them. Class, scanner, age and sex are independent of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from isocenter.datasets.patients import Patient

# (heterogeneity in HU, spiculation as a share of the radius): centre of each subtype
KINDS = ((20.0, 0.06), (165.0, 0.06), (20.0, 1.15))
_LARGER, _LARGEST = 1.3, 40.0  # lesions are larger than others, so that a coarse scan shows what they are made of; mm
_SPREAD = 0.10  # standard deviation within a subtype, of the logarithm


def plant_subtypes(patients: Sequence[Patient], seed: int = 0) -> tuple[tuple[Patient, ...], tuple[int, ...]]:
    """The same patients with lesions of one of three subtypes, and the subtype of each (0, 1, 2), in equal numbers.

    `rendering.render` draws them as any other; the designed difficulty of malignancy no longer holds.
    """
    rng = np.random.default_rng([seed, len(patients), 3])
    kinds = rng.permutation(np.arange(len(patients)) % len(KINDS))
    factors = np.exp(_SPREAD * np.clip(rng.normal(size=(len(patients), 2)), -2, 2))
    changed = tuple(
        replace(
            patient,
            diameter=round(min(_LARGER * patient.diameter, _LARGEST), 3),
            heterogeneity=round(KINDS[kind][0] * float(factor[0]), 3),
            spiculation=round(KINDS[kind][1] * float(factor[1]), 3),
        )
        for patient, kind, factor in zip(patients, kinds, factors, strict=True)
    )
    return changed, tuple(int(kind) for kind in kinds)
