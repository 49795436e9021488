"""Every table of a study, at full precision: what is written as CSV and as a sheet of the workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from isocenter.evaluation.groups import suppressed
from isocenter.formats.office import clean
from isocenter.paper.nouns import Finished, Table
from isocenter.radiomics.names import of_column
from isocenter.reporting.baseline import baseline
from isocenter.reporting.words import feature_name

_SHARES = ("sensitivity", "specificity", "ppv", "npv")
_ENDS = ("value", "low", "high")
_IN_FRONT = ("metric", "method", "against", "part", "group")
Rows = list[dict[str, Any]]


def tables(paper: Finished) -> list[Table]:
    """Those that have a row, in the order of the paper."""
    found = [Table(name, title, make(paper)) for name, title, make in _TABLES]
    return [table for table in found if len(table.frame)]


def characteristics(paper: Finished) -> pd.DataFrame:
    """Table 1 as the report shows it: one row a characteristic or level, one column a part."""
    known = baseline(paper.study)
    columns = [f"{column['name']} (n = {column['n']})" for column in known["columns"]]
    rows = []
    for row in (*known["rows"], *known["features"]):
        name = f"  {row['name']}" if row.get("level") else row["name"] + (f", {row['note']}" if row["note"] else "")
        rows.append([name, *row["cells"]])
    return pd.DataFrame(rows, columns=["Characteristic", *columns], dtype="str")


def results(paper: Finished) -> pd.DataFrame:
    """Every estimate of the whole parts, all methods."""
    frame = _estimates(paper)
    return frame[frame["group"].isna()].drop(columns="group")


def _groups(paper: Finished) -> pd.DataFrame:
    """Estimates of groups, then a row a group that is too small to show."""
    frame = _estimates(paper)
    shown = frame[frame["group"].notna()]
    evaluations = [paper.study.evaluations[card["name"]] for card in paper.study.evaluated]
    hidden = [(one.method, group, why) for one in evaluations for group, why in suppressed(one.warnings).items()]
    if not hidden:
        return shown
    rows = pd.DataFrame(hidden, columns=["method", "group", "suppressed"]).assign(part="test")
    return pd.concat([shown, rows], ignore_index=True) if len(shown) else rows


def _estimates(paper: Finished) -> pd.DataFrame:
    frames = [paper.study.evaluations[card["name"]].table() for card in paper.study.evaluated]
    rows = [row for frame in frames for row in frame.to_dict("records")]
    table = pd.DataFrame(rows, columns=frames[0].columns if frames else ["group"])
    return table.assign(group=table["group"].astype(object))


def _comparisons(paper: Finished) -> pd.DataFrame:
    return _frame(paper.comparisons, first=_IN_FRONT)


def _readers(paper: Finished) -> pd.DataFrame:
    """Agreement of all readers, of each pair of them, and of the model with them."""
    rows = [{"about": what, **row} for what in ("overall", "pairs") for row in paper.readers.get(what) or ()]
    return _frame(rows, first=("about", "coefficient", "first", "second", *_IN_FRONT))


def _seeds(paper: Finished) -> pd.DataFrame:
    """How far each number moves by chance alone, then the differences of methods beside that."""
    rows = [{"about": what, **row} for what in ("bands", "differences") for row in paper.seeds.get(what) or ()]
    return _frame(rows, first=("about", *_IN_FRONT))


def _sample_size(paper: Finished) -> pd.DataFrame:
    return _frame(paper.sample_size.get("rows") or ())


def _learning(paper: Finished) -> pd.DataFrame:
    """One row a number of training patients."""
    named = {name: paper.learning.get(name) for name in ("method", "metric")}
    return _frame({**named, **point} for point in paper.learning.get("points") or ())


def _frame(rows: Iterable[Mapping[str, Any]], first: tuple[str, ...] = ()) -> pd.DataFrame:
    """Rows of plain values; a list or mapping in a cell becomes text. `first`: columns that stand in front."""
    plain = [{clean(k): _plain(v) for k, v in _flat(row).items()} for row in rows]
    names = list(dict.fromkeys(k for row in plain for k in row))
    names.sort(key=lambda name: first.index(name) if name in first else len(first))
    return pd.DataFrame({n: pd.Series([row.get(n) for row in plain], dtype=_type(plain, n)) for n in names})


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose intervals stand in columns of their own."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        inner = isinstance(value, Mapping) and set(value) == {"low", "high"}
        found |= {f"{name} {end}": value[end] for end in value} if inner else {name: value}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(str(_plain(v)) for v in value)
    return clean(value) if isinstance(value, str) else value


def _type(rows: Rows, name: str) -> Any:
    """Whole numbers, numbers, truth values, or text where they are mixed; text that is missing stays missing."""
    kinds = {type(row[name]) for row in rows if row.get(name) is not None}
    if kinds <= {int}:
        return "Int64"
    if kinds <= {int, float}:
        return np.float64
    return "boolean" if kinds == {bool} else object


def _points(paper: Finished) -> pd.DataFrame:
    """Operating points: a threshold of the tuning data, and what it reaches on the test part."""
    found: Rows = []
    for method, point in _each_point(paper):
        row = {
            "method": method,
            **{k: point.get(k) for k in ("class", "criterion", "threshold", "met", "why", "origin")},
        }
        for share in _SHARES:
            row[f"tuning {share}"] = (point.get("tuning") or {}).get(share)
            told = (point.get("test") or {}).get(share) or [None] * 4
            row |= dict(zip((f"test {share}", f"{share} low", f"{share} high", f"{share} interval"), told, strict=True))
        found.append(row | dict(point.get("counts") or {}))
    return _frame(found)


def _each_point(paper: Finished) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for card in paper.study.evaluated:
        for point in paper.study.evaluations[card["name"]].points:
            yield str(card["name"]), point


def _prevalences(paper: Finished) -> pd.DataFrame:
    """Predictive values where the condition is rarer or more frequent than here."""
    found: Rows = []
    for method, point in _each_point(paper):
        for one in point.get("prevalences") or ():
            row = {"method": method, **{k: point.get(k) for k in ("class", "criterion", "threshold")}}
            for name, told in one.items():
                row |= _spread(name, told) if isinstance(told, list | tuple) else {name: told}
            found.append(row)
    return _frame(found)


def _spread(name: str, told: Any) -> dict[str, Any]:
    return {name if end == "value" else f"{name} {end}": v for end, v in zip(_ENDS, told, strict=False)}


def _confusions(paper: Finished) -> pd.DataFrame:
    """One row a pair of true and predicted class."""
    return _frame(
        {"method": card["name"], "part": m["part"], "group": m.get("group"), "label": m.get("class"),
         "true": true, "predicted": predicted, "n": int(n)}
        for card in paper.study.evaluated
        for m in paper.study.evaluations[card["name"]].confusion
        for true, counts in zip(_any(m["classes"]), _any(m["matrix"]), strict=True)
        for predicted, n in zip(_any(m["classes"]), counts, strict=True)
    )  # fmt: skip


def _any(value: Any) -> Any:
    return value


def _importance(paper: Finished) -> pd.DataFrame:
    return _frame(
        {"method": c["name"], **row, "feature": feature_name(c, str(row["feature"])), **_ibsi(c, str(row["feature"]))}
        for c in paper.study.models
        for row in c.get("importance") or ()
    )


def _ibsi(card: Mapping[str, Any], column: str) -> dict[str, str]:
    """Which feature of the reference manual a column of radiomics is, with its codes."""
    found = of_column(column) if "radiomics" in (card.get("features") or ()) else None
    return {} if found is None else dict(zip(("ibsi_feature", "ibsi_code", "ibsi_aggregation"), found, strict=True))


def _models(paper: Finished) -> pd.DataFrame:
    """Each method: role, features, parameters (given and chosen), how it decides."""
    return _frame(
        {
            "method": card["name"],
            "kind": card.get("method"),
            "role": card.get("role"),
            "features": list(card.get("features") or ()),
            "covariates": list(card.get("covariates") or ()),
            "parameters": dict(card.get("parameters") or {}),
            "seed": card.get("seed"),
            "learned from cases": card.get("n_cases"),
            "learned from patients": card.get("n_patients"),
            "itself tested": card.get("tested"),
            **dict(paper.decisions.get(str(card["name"]), {})),
        }
        for card in paper.study.models
    )


def _excluded(paper: Finished) -> pd.DataFrame:
    audit = paper.study.audit
    unlabelled = [{"where": i, "code": "Unlabelled", "reason": "no value of the target"} for i in audit["unlabelled"]]
    return _frame([*audit["excluded"], *unlabelled])


def _design(paper: Finished) -> pd.DataFrame:
    """One row a split: how many cases and patients are in each part."""
    cohort, design = paper.study.cohort, paper.study.design
    found: Rows = []
    for split in design.splits:
        row: dict[str, Any] = {"kind": design.kind, "repeat": split.repeat, "fold": split.fold, "group": split.group}
        for part, ids in split.parts.items():
            row[f"{part} cases"] = len(ids)
            if cohort.knows_patients:
                row[f"{part} patients"] = int(cohort.select(ids).table["patient_id"].nunique())
        found.append({**row, "inner folds": len(split.folds), "seed": split.seed})
    return _frame(found)


def _external(paper: Finished) -> pd.DataFrame:
    """A saved model on other patients, beside its own numbers."""
    found: Rows = []
    for name, told in paper.external.items():
        for row in told.get("side_by_side") or ():
            for part in (k for k, v in row.items() if isinstance(v, Mapping)):
                ends = {k: row[part].get(k) for k in (*_ENDS, "interval", "n_cases")}
                found.append(
                    {"external": name, "metric": row.get("metric"), "class": row.get("class"), "part": part, **ends}
                )
    return _frame(found)


def _versions(paper: Finished) -> pd.DataFrame:
    return _frame({"package": name, "version": str(v)} for name, v in paper.study.versions.items())


_TABLES: tuple[tuple[str, str, Callable[[Finished], pd.DataFrame]], ...] = (
    ("baseline", "Baseline characteristics, by part", characteristics),
    ("results", "Every metric of every method and part, with its 95% interval", results),
    ("subgroups", "The same, of groups of the test part", _groups),
    ("comparisons", "Methods against each other", _comparisons),
    ("operating_points", "Thresholds chosen on tuning data, and what they reach on the test part", _points),
    ("predictive_values", "Predictive values at declared prevalences", _prevalences),
    ("confusion", "Confusion matrices, a row a cell", _confusions),
    ("importance", "Permutation importance of features", _importance),
    ("methods", "What was fitted, with parameters and decisions", _models),
    ("design", "Parts and folds", _design),
    ("excluded", "What was left out, and why", _excluded),
    ("readers", "Readers", _readers),
    ("seeds", "How far numbers move with the seed of split and fit", _seeds),
    ("sample_size", "Whether the sample is large enough, a row a criterion", _sample_size),
    ("learning_curve", "The headline metric by number of training patients, in the fitting part", _learning),
    ("external", "Models on patients from elsewhere", _external),
    ("versions", "Software", _versions),
)
