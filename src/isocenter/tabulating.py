"""Features of scans as a table of its own, a row a case, for any program.

A case's row depends on no other case, but for a preset that nobody named: it follows from the first.

    OUTPUT                  case_id, patient_id where any is known, then the features
    OUTPUT_names            of radiomics: each column's IBSI name and codes
    OUTPUT_excluded         cases that are not in it, and why; then rows of the labels without a case

Through the store: interrupted, the same command measures what is missing. OUTPUT is written last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import checking, disk, ingest, presenting, progress, training, workbench
from isocenter.auditing import Audit
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault, InputDoesNotFit, NotWritable, UsageError
from isocenter.features.regions import ONE
from isocenter.formats import tables
from isocenter.ingest.columns import commonest
from isocenter.measuring import JOINS, Measured, measure
from isocenter.options import MEASURE, Options
from isocenter.project import Project
from isocenter.radiomics.names import of_column

NAMES, EXCLUDED = "names", "excluded"
_READING = ("labels", "id_column", "patient_column", "mask_column", "image", "mask", "exclude")


def feature_table(
    input: str | Path | Cohort,
    features: str | None = None,
    *,
    labels: str | Path | None = None,
    id_column: str | None = None,
    patient_column: str | None = None,
    mask_column: str | None = None,
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    exclude: Sequence[str] = (),
    preset: Sequence[str] = (),
    regions: str = ONE,
    image_filters: Sequence[str] = (),
    weights: str | None = None,
    window: str = "auto",
    standardise: str | None = None,
    store: str | None = None,
) -> pd.DataFrame:
    """The features of scans, with or without labels: index case_id, patient_id where any is known, then a column each.

    input: folder or file of scans, or a cohort (the options that say how files are read are then not heard); features:
    a key of FEATURES, or several joined by + (None: what suits the input), columns then begin with "SET: "; the others
    as on the command line. Nothing is learned across cases: what would be (Nyul's scale, harmonisation, filters)
    belongs inside the folds of a study and is refused, or for a cohort with `harmonise` left undone. store: folder that
    keeps each finished case, or None. Cases that cannot be measured are not in the table; they stand in its
    `attrs["excluded"]`, {"where", "code", "reason", "remedy"} each, and a warning counts them.

    Raises UsageError, InputError, LabelError; InputDoesNotFit for a table of features.
    """
    reading: dict[str, Any] = {"labels": labels, "id_column": id_column, "patient_column": patient_column}
    reading |= {"mask_column": mask_column, "image": image, "mask": mask, "exclude": exclude}
    how: dict[str, Any] = {"preset": preset, "regions": regions, "image_filters": image_filters, "weights": weights}
    found = _tabulated(input, reading, features, {**how, "window": window, "standardise": standardise}, store)
    if left := found.left:
        progress.warning(f"{len(left)} of {len(found.table) + len(left)} cases are not in the table: {left[0].reason}")
    for sentence in training.mixed(found.cohort, [features or ""], preset):
        progress.warning(sentence)
    found.table.attrs[EXCLUDED] = [asdict(fault) for fault in left]
    return found.table


def features_to(input: str, output: Path, project: Path, **options: Any) -> dict[str, Any]:
    """`feature_table` to a file, with what is beside it; counts as plain data. options: of MEASURE, as `Options`.

    Of the project only the store is used. Nothing is overwritten: NotWritable where one of the files is there.
    """
    asked = Options().changed(**options)
    features = checking.one_table(asked.features, "The table is made")
    tables.check_writable(output)
    beside = {name: output.with_stem(f"{output.stem}_{name}") for name in (NAMES, EXCLUDED)}
    for path in (output, *beside.values()):
        if path.exists():
            raise NotWritable(f"{path} is there already; nothing is overwritten.", "Name another file, or delete it.")
    told = asked.of(MEASURE)
    reading = {name: told.pop(name) for name in _READING}
    del told["features"]
    found = _tabulated(input, reading, features, told, Project(project).store)
    others = {
        NAMES: _names(found.measured),
        EXCLUDED: pd.DataFrame([asdict(one) for one in (*found.left, *found.rows)]),
    }
    disk.make_folder(output.absolute().parent)
    for name, table in others.items():
        if len(table):
            tables.write_table(table, beside[name])
    tables.write_table(found.table, output)
    return found.told() | {"table": str(output)} | {n: str(beside[n]) for n, table in others.items() if len(table)}


@dataclass(frozen=True, eq=False)
class _Tabulated:
    cohort: Cohort
    table: pd.DataFrame
    measured: Measured
    audit: Audit

    @property
    def left(self) -> list[Fault]:
        """The cases that are not in the table."""
        return [fault for fault in self.audit.excluded if not fault.of_row]

    @property
    def rows(self) -> list[Fault]:
        """Rows of the table of labels that no case came from."""
        return [fault for fault in self.audit.excluded if fault.of_row]

    def told(self) -> dict[str, Any]:
        """Counts that reconcile, how it was measured, what is not defined."""
        values = self.measured.table
        gaps = values.isna().sum()
        counts: dict[str, Any] = {"found": len(values) + len(self.left), "used": len(values)}
        counts |= {"excluded": [asdict(one) for one in self.left], "rows": [asdict(one) for one in self.rows]}
        counts |= {"patients": self.audit.patients, "columns": values.shape[1], "features": self.measured.name}
        counts |= {"missing": int(gaps.sum()), "incomplete": int((gaps > 0).sum()), "done": self.measured.done}
        warnings = dict.fromkeys((*self.cohort.warnings, *self.audit.warnings))
        notes = list(self.cohort.notes)
        return {"notes": notes, "tabulated": counts, "warnings": presenting.without_models(list(warnings))}


def _tabulated(
    input: str | Path | Cohort, reading: dict[str, Any], features: str | None, how: dict[str, Any], store: str | None
) -> _Tabulated:
    names = [name.strip() for name in (features or "").split(JOINS)]
    if "nyul" in (how["standardise"] or ""):
        raise UsageError(
            "The scale of Nyul is learned from all cases: in a table of all of them test cases would teach training.",
            "Use zscore or n4 here, or let isocenter run learn it inside the folds.",
        )
    cohort = input if isinstance(input, Cohort) else ingest.index(input, with_labels=False, **reading)
    if cohort.features:
        raise InputDoesNotFit("The input is a table of features already.", "Give a folder of scans.")
    cohort = replace(cohort, beside=())
    measuring = {name: how[name] for name in ("preset", "regions", "image_filters")}
    training.require([features or ""], how["weights"], store)
    audit = workbench.audit(cohort, features=[features] if features else [], **measuring, store=store)
    usable = audit.usable(cohort)
    if not len(usable):
        raise commonest(list(audit.excluded), f"None of {audit.found} cases can be measured.")
    if "pixels" in names:
        progress.note("Pixels: all images are brought to the size that these have in common.")
    measured = measure(usable, features, **how, store=store)
    known = [usable.table[PATIENT]] if usable.knows_patients else []
    table = pd.concat([*known, measured.table], axis=1).rename_axis("case_id")
    return _Tabulated(cohort, table, measured, audit)


def _names(measured: Measured) -> pd.DataFrame:
    """What each column of radiomics is in IBSI's words; no row for columns that are none of its features."""
    joined = JOINS in measured.name
    rows = []
    for column in measured.table.columns if "radiomics" in measured.name.split(JOINS) else ():
        kind, _, own = column.rpartition(": ")
        if (not joined or kind == "radiomics") and (known := of_column(own)) is not None:
            rows.append({"column": column, "feature": known[0], "ibsi": known[1], "aggregation": known[2]})
    return pd.DataFrame(rows)
