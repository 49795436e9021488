"""Clusters and their map in a project folder: measured once, found, described, written, told; all in `clusters/`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
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
    fitting,
    grouping,
    ingest,
    preparation,
    training,
)
from isocenter.auditing.duplicates import identical_rows
from isocenter.auditing.shortcuts import FACTS
from isocenter.batching import MINIBATCH
from isocenter.bundle.grouped import Grouping
from isocenter.charting import columns_of, flagged, jsonable, layout_of, of_all, plain
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import BadTarget, UsageError
from isocenter.features.harmonised import strangers
from isocenter.measuring import Measured, table_of
from isocenter.options import INDEX
from isocenter.project import fingerprint
from isocenter.refining import Refining
from isocenter.reporting.map import Sheets, picture_size
from isocenter.reporting.map import render as render_map
from isocenter.reporting.map.clusters import clusters_atlas, shown_cases
from isocenter.subtypes import describe
from isocenter.unlabelled import MEASURING, OF_SCANS, Unlabelled
from isocenter.unsupervised import Clustering, coordinates

LAYOUTS = ("auto", "pca", "tsne", "umap")
_BY_COLUMN = ("id_column", "patient_column", "split_column", "group_column", "exclude", "ignore")  # of a file's rows
_MADE = "clusters, 5"  # the number rises when clusters.json or clusters.iso hold other things


class Mapping(Unlabelled):
    """Clusters of the cases, what they are, and the map."""

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
            checking.refuse_of_scans(**{name: getattr(options, name) for name in OF_SCANS})

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
            told: dict[str, Any] = {n: getattr(options, n) for n in MEASURING}
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
        sheets = self._sheets(cohort)
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

    def _sheets(self, cohort: Cohort) -> Sheets | None:
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
