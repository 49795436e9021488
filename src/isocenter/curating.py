"""Cases worth a look before anything is believed: near-duplicates, outliers, labels that neighbours contradict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import neighbours
from isocenter.cohort import Cohort
from isocenter.measuring import Measured, vectors_of
from isocenter.neighbours import ALIKE, FAR
from isocenter.splitting import given_parts

LISTED = 1000  # of each list, in clusters.json
NO_LABELS = "No labels to check: name them with --target."
_FEWEST = 20  # cases, for labels to be checked


@dataclass(frozen=True, eq=False)
class Divided:
    """What divides cases that should not be alike: parts, of a given split; labels, where they are classes; patients,
    where they are known. Each by case id, or None.
    """

    parts: pd.Series | None
    labels: pd.Series | None
    patients: pd.Series | None

    @classmethod
    def of(cls, cohort: Cohort) -> Divided:
        """As the cohort has it."""
        target, known = cohort.target, cohort.knows_patients
        return cls(
            None if cohort.split_column is None else given_parts(cohort)[1],
            cohort.table[target.column] if target is not None and target.is_classes else None,
            pd.Series(cohort.patients, index=cohort.table.index) if known else None,
        )

    def apart(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """{"parts", "labels", "patients"}: the values that the cases have, of each kind in which they differ."""
        found = {}
        for kind, column in (("parts", self.parts), ("labels", self.labels), ("patients", self.patients)):
            values = [] if column is None else sorted(set(column.loc[list(ids)].dropna().astype("str")))
            if len(values) > 1:
                found[kind] = values
        return found

    def order(self, apart: Mapping[str, Sequence[str]]) -> tuple[int, int, int]:
        """The gravest first: a test part that shares pictures, other parts, labels; those within a patient last."""
        parts = apart.get("parts", ())
        within = self.patients is not None and "patients" not in apart
        return 0 if "test" in parts else 1 if parts else 2, 0 if "labels" in apart else 1, int(within)


def lists(
    cohort: Cohort,
    measured: Measured,
    points: NDArray[np.float32],
    identical: Sequence[Sequence[str]] = (),
    pictures: NDArray[np.float32] | None = None,
    flags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """{"identical", "identical_by", "identical_apart", "near", "outliers", "labels"} as plain data.

    identical: groups of the same pixels, or of equal features where these were given ("identical_by": "pixels",
    "features"), as the audit counts them; points (n, d): where the clustering sees the
    cases; flags: what is said of some cases, by id; pictures (n, p): small grey pictures, to tell
    near-duplicates by where the features do not.
    What joins parts of a given split or labels comes first; "identical_apart": what divides each group.
    """
    ids = [str(one) for one in cohort.case_ids]
    divided = Divided.of(cohort)
    groups = sorted(((divided.apart(group), list(group)) for group in identical), key=lambda one: divided.order(one[0]))
    return {
        "identical": [group for _, group in groups],
        "identical_by": "features" if cohort.features else "pixels",
        "identical_apart": [apart for apart, _ in groups],
        "near": near_duplicates(ids, measured, identical, pictures, divided),
        "outliers": outliers(ids, points, flags or {}),
        "labels": label_noise(cohort, points),
    }


def near_duplicates(
    ids: Sequence[str],
    measured: Measured,
    identical: Sequence[Sequence[str]],
    pictures: NDArray[np.float32] | None,
    divided: Divided,
) -> dict[str, Any]:
    """{"how", "count", "across", "sentence", "pairs": [{"first", "second", "likeness", "apart"}]}, without what is
    bit-identical.

    The gravest pairs first, then the most alike. across: pairs between parts ("test and training": 3), of different
    "labels", and "within a patient"; sentence: the same for people.
    """
    least = measured.likeness
    if least is None and pictures is None:
        why = f"these {measured.table.shape[1]} features do not tell cases apart"
        return {"how": f"not looked for, {why}", "count": 0, "across": {}, "sentence": "", "pairs": []}
    vectors = vectors_of(measured.table) if least is not None or pictures is None else pictures
    same = {case_id: k for k, group in enumerate(identical) for case_id in group}
    pairs: list[dict[str, Any]] = [
        {"first": ids[p.first], "second": ids[p.second], "likeness": round(p.likeness, 5),
         "apart": divided.apart((ids[p.first], ids[p.second]))}
        for p in neighbours.alike(vectors, least or ALIKE)
        if ids[p.first] not in same or same.get(ids[p.first]) != same.get(ids[p.second])
    ]  # fmt: skip
    pairs.sort(key=lambda pair: divided.order(pair["apart"]))
    what = f"the features ({measured.name})" if least is not None else "small grey pictures of the cases"
    how = f"cosine of {least or ALIKE:g} or more between {what}, the common mean taken off"
    across = _across(pairs, divided)
    return {
        "how": how, "count": len(pairs), "across": across, "sentence": _sentence(across), "pairs": pairs[:LISTED],
    }  # fmt: skip


def _across(pairs: Sequence[Mapping[str, Any]], divided: Divided) -> dict[str, int]:
    """How many pairs join what should be apart."""
    parts = Counter(" and ".join(pair["apart"]["parts"]) for pair in pairs if "parts" in pair["apart"])
    found = dict(sorted(parts.items()))  # those with the test part come first in the alphabet
    found["labels"] = sum("labels" in pair["apart"] for pair in pairs)
    if divided.patients is not None:
        found["within a patient"] = sum("patients" not in pair["apart"] for pair in pairs)
    return {name: n for name, n in found.items() if n}


def _sentence(across: Mapping[str, int]) -> str:
    names = {"labels": "of different labels", "within a patient": "within a patient"}
    told = ", ".join(f"{n} {names.get(name, f'between {name}')}" for name, n in across.items())
    leaks = any(name.startswith("test and ") for name in across)
    return f"Of them {told}{': results on this split are too good' if leaks else ''}." if told else ""


def outliers(ids: Sequence[str], points: NDArray[np.float32], flags: Mapping[str, str]) -> dict[str, Any]:
    """{"how", "count", "flagged", "cases": [{"case", "score", "flag"}]}, the furthest first; flagged: of all."""
    score = neighbours.outlying(points)
    far = np.flatnonzero(score > FAR)
    far = far[np.argsort(-score[far], kind="stable")]
    how = f"further from the five nearest cases than usual, by more than {FAR:g} robust standard deviations"
    cases = [{"case": ids[i], "score": round(float(score[i]), 2), "flag": flags.get(ids[i], "")} for i in far[:LISTED]]
    return {"how": how, "count": len(far), "flagged": sum(ids[int(i)] in flags for i in far), "cases": cases}


def label_noise(cohort: Cohort, points: NDArray[np.float32]) -> dict[str, Any]:
    """{"sentence", "count", "cases": [{"case", "label", "neighbours", "share"}]}; none if neighbours know nothing."""
    target = cohort.target
    why = None
    if target is None:
        why = NO_LABELS
    elif not target.is_classes:
        why = f"{target.column} has no classes that neighbours could contradict."
    elif len(cohort) < _FEWEST:
        why = f"Labels are not checked in less than {_FEWEST} cases."
    if target is None or why:
        return {"sentence": why, "count": 0, "cases": []}
    codes = np.asarray(cohort.codes, dtype=np.int64)
    found = neighbours.contradicted(points, codes, pd.factorize(cohort.patients)[0].astype(np.int64))
    rare = f" {found.unjudged} cases of labels with less than 5 patients were not judged." if found.unjudged else ""
    if found.labels < 2:
        return {"sentence": f"Less than two labels of {target.column} have 5 patients.{rare}", "count": 0, "cases": []}
    share = (
        f"{100 * found.agreement:.0f} % of a label's cases (mean over {found.labels} labels, rare ones counting more; "
        f"by chance {100 * found.chance:.0f} %)"
    )
    if not found.tells:
        sentence = f"Neighbours agree with {target.column} in {share}: too little to doubt any label by.{rare}"
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
        f"Neighbours of other patients agree with {target.column} in {share}; standing among cases of "
        f"another label: {len(found.rows)}. These are candidates for a second look, not errors.{rare}"
    )
    return {"sentence": sentence, "count": len(found.rows), "cases": cases}
