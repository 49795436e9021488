"""Cases worth a look before anything is believed: near-duplicates, outliers, labels that neighbours contradict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import neighbours
from isocenter.cohort import Cohort
from isocenter.measuring import Measured, vectors_of
from isocenter.neighbours import ALIKE, FAR

LISTED = 1000  # of each list, in clusters.json


def lists(
    cohort: Cohort,
    measured: Measured,
    points: NDArray[np.float32],
    identical: Sequence[Sequence[str]] = (),
    pictures: NDArray[np.float32] | None = None,
) -> dict[str, Any]:
    """{"identical", "near", "outliers", "labels"} as plain data.

    identical: groups of the same pixels, from the audit; points (n, d): where the clustering sees the
    cases; pictures (n, p): small grey pictures, to tell near-duplicates by where the features do not.
    """
    ids = [str(one) for one in cohort.case_ids]
    return {
        "identical": [list(group) for group in identical],
        "near": near_duplicates(ids, measured, identical, pictures),
        "outliers": outliers(ids, points),
        "labels": label_noise(cohort, points),
    }


def near_duplicates(
    ids: Sequence[str], measured: Measured, identical: Sequence[Sequence[str]], pictures: NDArray[np.float32] | None
) -> dict[str, Any]:
    """{"how", "count", "pairs": [{"first", "second", "likeness"}]}, without those that are bit-identical."""
    least = measured.likeness
    if least is None and pictures is None:
        why = f"these {measured.table.shape[1]} features do not tell cases apart"
        return {"how": f"not looked for, {why}", "count": 0, "pairs": []}
    vectors = vectors_of(measured.table) if least is not None or pictures is None else pictures
    same = {case_id: k for k, group in enumerate(identical) for case_id in group}
    pairs = [
        {"first": ids[p.first], "second": ids[p.second], "likeness": round(p.likeness, 5)}
        for p in neighbours.alike(vectors, least or ALIKE)
        if ids[p.first] not in same or same.get(ids[p.first]) != same.get(ids[p.second])
    ]
    what = f"the features ({measured.name})" if least is not None else "small grey pictures of the cases"
    how = f"cosine of {least or ALIKE:g} or more between {what}, the common mean taken off"
    return {"how": how, "count": len(pairs), "pairs": pairs[:LISTED]}


def outliers(ids: Sequence[str], points: NDArray[np.float32]) -> dict[str, Any]:
    """{"how", "count", "cases": [{"case", "score"}]}, the furthest first."""
    score = neighbours.outlying(points)
    far = np.flatnonzero(score > FAR)
    far = far[np.argsort(-score[far], kind="stable")]
    how = f"further from the five nearest cases than usual, by more than {FAR:g} robust standard deviations"
    cases = [{"case": ids[i], "score": round(float(score[i]), 2)} for i in far[:LISTED]]
    return {"how": how, "count": len(far), "cases": cases}


def label_noise(cohort: Cohort, points: NDArray[np.float32]) -> dict[str, Any]:
    """{"sentence", "count", "cases": [{"case", "label", "neighbours", "share"}]}; none if neighbours know nothing."""
    target = cohort.target
    if target is None or not target.is_classes or len(cohort) < 20:
        return {"sentence": "No labels to check: name them with --target.", "count": 0, "cases": []}
    codes = np.asarray(cohort.codes, dtype=np.int64)
    found = neighbours.contradicted(points, codes, pd.factorize(cohort.patients)[0].astype(np.int64))
    share = f"{100 * found.agreement:.0f} % (by chance {100 * found.chance:.0f} %)"
    if not found.tells:
        sentence = f"Neighbours agree with the label {target.column} in {share}: too little to doubt any label by."
        return {"sentence": sentence, "count": 0, "cases": []}
    ids = cohort.case_ids
    cases = [
        {
            "case": str(ids[i]),
            "label": target.classes[codes[i]],
            "neighbours": target.classes[o],
            "share": round(float(s), 3),
        }
        for i, o, s in zip(found.rows[:LISTED], found.other[:LISTED], found.share[:LISTED], strict=True)
    ]
    sentence = (
        f"Neighbours of other patients agree with the label {target.column} in {share}; {len(found.rows)} cases stand "
        "among cases of another label. Candidates for a second look, not errors."
    )
    return {"sentence": sentence, "count": len(found.rows), "cases": cases}
