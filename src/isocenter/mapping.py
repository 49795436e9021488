"""Clusters, maps and nearest cases in a project folder: measured once, found, described, written, told.

What `run` makes stays as it is: the cohort, its audit and the store are shared, the rest lies in `clusters/`
and `similar/`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping as Plain
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import (
    __version__,
    artefacts,
    batching,
    compute,
    curating,
    disk,
    grouping,
    ingest,
    neighbours,
    preparation,
    progress,
    training,
)
from isocenter.associations import is_no_measurement
from isocenter.auditing.shortcuts import FACTS
from isocenter.auditing.suspicions import LITTLE, MODELS
from isocenter.batching import MINIBATCH
from isocenter.bundle.cells import Kept
from isocenter.bundle.grouped import Grouping
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import BadTarget, DamagedBundle, EmptyInput, NoTarget, UsageError
from isocenter.features.harmonised import strangers
from isocenter.formats import tables
from isocenter.ingest.target import LONELY
from isocenter.measuring import Measured, measure, table_of, vectors_of
from isocenter.options import INDEX
from isocenter.project import fingerprint
from isocenter.refining import Refining
from isocenter.reporting.map import Sheets, picture_size
from isocenter.reporting.map import render as render_map
from isocenter.reporting.map.clusters import clusters_atlas, shown_cases
from isocenter.reporting.map.similar import similar_atlas
from isocenter.steps import Study
from isocenter.subtypes import describe
from isocenter.unsupervised import Clustering, coordinates, numbered
from isocenter.unsupervised.telling import about_numbers, listed

LAYOUTS = ("auto", "pca", "tsne", "umap")
_TSNE = 3000  # cases up to which t-SNE takes seconds
_MEASURING = (
    "preset", "regions", "image_filters", "weights", "window", "standardise", "filters", "reference_site",
)  # fmt: skip
_MADE = "clusters, 3"  # the number rises when clusters.json holds other things
_LEVELS = 60  # texts with more values are not for colouring


class Mapping(Study):
    """A study without labels: none is needed, those that are there only describe."""

    def index(self) -> Cohort:
        """As in any study; where no target is named or found, all columns describe the cases."""
        try:
            return super().index()
        except NoTarget:
            options = self.options
            labels = None if options.labels is None else Path(options.labels)
            listed = ingest.listing(Path(options.input), labels)
            inputs = fingerprint("index", "no target", __version__, listed, options.input, options.of(INDEX))
            told = {k: v for k, v in options.of(INDEX).items() if k in _WITHOUT_TARGET} | {"labels": labels}
            return self.project.get_or_make(
                artefacts.COHORT, inputs, lambda: ingest.index(Path(options.input), with_labels=False, **told)
            )

    def _described(self, cohort: Cohort) -> dict[str, Any]:
        """As in any study, without warnings about models and their parts: there are none."""
        return _without_models(super()._described(cohort))

    def _audited(self, usable: Cohort) -> dict[str, Any]:
        return _without_models(super()._audited(usable))

    @cached_property
    def usable(self) -> Cohort:
        """As in any study; EmptyInput with the first reasons where every case was left out."""
        found = super().usable
        if not len(found):
            faults = self.audit.excluded
            first = "; ".join(f"{one.where}: {one.reason}" for one in faults[:3])
            more = f"; and {len(faults) - 3} more in audit.json" if len(faults) > 3 else ""
            raise EmptyInput(
                f"Every case was left out ({len(faults)} of {self.audit.found} found): {first}{more}.",
                faults[0].remedy if faults else "Name other files with --image.",
            )
        return found

    # -- what all of it starts from -----------------------------------------------------------------
    @cached_property
    def measured(self) -> Measured:
        """The features, from the store where they were computed before."""
        told: dict[str, Any] = {n: getattr(self.options, n) for n in _MEASURING}
        return measure(self.usable, self._primary(), store=self.project.store, **told)

    def _primary(self) -> str | None:
        """The first feature set that is named; the others are not silently passed over."""
        named = self.options.features
        if len(named) > 1:
            progress.note(f"Features: {named[0]}; not {', '.join(named[1:])} (join them with +).")
        return named[0] if named else None

    def _fingerprint(self, what: str, *more: object) -> str:
        options = self.options
        told = [options.features, options.seed, *(getattr(options, n) for n in _MEASURING if n != "weights"), *more]
        return fingerprint(what, __version__, self.project.inputs(artefacts.AUDIT), told)

    def sheets(self, cohort: Cohort) -> Sheets | None:
        """Small pictures of the cases that are shown; None for given features."""
        if cohort.features:
            return None
        size = picture_size(len(cohort))
        some = [] if len(cohort) == len(self.usable) else [list(cohort.case_ids)]
        inputs = fingerprint("pictures", self.project.inputs(artefacts.AUDIT), size, *some)

        def make() -> Sheets:
            draw = partial(preparation.thumbnail, size=size)
            return Sheets.of((o.value for o in compute.stream(draw, cohort.cases, stage="drawing pictures")), size)

        return self.project.get_or_make(artefacts.PICTURES, inputs, make)

    # -- clusters -----------------------------------------------------------------------------------
    def cluster(self, method: str = "auto") -> dict[str, Any]:
        """Clusters, what they are, the map and the lists, all in PROJECT/clusters; as plain data."""
        self._check(method)
        inputs = self._inputs(method)
        every = (artefacts.CLUSTERING, artefacts.CLUSTERS, artefacts.ASSIGNMENTS, artefacts.MAP)
        if not all(self.project.has(one, inputs) for one in every):
            self._put(method, inputs, *(self._in_batches() if method == MINIBATCH else self._at_once(method)))
        found = self.project.get(artefacts.CLUSTERS)
        told = {} if self._is_streamed(method) else self.describe_audit()
        return {**told, "clusters": found, **self._place(), "map": self._path(artefacts.MAP.path)}

    def _check(self, method: str) -> None:
        """UsageError for what cannot be, before anything is read."""
        options = self.options
        grouping.check(method, options.clusters)
        self._refining()
        if options.layout not in LAYOUTS:
            raise UsageError(f"There is no layout '{options.layout}'.", f"Layouts: {', '.join(LAYOUTS)}.")
        if len(options.features) > 1:
            raise UsageError(
                f"Clusters are made of one table of features, not of {' and '.join(options.features)} by turns.",
                f"Join them: --features {'+'.join(options.features)}; or name one.",
            )
        if options.target is not None and options.target in (options.harmonise, *options.preserve):
            raise BadTarget(f"'{options.target}' is the outcome: harmonisation must not know it.",
                            "Take it out of --harmonise and --preserve.")  # fmt: skip
        if self._is_streamed(method) and options.standardise is not None:
            raise UsageError("--standardise is about images.", "Leave it out: the input is a table.")

    def _refining(self) -> Refining:
        """What is done to features first; UsageError for what cannot be."""
        options = self.options
        beside = {"harmonise": options.harmonise, "preserve": options.preserve}
        return Refining.of(options.filters, **beside, reference_site=options.reference_site)

    def _is_streamed(self, method: str) -> bool:
        """Whether INPUT itself is read in batches: then it is not indexed or audited, which would hold all of it."""
        return method == MINIBATCH and batching.streams(Path(self.options.input))

    def _inputs(self, method: str) -> str:
        options = self.options
        if not self._is_streamed(method):
            _ = self.usable  # indexed and audited
            return self._fingerprint(_MADE, method, options.clusters, options.layout)
        if options.labels is not None:
            raise UsageError("--labels are joined in memory.", "Leave them out, or put the columns into the table.")
        self._remember()
        told = [method, options.clusters, options.layout, options.seed, options.of(INDEX), options.filters]
        told.append(options.reference_site)
        return fingerprint(_MADE, __version__, ingest.listing(Path(options.input)), options.input, told)

    def _at_once(self, method: str) -> tuple[Cohort, Measured, Clustering, Clustering]:
        options = self.options
        found = grouping.grouped(
            self.usable, self.measured, method=method, clusters=options.clusters, seed=options.seed
        )
        return self.usable, self.measured, found, found

    def _in_batches(self) -> tuple[Cohort, Measured, Clustering, Clustering]:
        """The cases that are shown with their features and clusters; the clusters of all."""
        options = self.options
        if self._is_streamed(MINIBATCH):
            named = {name: getattr(options, name) for name in _BY_COLUMN}
            target = (options.target or "").split(",")
            others = (*options.covariates, *target, *options.readers)
            covariates = tuple(dict.fromkeys(name.strip() for name in others if name))  # no features, but known
            database = batching.of_file(
                Path(options.input), self._refining(), options.seed, **named, covariates=covariates
            )
        else:
            told: dict[str, Any] = {n: getattr(options, n) for n in _MEASURING}
            database = batching.of_cohort(self.usable, self._primary(), options.seed, **told, store=self.project.store)
        whole = batching.minibatch(database, clusters=options.clusters, seed=options.seed)
        some = batching.shown(whole)
        cohort = database.some(some.case_ids)
        table = table_of(database.measured.pipeline, cohort)
        return cohort, replace(database.measured, table=table), some, whole

    def _put(
        self, method: str, inputs: str, cohort: Cohort, measured: Measured, some: Clustering, whole: Clustering
    ) -> None:
        """Everything in clusters/. cohort, measured, some: of the cases that are shown."""
        options = self.options
        facts = training.facts_of(cohort, self.project.store)[0]
        own = None if facts is None else facts[[c for c in FACTS if c in facts]]
        sites = [options.group_column] if options.group_column else []
        subtypes = describe(some, cohort, measured.table, facts=own, sites=sites, seed=options.seed)
        sheets = self.sheets(cohort)
        pictures = None if sheets is None else sheets.greys(len(cohort))
        identical = [] if self._is_streamed(method) else self._identical(cohort)
        flags = {
            c: flag for c, flag in zip(some.case_ids, strangers(measured.pipeline, cohort.X), strict=False) if flag
        }
        layout = _layout(options.layout, len(cohort))
        places = coordinates(some.points, layout, seed=options.seed)
        found = _plain(cohort, measured, some, layout, options.clusters) | _of_all(cohort, some, whole) | {
            "title": Path(options.input).name,
            "subtypes": _jsonable(subtypes.to_dict()),
            "warnings": _flagged(flags, len(cohort)),
            **curating.lists(cohort, measured, some.points, identical, pictures, flags),
        }  # fmt: skip
        if self._is_streamed(method) and options.target is not None:
            found["labels"]["sentence"] = "Labels are not checked in a table that is read in batches."
        columns = columns_of(cohort, some)
        thumbnails = self._thumbnails(cohort, shown_cases(found))
        atlas = clusters_atlas(found, columns, places, sheets, thumbnails)
        roles = {"image": list(options.image), "mask": list(options.mask)}
        beside = {"harmonise": next(iter(cohort.beside), None), "preserve": list(cohort.beside[1:])}
        about = {"features": measured.name, "roles": roles, "beside": beside}
        on_map = pd.DataFrame(places, index=pd.Index(some.case_ids), columns=["map_x", "map_y"])
        self.project.put(artefacts.CLUSTERING, inputs, Grouping(whole, measured.pipeline, about))
        assignments = whole.assignments.join(on_map)
        if flags:
            assignments["flags"] = assignments.index.map(lambda case_id: flags.get(case_id, ""))
        self.project.put(artefacts.ASSIGNMENTS, inputs, assignments)
        self.project.put(artefacts.MAP, inputs, render_map(atlas))
        self.project.put(artefacts.CLUSTERS, inputs, found)
        for figure in (one for section in atlas.sections for one in section.figures):
            self._write(f"clusters/figures/{figure['name']}.svg", figure["file"])

    def _identical(self, cohort: Cohort) -> list[list[str]]:
        """Groups of the same pixels among the cases that are shown."""
        ids = set(cohort.case_ids)
        groups = [[case_id for case_id in group if case_id in ids] for group in self.audit.duplicates]
        return [group for group in groups if len(group) > 1]

    def _thumbnails(self, cohort: Cohort, case_ids: list[str]) -> dict[str, bytes]:
        if cohort.features:
            return {}
        cases = cohort.select(case_ids).cases
        return {case.case_id: self._thumbnail(case) for case in cases}

    def _write(self, name: str, text: str) -> None:
        if self.project.folder is not None:
            disk.write_text(self.project.folder / name, text)

    def _path(self, name: str) -> str | None:
        return None if self.project.folder is None else str(self.project.folder / name)

    # -- nearest cases ------------------------------------------------------------------------------
    def similar(self, case: str | Path, n: int = 10, distance: str = "auto", search: str = "exact") -> dict[str, Any]:
        """The nearest cases as plain data, and their page in PROJECT/similar. case: as in `isocenter.similar`.

        search: "approximate" keeps the vectors in cells in PROJECT/similar; the next question of a case of the project
        then measures nothing.
        """
        grouping.check_search(search)
        with progress.without_facts():  # what index and audit found was told when they were asked
            cohort = self.usable
        asked = grouping.asked_case(cohort, case, self.options.image, self.options.mask)
        if search == "exact":
            table = grouping.nearest_cases(cohort, self.measured, asked, n, distance)
            name, used = self.measured.name, grouping.metric(self.measured, distance)
        else:
            table, kept = self._in_cells(asked, n, distance)
            name, used = kept.features, kept.cells.distance
        told = {
            "case": asked.name,
            "new": asked.row is None,
            "features": name,
            "distance": used,
            "search": table.attrs["search"],
            "of": len(cohort) - (asked.row is not None),
            "cases": _jsonable(table.reset_index().to_dict("records")),
            "target": cohort.target.column if cohort.target else None,
            "patient": _jsonable(asked.own.table[PATIENT].iloc[0]),
        }
        atlas = similar_atlas(
            told, asked.own.table, self._thumbnails(cohort, list(table.index)) | self._own_thumbnail(asked)
        )
        name = f"similar/{hashlib.sha256(asked.name.encode()).hexdigest()[:16]}"
        self._write(f"{name}.html", render_map(atlas))
        if (path := self._path(f"{name}.csv")) is not None:
            tables.write_table(table, Path(path))
        return {"similar": told, **self._place(), "page": self._path(f"{name}.html")}

    def _in_cells(self, asked: grouping.Asked, n: int, distance: str) -> tuple[pd.DataFrame, Kept]:
        """The nearest cases by the cells that are kept; by new ones where the cohort changed or a file was damaged."""
        inputs = self._fingerprint("cells", distance)
        own = None if asked.row is not None else grouping.own_vector(self.usable, self.measured, asked)

        def make() -> Kept:
            cells = neighbours.celled(vectors_of(self.measured.table), grouping.metric(self.measured, distance))
            return Kept(cells, self.measured.name)

        try:
            kept = self.project.get_or_make(artefacts.CELLS, inputs, make)
            table = grouping.nearest_in_cells(self.usable, kept.cells, asked, n, own)
        except DamagedBundle:
            self.project.put(artefacts.CELLS, inputs, kept := make())
            table = grouping.nearest_in_cells(self.usable, kept.cells, asked, n, own)
        return table, kept

    def _own_thumbnail(self, asked: grouping.Asked) -> dict[str, bytes]:
        """Of a case from outside straight from its file: its id may be that of another case here."""
        if asked.own.features:
            return {}
        case = asked.own.cases[0]
        return {asked.name: self._thumbnail(case) if asked.row is not None else preparation.thumbnail(case)}


_WITHOUT_TARGET = ("id_column", "patient_column", "mask_column", "split_column", "image", "mask", "exclude", "ignore",
                   "group_column", "covariates", "harmonise", "preserve")  # fmt: skip


_BY_COLUMN = ("id_column", "patient_column", "split_column", "group_column", "exclude", "ignore")  # of a file's rows


def _layout(asked: str, n: int) -> Any:
    if asked != "auto":
        return asked
    return "tsne" if n <= _TSNE else "pca"


def columns_of(cohort: Cohort, clustering: Clustering) -> pd.DataFrame:
    """What the map can be coloured by: cluster first, the target, attributes, confidence; few given features."""
    table = cohort.table
    target = [cohort.target.column] if cohort.target else []
    found = {"cluster": grouping.column_of(clustering)}
    if clustering.rare is not None:
        found["rare group"] = pd.Series(np.where(table.index.isin(clustering.rare.cases), "yes", "no"), table.index)
    for name in [*target, *cohort.attributes, *cohort.readers, *cohort.features[:20]]:
        values = table[name]
        numbers = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
        if numbers and values.nunique() <= 6:
            values = values.map(lambda v: f"{v:g}", na_action="ignore").astype("str")
        if numbers or values.nunique() <= max(_LEVELS, len(table) // 20):
            found[name if name not in found else f"{name} (given)"] = values
    if cohort.knows_patients and "patient_id" not in found:
        found["patient_id"] = table[PATIENT]
    confidence = pd.Series(clustering.confidence, index=table.index)
    return pd.DataFrame(found | {"confidence": confidence}).set_axis(table.index, axis=0)


def _plain(cohort: Cohort, measured: Measured, found: Clustering, layout: str, demanded: int) -> dict[str, Any]:
    stability = found.stability
    return {
        "n": len(found),
        "patients": len(set(cohort.patients)) if cohort.knows_patients else None,
        "features": {
            "name": measured.name,
            "columns": measured.table.shape[1],
            "left_out": list(found.projection.left_out)[:50],
            "done": [one.replace("the training cases", "these cases") for one in measured.done],
        },
        "method": found.method,
        "layout": layout,
        "structure": found.structure,
        "clusters": found.n_clusters,
        "sizes": list(found.sizes),
        "unassigned": int((found.labels < 0).sum()),
        "sentence": stability.sentence,
        "rare": None if found.rare is None else {"p": found.rare.p, "cases": list(found.rare.cases)},
        "demanded": demanded,
        "stability": _jsonable({"p": stability.p, "agreement": stability.agreement, "gap_choice": stability.gap_choice,
                                "candidates": [vars(one) for one in stability.candidates],
                                **about_numbers(stability, found.method, demanded)}),
        "explained": [float(v) for v in found.projection.explained],
        "strongest": _strongest(found),
        "medoids": [list(ids) for ids in found.medoids(6)],
        "borderline": _borderline(found),
        "notes": [*_taken(cohort), *found.notes],
    }  # fmt: skip


def _of_all(cohort: Cohort, some: Clustering, whole: Clustering) -> dict[str, Any]:
    """Numbers of all cases, where only some are shown."""
    if some is whole:
        return {}
    said = (
        f"Map, lists and what sets the clusters apart are of {len(some):,} cases drawn at random of {len(whole):,}; "
        "assignments.csv holds all."
    )
    return {
        "n": len(whole),
        "shown": len(some),
        "patients": None,
        "sizes": list(whole.sizes),
        "unassigned": int((whole.labels < 0).sum()),
        "notes": [*_taken(cohort), *whole.notes, said],
    }


def _without_models(described: dict[str, Any]) -> dict[str, Any]:
    kept = [said for said in described["warnings"] if not said.endswith((LONELY, LITTLE)) and MODELS not in said]
    return {**described, "warnings": kept}


def _flagged(flags: Plain[str, str], n: int) -> list[str]:
    """How many of n cases harmonisation did not reach, and why."""
    return [f"{count} of {n} cases: {flag}. They are flagged in assignments.csv." for flag, count in
            Counter(flags.values()).most_common()]  # fmt: skip


def _taken(cohort: Cohort) -> list[str]:
    """Which columns of a table became features, first those that tell of the person or the scanner by their name."""
    if not cohort.features:
        return []
    telling = [name for name in cohort.features if is_no_measurement(name)]
    names = listed([*telling, *(name for name in cohort.features if name not in telling)], 8)
    said = f"The numeric columns were taken as features: {names}."
    if not telling:
        return [f"{said} --ignore COLUMN leaves one out."]
    few = listed(telling, 8)
    how = "--covariates COLUMN keeps one out and tests it against the clusters, --ignore COLUMN leaves it out."
    return [f"{said} Is that meant for {few}? {how}"]


def _strongest(found: Clustering) -> list[list[str]]:
    """The features that weigh most in each of the first components."""
    names, axes = found.projection.names, found.projection.components
    return [[names[j] for j in np.argsort(-np.abs(axis), kind="stable")[:4]] for axis in axes[:3]]


def _borderline(found: Clustering) -> list[dict[str, Any]]:
    if found.n_clusters < 2:
        return []
    at = {case_id: i for i, case_id in enumerate(found.case_ids)}
    rows = [(one, at[one]) for one in found.borderline(12)]
    return [
        {"case": c, "cluster": int(numbered(found.labels[i])), "confidence": float(found.confidence[i])}
        for c, i in rows
    ]


def _jsonable(value: Any) -> Any:
    """Plain values for JSON: NaN and NA are null."""
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
