"""Clusters, maps and nearest cases in a project folder: measured once, found, described, written, told.

What `run` makes stays as it is: the cohort, its audit and the store are shared, the rest lies in `clusters/`
and `similar/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import (
    __version__,
    artefacts,
    batching,
    checking,
    compute,
    curating,
    disk,
    fitting,
    grouping,
    ingest,
    neighbours,
    preparation,
    presenting,
    progress,
    training,
)
from isocenter.auditing.duplicates import identical_rows
from isocenter.auditing.shortcuts import FACTS
from isocenter.batching import MINIBATCH
from isocenter.bundle.cells import Kept
from isocenter.bundle.grouped import Grouping
from isocenter.charting import columns_of, flagged, jsonable, layout_of, of_all, plain
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import BadTarget, DamagedBundle, EmptyInput, NoTarget, UsageError
from isocenter.features.harmonised import strangers
from isocenter.formats import tables
from isocenter.ingest.columns import TARGET_NAMES
from isocenter.ingest.columns import plain as plain_name
from isocenter.measuring import Measured, measure, table_of, vectors_of
from isocenter.options import INDEX, SIMILAR, Options
from isocenter.project import Project, fingerprint
from isocenter.refining import Refining
from isocenter.reporting.map import Sheets, picture_size
from isocenter.reporting.map import render as render_map
from isocenter.reporting.map.clusters import clusters_atlas, shown_cases
from isocenter.reporting.map.similar import similar_atlas
from isocenter.stages import RUN
from isocenter.steps import Study
from isocenter.subtypes import describe
from isocenter.unsupervised import Clustering, coordinates

LAYOUTS = ("auto", "pca", "tsne", "umap")
_OF_SCANS = ("preset", "regions", "image_filters", "weights", "window", "standardise")
_MEASURING = (*_OF_SCANS, "filters", "reference_site")
_MADE = "clusters, 5"  # the number rises when clusters.json or clusters.iso hold other things


class Mapping(Study):
    """A study without labels: none is needed, those that are there only describe."""

    def index(self) -> Cohort:
        """As in any study; where no target is named, and none (or none that is one) is found, columns only describe."""
        try:
            return super().index()
        except NoTarget:
            return self._without_target()
        except BadTarget:
            if self._asks_for_target():
                raise
            return self._without_target()

    def _asks_for_target(self) -> bool:
        """Whether options name the target, say of what kind it is, or would harmonise by a column that is called so."""
        options = self.options
        beside = (name for name in (options.harmonise, *options.preserve) if name)
        asked = (options.target, options.task, options.positive, options.order, options.readers)
        return any(asked) or any(plain_name(name) in TARGET_NAMES for name in beside)

    def _without_target(self) -> Cohort:
        options = self.options
        labels = None if options.labels is None else Path(options.labels)
        listed = ingest.listing(Path(options.input), labels)
        inputs = fingerprint("index", "no target", __version__, listed, options.input, options.of(INDEX))
        told = {k: v for k, v in options.of(INDEX).items() if k in _WITHOUT_TARGET} | {"labels": labels}
        found = self.project.get_or_make(
            artefacts.COHORT, inputs, lambda: ingest.index(Path(options.input), with_labels=False, **told)
        )
        self._remember()
        return found

    def _described(self, cohort: Cohort) -> dict[str, Any]:
        """As in any study, without warnings about models and their parts: there are none."""
        return self._without_models(super()._described(cohort))

    def _audited(self, usable: Cohort) -> dict[str, Any]:
        return self._without_models(super()._audited(usable))

    @staticmethod
    def _without_models(described: dict[str, Any]) -> dict[str, Any]:
        told = [name for name in ("notes", "warnings") if name in described]
        said: dict[str, Any] = {name: presenting.without_models(described[name]) for name in told}
        return {**described, **said}

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
        checking.one_table(options.features, "Clusters are made")
        if options.target is not None and options.target in (options.harmonise, *options.preserve):
            raise BadTarget(f"'{options.target}' is the outcome: harmonisation must not know it.",
                            "Take it out of --harmonise and --preserve.")  # fmt: skip
        if self._is_streamed(method):
            checking.refuse_of_scans(**{name: getattr(options, name) for name in _OF_SCANS})

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
        identical = self._identical(cohort)
        flags = {
            c: flag for c, flag in zip(some.case_ids, strangers(measured.pipeline, cohort.X), strict=False) if flag
        }
        layout = layout_of(options.layout, len(cohort))
        places = coordinates(some.points, layout, seed=options.seed)
        found = plain(cohort, measured, some, layout, options.clusters) | of_all(cohort, some, whole) | {
            "title": Path(options.input).name,
            "subtypes": jsonable(subtypes.to_dict()),
            "warnings": flagged(flags, len(cohort)),
            **curating.lists(cohort, measured, some.points, identical, pictures, flags),
        }  # fmt: skip
        if self._is_streamed(method) and options.target is not None:
            found["labels"]["sentence"] = "Labels are not checked in a table that is read in batches."
        columns = columns_of(cohort, some)
        thumbnails = self._thumbnails(cohort, shown_cases(found))
        atlas = clusters_atlas(found, columns, places, sheets, thumbnails)
        roles = {"image": list(options.image), "mask": list(options.mask), "like": list(map(list, cohort.kinds))}
        beside = {"harmonise": next(iter(cohort.beside), None), "preserve": list(cohort.beside[1:])}
        about = {"features": measured.name, "roles": roles, "beside": beside, **self._like(method, cohort, whole)}
        on_map = pd.DataFrame(places, index=pd.Index(some.case_ids), columns=["map_x", "map_y"])
        self.project.put(artefacts.CLUSTERING, inputs, Grouping(whole, measured.pipeline, about))
        assignments = self._assigned(method, whole).join(on_map)
        if flags:
            assignments["flags"] = assignments.index.map(lambda case_id: flags.get(case_id, ""))
        self.project.put(artefacts.ASSIGNMENTS, inputs, assignments)
        self.project.put(artefacts.MAP, inputs, render_map(atlas))
        self.project.put(artefacts.CLUSTERS, inputs, found)
        for figure in (one for section in atlas.sections for one in section.figures):
            self._write(f"clusters/figures/{figure['name']}.svg", figure["file"])

    def _like(self, method: str, shown: Cohort, whole: Clustering) -> dict[str, Any]:
        """What new cases are held against when they are placed: the `ranges` of a table, or the `profile` of scans."""
        cohort = shown if self._is_streamed(method) else self.usable
        if cohort.features:  # of a sample they are too narrow
            table = cohort.table[[name for name in cohort.features if name not in cohort.beside]]
            return {"ranges": fitting.ranges(table) if len(cohort) == len(whole) else {}}
        return {
            "profile": preparation.Profile.of(preparation.facts(cohort.cases, store=self.project.store)[0]).to_dict()
        }

    def _assigned(self, method: str, whole: Clustering) -> pd.DataFrame:
        """The cluster of every case, behind its patient where that is known."""
        found = whole.assignments
        if not self._is_streamed(method) and self.usable.knows_patients:
            found.insert(0, PATIENT, self.usable.table[PATIENT])
        return found

    def _identical(self, cohort: Cohort) -> list[list[str]]:
        """Groups of the same pixels, or of equal given features, among the cases that are shown."""
        if cohort.features:
            return [list(group) for group in identical_rows(cohort.table[list(cohort.features)])]
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
    def similar(
        self,
        case: str | Path,
        n: int = 10,
        distance: str = "auto",
        search: str = "exact",
        image: Sequence[str] = (),
        mask: Sequence[str] = (),
    ) -> dict[str, Any]:
        """The nearest cases as plain data, and their page in PROJECT/similar. case: as in `isocenter.similar`.

        A query: other options than the project's are for this answer alone, and nothing that the project remembers
        changes. image, mask: which files of a new case are what; those of the project where not given. search:
        "approximate" keeps the vectors in cells in PROJECT/similar; the next such question measures nothing.
        """
        grouping.check_search(search)
        if self.project.keeps:
            question = type(self)(self._of_question(), self.project.aside())
            return question.similar(case, n, distance, search, image, mask)
        with progress.without_facts():  # what index and audit found was told when they were asked
            cohort = self.usable
        asked = grouping.asked_case(cohort, case, image or self.options.image, mask or self.options.mask)
        if search == "exact":
            table = grouping.nearest_cases(cohort, self.measured, asked, n, distance)
            name, done, used = self.measured.name, self.measured.done, grouping.metric(self.measured, distance)
        else:
            table, kept = self._in_cells(asked, n, distance)
            name, done, used = kept.features, list(kept.done), kept.cells.distance
        told = {
            "case": asked.name,
            "new": asked.row is None,
            "features": name,
            "measured": done,
            "only_here": self._only_here(),
            "unlike": grouping.unlike(cohort, asked, self.project.store),
            "distance": used,
            "search": table.attrs["search"],
            "of": len(cohort) - (asked.row is not None),
            "cases": jsonable(table.reset_index().to_dict("records")),
            "target": cohort.target.column if cohort.target else None,
            "patient": jsonable(asked.own.table[PATIENT].iloc[0]),
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
        # A question is asked aside, where nothing stays; cells are for the next one.
        project = self.project if self.project.folder is None else Project(self.project.folder)
        inputs = self._fingerprint("cells", distance)
        own = None if asked.row is not None else grouping.own_vector(self.usable, self.measured, asked)

        def make() -> Kept:
            cells = neighbours.celled(vectors_of(self.measured.table), grouping.metric(self.measured, distance))
            return Kept(cells, self.measured.name, tuple(self.measured.done))

        try:
            kept = project.get_or_make(artefacts.CELLS, inputs, make)
            table = grouping.nearest_in_cells(self.usable, kept.cells, asked, n, own)
        except DamagedBundle:
            project.put(artefacts.CELLS, inputs, kept := make())
            table = grouping.nearest_in_cells(self.usable, kept.cells, asked, n, own)
        return table, kept

    def _only_here(self) -> list[str]:
        """Options of this query that are not the project's."""
        if (saved := self._saved()) is None:
            return []
        left_out = training.unsuited(saved.changed(features=self.options.features))
        return self.options.apart(saved.changed(**{n: getattr(self.options, n) for n in left_out}), SIMILAR)

    def _of_question(self) -> Options:
        """The options without those of the project that are about other features than the question's."""
        options, usual, saved = self.options, Options(), self._saved()
        names = [n for n in training.unsuited(options) if saved and getattr(saved, n) == getattr(options, n)]
        if names:
            told = ", ".join(f"--{name.replace('_', '-')}" for name in names)
            progress.note(
                f"Of the project's options {told} say nothing of {', '.join(options.features)}: left out here."
            )
        return options.changed(**{name: getattr(usual, name) for name in names})

    def _saved(self) -> Options | None:
        """The options that the project remembers."""
        run = None if self.project.folder is None else self.project.folder / RUN
        return None if run is None or not run.is_file() else Options.from_toml(run)

    def _own_thumbnail(self, asked: grouping.Asked) -> dict[str, bytes]:
        """Of a case from outside straight from its file: its id may be that of another case here."""
        if asked.own.features:
            return {}
        case = asked.own.cases[0]
        return {asked.name: self._thumbnail(case) if asked.row is not None else preparation.thumbnail(case)}


_WITHOUT_TARGET = ("id_column", "patient_column", "mask_column", "split_column", "image", "mask", "exclude", "ignore",
                   "group_column", "covariates", "harmonise", "preserve")  # fmt: skip


_BY_COLUMN = ("id_column", "patient_column", "split_column", "group_column", "exclude", "ignore")  # of a file's rows
