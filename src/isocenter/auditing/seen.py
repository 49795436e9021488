"""Whom a model has learned from, and was tested on: digests, so that a later test can refuse the same patients.

Names and pixels are not kept. A digest of a short id can be guessed by trying ids: it hides
who was in the training data from a reader, not from an attacker.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.auditing.duplicates import row_hashes
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault, SeenInTraining

Hashes = NDArray[np.uint64]
REMEDY = (
    "Test on other patients. If equal ids are other people at this hospital: --ids-are-local "
    "(identical images and rows are refused all the same)."
)


# What the card calls a part, and what is said of a case that is found in it.
PLACES = {"seen": "in the model's training data.", "tested_on": "in the model's own test part: not external."}


def fingerprints(cohort: Cohort, facts: pd.DataFrame | None) -> dict[str, str]:
    """Digests of the patients, and of the pixels or rows, as plain text for a model's card.

    Eight bytes each, equal ones once: about 11 characters a patient and as many a case. Rows of which two are equal
    within the cohort coincide by chance: then they tell nobody, and are not kept.
    """
    found = _hashes(cohort, facts, cohort.features)
    if "rows" in found and len(np.unique(found["rows"])) < len(found["rows"]):
        del found["rows"]
    return {kind: _packed(np.unique(hashes[hashes != 0])) for kind, hashes in found.items()}


def seen(card: Mapping[str, Any], cohort: Cohort, facts: pd.DataFrame | None, *, ids_are_local: bool) -> list[Fault]:
    """A fault for each case whose patient, pixels or row the model was trained on, or was tested on at home."""
    columns = [name for name in card["inputs"] if name not in (*card["covariates"], *card.get("beside", ()))]
    own = _hashes(cohort, facts, columns)
    found: dict[str, tuple[str, str]] = {}
    for part, place in PLACES.items():
        known = {kind: _unpacked(text) for kind, text in card.get(part, {}).items()}
        for kind, hashes in own.items():
            if kind in known and not (kind == "patients" and ids_are_local):
                for case_id in cohort.case_ids[np.isin(hashes, known[kind]) & (hashes != 0)]:
                    found.setdefault(str(case_id), (kind, place))
    what = {"patients": "its patient is", "pixels": "its very pixels are", "rows": "its very row is"}
    return [
        Fault.of(case_id, SeenInTraining(f"{what[kind]} {place}", REMEDY)) for case_id, (kind, place) in found.items()
    ]


def _hashes(cohort: Cohort, facts: pd.DataFrame | None, columns: Sequence[str]) -> dict[str, Hashes]:
    """By kind, one a case (0: not known); columns: the given features in the model's order."""
    found: dict[str, Hashes] = {}
    if cohort.knows_patients:
        found["patients"] = _digests(cohort.table[PATIENT])
    if len(columns) > 1 and set(columns) <= set(cohort.table):  # single numbers coincide by chance
        found["rows"] = row_hashes(cohort.table[list(columns)])
    elif facts is not None:
        found["pixels"] = _digests(facts["pixel_digest"].reindex(cohort.case_ids))
    return found


def _digests(values: Iterable[Any]) -> Hashes:
    """(n,) the first 8 bytes of each text's SHA-256; 0 where it is missing."""
    texts = [None if pd.isna(value) else str(value).strip().encode() for value in values]
    first = [b"\0" * 8 if text is None else hashlib.sha256(text).digest()[:8] for text in texts]
    return np.frombuffer(b"".join(first), dtype="<u8").astype(np.uint64)


def _packed(hashes: Hashes) -> str:
    return base64.b64encode(hashes.astype("<u8").tobytes()).decode("ascii")


def _unpacked(text: str) -> Hashes:
    return np.frombuffer(base64.b64decode(text), dtype="<u8").astype(np.uint64)
