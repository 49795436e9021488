"""Predictions of several splits against their reference: an estimate of the procedure, not of one model.

Takes a table with one row a case and split (columns repeat, fold, part), of cases or of patients.
`dependent` says how value and interval of each metric come from folds that are not independent.

There is no partial AUC here. Where n cases of a fold lack the event, its part of the curve (false alarms up to 0.1)
stands on the highest n / 10 of them, whose false-alarm rates are on average 0.05 (n + 10) / (n + 1) and not 0.05. So
small folds flatter, and a mean over folds keeps what each of them adds: where 0.633 is true (AUC 0.80), it is 0.727
with 6 such cases a fold, 0.657 with 20 and 0.637 with 100. Pooled, scores of different models would be ranked.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import PATIENT, Target
from isocenter.evaluation import dependent
from isocenter.evaluation.calibrated import DISTANCES
from isocenter.evaluation.folds import DRAWS, Fold, Folded, Repeat
from isocenter.evaluation.nouns import Estimate, Evaluation
from isocenter.evaluation.single import _panel, _pictures, _placed, _row, _usable, evaluate
from isocenter.evaluation.weighing import measures
from isocenter.metrics import Floats, Ints
from isocenter.metrics.curves import pr_curve, roc_curve
from isocenter.metrics.estimation import Estimated, Panel
from isocenter.metrics.intervals import NONE
from isocenter.metrics.panels import Key, ValuePanel
from isocenter.prediction import Prediction
from isocenter.splitting import Design

GRID = 201  # points of a mean curve
TEST, TUNING = "test", "tuning"
Found = dict[Key, Estimated]


def evaluate_folds(
    table: pd.DataFrame,
    target: Target,
    design: Design,
    *,
    method: str,
    group: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Evaluation:
    """Every metric of all splits together, on test and tuning part.

    table: case_id, patient_id, part, reference, prediction, probability_<class>..., repeat, fold;
    group: what these rows are, where they are not the whole; draws 0: values only. Numbers on
    tuning data are means over the splits, without interval. With a group column each of its values
    is a group, "<column>=<value>", and the group "the next <column>" holds the range to expect for
    one that was not seen.
    """
    rows, lost = finite_rows(table, target)
    tested = rows[rows["part"] == TEST]
    said = [f"{lost} predictions are missing or not finite and are left out."] if lost else []
    if tested.empty:
        return Evaluation(method, warnings=_placed([*said, "there is no case to evaluate."], TEST, group))
    data = replace(folds_of(tested, target), seed=seed, draws=draws)
    first = tested[tested["repeat"] == tested["repeat"].min()]
    n_cases = int(first["n_cases"].sum()) if "n_cases" in first else len(first)
    blank = Estimate("", method, TEST, 0, 0, 0, "", n_cases, int(_patients(first).nunique()), group=group)
    found, unseen = _estimates(data, rows, target, design)
    made = [_rows(blank, found, data.whole, target)]
    if unseen and group is None:
        made.append(_rows(replace(blank, group=f"the next {design.group_column}"), unseen, data.whole, target))
    tuning = rows[rows["part"] == TUNING]
    if not tuning.empty:
        made.append(_rows(replace(blank, part=TUNING), _mean_of_splits(tuning, target), data.whole, target))
    curves, confusion = _drawn(data, target, design, {"part": TEST, "group": group})
    said += [_procedure(design, data)] if group is None else []
    said += _undefined(found, data, target, design)
    estimates = tuple(row for some in made for row in some)
    whole = Evaluation(method, estimates, curves, confusion, warnings=_placed(said, TEST, group))
    alone = group is None and design.group_column is not None and draws > 0
    sites = _by_site(tested, target, design, method, seed) if alone else []
    return whole.joined(*sites)


# -- from the table to folds -------------------------------------------------------------------
def finite_rows(table: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, int]:
    """Rows with a finite prediction and reference, and how many have none; InputDoesNotFit as in `single`."""
    usable = _usable(Prediction.from_table(table), target.encode(table["reference"]), target)
    return table[usable], int((~usable).sum())


def _patients(rows: pd.DataFrame) -> pd.Series[Any]:
    """Patient of each row; a case of unknown patient stands for itself."""
    known = rows[PATIENT]
    return known.where(known.notna(), "case:" + rows["case_id"].astype(str))


def _panel_of(rows: pd.DataFrame, target: Target) -> Panel:
    return _panel(Prediction.from_table(rows), target.encode(rows["reference"]), target)


def folds_of(rows: pd.DataFrame, target: Target) -> Folded:
    """Rows of several splits as folds and repeats, each in the order of its number."""
    folds = [
        Fold(_panel_of(some, target), _codes(_patients(some)))
        for _, some in rows.groupby(["repeat", "fold"], sort=True)
    ]
    repeats = [
        Repeat(_panel_of(some, target), _codes(_patients(some)), _codes(some["fold"]))
        for _, some in rows.groupby("repeat", sort=True)
    ]
    return Folded(folds, repeats)


def _codes(names: pd.Series[Any]) -> Ints:
    return pd.factorize(names, sort=True)[0].astype(np.int64)


# -- from folds to numbers ---------------------------------------------------------------------
def _rows(blank: Estimate, found: Found, panel: Panel, target: Target) -> list[Estimate]:
    return [_row(blank, key, one, panel, target) for key, one in found.items()]


def one_by_one(design: Design) -> bool:
    """Whether single patients are left out: folds that define no metric of their own."""
    return design.kind == "leave-one-out" and design.group_column is None


def _estimates(data: Folded, rows: pd.DataFrame, target: Target, design: Design) -> tuple[Found, Found]:
    """Each metric by the rule of the design; and the range to expect for a site that was not seen."""
    if design.group_column is not None:
        wanted = [key for key in data.keys if key in data.whole.keys or key[0] in dependent.LINES]
        pools = {key: dependent.sites(data, key) for key in wanted}
        found = {key: Estimated(one.value, one.interval) for key, one in pools.items()}
        return found, {k: Estimated(p.value, p.prediction) for k, p in pools.items() if p.prediction is not NONE}
    if one_by_one(design):
        none = Estimated(math.nan)
        return {k: none if k[0] in dependent.RANKS else dependent.pooled(data, k) for k in data.keys}, {}
    if design.kind == "nested":
        inner = inner_values(rows[rows["part"] == TUNING], target, design, data)
        nothing = np.full(len(data.folds), math.nan)
        return {key: dependent.nested_cv(data, key, inner.get(key, nothing)) for key in data.keys}, {}
    return {key: dependent.kfold(data, key) for key in data.keys}, {}


def inner_values(tuning: pd.DataFrame, target: Target, design: Design, data: Folded) -> dict[Key, Floats]:
    """(J,) of each metric: its mean over the inner folds of a split, which leave out one fold more.

    They are out-of-fold scores of the candidate that was chosen, and the choice was made on these very rows: where
    much is chosen from, they flatter. Bates et al. choose nothing within their loops.
    """
    found: dict[Key, list[float]] = {key: [] for key in data.whole.keys}
    by_split = dict(list(tuning.groupby(["repeat", "fold"])))
    for split in design.splits:
        rows = by_split.get((split.repeat, split.fold))
        fold_of = {case_id: k for k, ids in enumerate(split.folds) for case_id in ids}
        inner: dict[Key, Floats] = {}
        if rows is not None:
            inner = folds_of(rows.assign(repeat=0, fold=rows["case_id"].map(fold_of)), target).values
        for key, values in found.items():
            values.append(float(inner[key].mean()) if key in inner else math.nan)
    return {key: np.array(values) for key, values in found.items()}


def _mean_of_splits(tuning: pd.DataFrame, target: Target) -> Found:
    """Out-of-fold predictions of each split as `single` takes them, averaged over the splits."""
    each = []
    for _, rows in tuning.groupby(["repeat", "fold"], sort=True):
        panel = _panel_of(rows, target)
        each.append({key: float(value) for key, value in measures(panel, np.ones(len(rows))).items()})
    keys = dict.fromkeys(key for one in each for key in one)
    return {key: Estimated(float(np.mean([one.get(key, math.nan) for one in each]))) for key in keys}


def _by_site(tested: pd.DataFrame, target: Target, design: Design, method: str, seed: int) -> list[Evaluation]:
    """Each value that was left out as a group of its own: one model, one test part, the usual intervals."""
    found = []
    for split in design.splits:
        rows = tested[(tested["repeat"] == split.repeat) & (tested["fold"] == split.fold)]
        if not rows.empty:
            group = f"{design.group_column}={split.group}"
            said, codes = Prediction.from_table(rows), target.encode(rows["reference"])
            patients = _patients(rows).to_numpy(dtype=object)
            cases = rows["n_cases"].to_numpy(dtype=np.int64) if "n_cases" in rows else None
            how: dict[str, Any] = {"method": method, "part": TEST, "group": group, "seed": seed, "cases": cases}
            found.append(evaluate(said, codes, target, patients, **how))
    return found


# -- pictures and words ------------------------------------------------------------------------
def _drawn(
    data: Folded, target: Target, design: Design, place: dict[str, object]
) -> tuple[dict[str, list[dict[str, object]]], tuple[dict[str, object], ...]]:
    """ROC and precision-recall as means over all folds, for a score of one model is none of another; the other
    curves and the confusion matrix from the pooled predictions of the first repeat.
    """
    curves, confusion = _pictures(data.whole, target, data.repeats[0].patients, place)
    if one_by_one(design) or isinstance(data.whole, ValuePanel):
        return {kind: _bare(some) for kind, some in curves.items() if kind not in ("roc", "pr")}, confusion
    codes = {None if k is None else target.classes[k]: k for k in data.whole.codes}
    found: dict[str, list[dict[str, object]]] = {}
    for kind, some in curves.items():
        found[kind] = [{**curve, "how": "pooled predictions of the first repeat"} for curve in _bare(some)]
        if kind in ("roc", "pr"):
            means = [(curve, *_mean_curve(data, codes[curve["class"]], kind)) for curve in some]  # type: ignore[index]
            found[kind] = [
                {**curve, "x": x.tolist(), "y": y.tolist(), "threshold": [None] * len(x), "how": f"mean of {n} folds"}
                for curve, x, y, n in means
                if n
            ]
    return found, confusion


def _bare(curves: list[dict[str, object]]) -> list[dict[str, object]]:
    """Without the band, which would take folds that share their training cases for patients of one model."""
    return [{name: v for name, v in curve.items() if name not in ("low", "high")} for curve in curves]


def _mean_curve(data: Folded, k: int | None, kind: str) -> tuple[Floats, Floats, int]:
    """Vertical average (Fawcett, Pattern Recogn Lett 2006): its area is the mean of the folds' areas."""
    x, heights = np.linspace(0, 1, GRID), []
    for fold in data.folds:
        assert not isinstance(fold.panel, ValuePanel)
        curve = (roc_curve if kind == "roc" else pr_curve)(fold.panel.is_event(k), fold.panel.scores(k))
        if not curve.x.size:
            continue
        if kind == "roc":
            heights.append(np.interp(x, curve.x, curve.y))
            heights[-1][0] = 0.0
        else:  # precision is that of the first threshold which reaches the recall
            heights.append(curve.y[np.minimum(np.searchsorted(curve.x, x - 1e-12), len(curve.x) - 1)])
    return x, np.mean(heights, axis=0) if heights else np.full(GRID, np.nan), len(heights)


