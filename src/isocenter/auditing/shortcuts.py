"""Could the answer be read off how an image was made? The AUC of metadata alone, before anything is learned.

A model of chest films can score well by telling the bedside projection of the very ill from the
upright one of the others. So what is known of the acquisition (view, scanner, site, size, kernel,
date) is made to predict the target by itself: column by column, and together. Only the fitting
part is used, its own folds held out in turn, so this is no look at the test part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter.cohort import Cohort
from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import bootstrap, percentiles
from isocenter.metrics.ranking import Ranking, auc_of

ALARM = 0.6  # lower limit of the AUC above which metadata are said to give the answer away
TOGETHER = "all together"
BINS = 5  # of a number, and
MOST_LEVELS = 50  # texts with more values are ids, not settings
# Words in a column's name that tell of the acquisition, not of the patient.
_NAMES = re.compile(
    r"site|hospital|cent(er|re)|institution|scanner|manufacturer|vendor|model|device|station|machine|view|projection"
    r"|modality|protocol|sequence|kernel|kvp|exposure|contrast|slice|spacing|thickness|resolution|coil|field|date|year"
    r"|position|portable|format|source|batch|folder",
    re.IGNORECASE,
)
FACTS = ("modality", "channels", "depth", "rows", "columns", "spacing_slice", "spacing_row", "spacing_column")


def metadata_auc(
    cohort: Cohort, facts: pd.DataFrame | None, folds: Sequence[Sequence[str]], *, draws: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Rows {"column", "auc", "low", "high", "n_cases"}, the strongest first; [] where nothing is known.

    Columns that part the cases alike are one row that names them all ("site and scanner"), and count once together.

    cohort: the fitting part; facts: of its images (`preparation.facts`), or None; folds: held-out
    case ids, grouped by patient. Covariates are declared by the user and left out. With several
    classes the mean of each against the rest. The interval is a bootstrap of patients over pooled
    folds: good enough for a warning, and for nothing else.
    """
    target = cohort.target
    if target is None or not target.is_classes or len(folds) < 2:
        return []
    known = _known(cohort, facts)
    if known.empty:
        return []
    held = [known.index.get_indexer(pd.Index(fold, dtype=object)) for fold in folds]
    codes = np.asarray(cohort.codes, dtype=np.int64)
    patients = pd.factorize(cohort.patients)[0].astype(np.int64)
    columns = {" and ".join(names): names[:1] for names in _alike(known)}
    if len(columns) > 1:
        columns[TOGETHER] = [name for names in columns.values() for name in names]
    rows = []
    for name, used in columns.items():
        scores = _out_of_fold(known[used], codes, len(target.classes), held)
        rows.append({"column": name, **_auc(scores, codes, patients, draws, seed), "n_cases": len(codes)})
    return sorted(rows, key=lambda row: -np.nan_to_num(row["auc"], nan=-1.0))


def alarms(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for what gives the answer away; the columns themselves before their union."""
    found = [row for row in rows if row["low"] is not None and row["low"] > ALARM]
    single = [row for row in found if row["column"] != TOGETHER] or found
    return [
        f"Metadata alone predict the target: '{row['column']}' reaches an AUC of {row['auc']:.2f} "
        f"({row['low']:.2f} to {row['high']:.2f}) in the training part without any image. A model may have learned "
        "how images are made, not what they show."
        for row in single[:3]
    ]


def tells_of_acquisition(name: str) -> bool:
    """Whether a column's name is one of how images were made (site, scanner, protocol, date), not of the patient."""
    return _NAMES.search(name) is not None


def _known(cohort: Cohort, facts: pd.DataFrame | None) -> pd.DataFrame:
    """What is known of the acquisition, as level numbers (-1: missing), columns that vary."""
    named = [c for c in cohort.attributes if _NAMES.search(c) and c not in cohort.covariates]
    split = str(cohort.split_column).partition("=")[0]
    table = cohort.table[[c for c in named if c != split]]
    if facts is not None:
        own = facts.reindex(cohort.case_ids)[[c for c in FACTS if c in facts and c not in table]]
        table = pd.concat([table, own.set_axis(table.index)], axis=1)
    levels = {str(name): _levels(table[name]) for name in table.columns}
    kept = {name: codes for name, codes in levels.items() if codes is not None and len(np.unique(codes)) > 1}
    return pd.DataFrame(kept, index=cohort.table.index)


def _alike(known: pd.DataFrame) -> list[list[str]]:
    """The columns, those that part the cases in the same way side by side, each group where its first column stands."""
    groups: dict[bytes, list[str]] = {}
    for name in known.columns:
        groups.setdefault(pd.factorize(known[name])[0].tobytes(), []).append(str(name))
    return list(groups.values())


def _levels(values: pd.Series) -> Ints | None:
    """Number of the level of each case; fifths of a number; None for free text."""
    if types.is_numeric_dtype(values) and not types.is_bool_dtype(values) and values.nunique() > BINS:
        ranks = values.astype(np.float64).rank(pct=True)
        return np.asarray(np.ceil(ranks.fillna(0) * BINS) - 1, dtype=np.int64)
    codes, names = pd.factorize(values)
    return None if len(names) > min(MOST_LEVELS, max(len(values) // 4, 2)) else codes.astype(np.int64)


def _out_of_fold(known: pd.DataFrame, codes: Ints, k: int, held: Sequence[NDArray[np.intp]]) -> Floats:
    """(n, k) summed log shares of the classes among cases of the same level elsewhere: naive Bayes, smoothed."""
    scores = np.zeros((len(codes), k))
    for fold in held:
        rest = np.setdiff1d(np.arange(len(codes)), fold)
        prior = np.bincount(codes[rest], minlength=k) + 0.5
        for name in known.columns:
            level = known[name].to_numpy()
            levels, place = np.unique(level, return_inverse=True)
            counts = np.zeros((len(levels), k))
            np.add.at(counts, (place[rest], codes[rest]), 1.0)
            shares = (counts + prior / prior.sum()) / (counts.sum(axis=0) + 1.0)
            scores[fold] += np.log(shares)[place[fold]]
    return scores


def _auc(scores: Floats, codes: Ints, patients: Ints, draws: int, seed: int) -> dict[str, float | None]:
    """AUC of the last of two classes, or the mean over several, with its interval."""
    k = scores.shape[1]
    classes = [1] if k == 2 else [c for c in range(k) if 0 < (codes == c).sum() < len(codes)]
    rankings = [Ranking.of(_against(scores, c), codes == c) for c in classes]

    def measures(weights: Floats) -> dict[str, Floats]:
        return {"auc": np.mean([auc_of(*ranking.tally(weights)) for ranking in rankings], axis=0)}

    value = float(measures(np.ones(len(codes)))["auc"])
    if not np.isfinite(value) or patients.max() < 1:
        return {"auc": None, "low": None, "high": None}
    low, high, _ = percentiles(bootstrap(measures, patients, draws=draws, seed=seed)["auc"]).interval
    return {"auc": value, "low": low if np.isfinite(low) else None, "high": high if np.isfinite(high) else None}


def _against(scores: Floats, c: int) -> Floats:
    """Log odds of a class against the best of the others."""
    return np.asarray(scores[:, c] - np.delete(scores, c, axis=1).max(axis=1))