def _procedure(design: Design, data: Folded) -> str:
    if design.group_column is not None:
        return (
            f"each '{design.group_column}' is tested by a model of the others; the whole is their random-effects "
            "mean. It is an estimate of the procedure, not of the model that is kept."
        )
    curves = "" if one_by_one(design) else " ROC and precision-recall curves are means over the folds;"
    return (
        f"an estimate of the procedure from {len(data.folds)} models, not of the model that is kept.{curves} "
        "Calibration, net benefit and the confusion matrix pool the predictions of one repeat."
    )


def _undefined(found: Found, data: Folded, target: Target, design: Design) -> list[str]:
    """What folds do not define, and how its number was made."""
    names = {key: key[0] if key[1] is None else f"{key[0]} of {target.classes[key[1]]}" for key in found}
    said = []
    pooled = [names[k] for k in data.whole.keys if found[k].interval.how == "corrected-resampled-pooled"]
    if pooled and not one_by_one(design):
        said.append(f"some folds do not define {', '.join(pooled)}: pooled within each repeat.")
    if few := [names[k] for k, e in found.items() if e.undefined]:
        most = max(e.undefined for e in found.values())
        said.append(f"up to {most} of {len(data.folds)} folds do not define {', '.join(few)}: means over the others.")
    lacking = [
        names[k]
        for k, e in found.items()
        if math.isnan(e.value) and not (one_by_one(design) and k[0] in dependent.RANKS)
    ]
    if lacking:
        said.append(f"{', '.join(lacking)} cannot be computed: no fold defines it.")
    without = [k for k, e in found.items() if e.interval is NONE and not math.isnan(e.value) and k[0] not in DISTANCES]
    certain = [] if one_by_one(design) else [k for k in without if dependent.certain(data, k)]
    if certain:
        alike = ", ".join(names[k] for k in certain)
        said.append(f"no interval for {alike}: each fold says the same of all its cases, so that it is always this.")
    if bare := [names[k] for k in without if k not in certain]:
        said.append(f"no interval for {', '.join(bare)}: the folds all agree, or too few define it.")
    return said
