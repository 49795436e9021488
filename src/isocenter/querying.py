"""Cases like one, in a project folder: a question, which changes nothing there but what it writes into `similar/`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import artefacts, grouping, neighbours, preparation, progress, training
from isocenter.bundle.cells import Kept
from isocenter.charting import jsonable
from isocenter.cohort import PATIENT
from isocenter.errors import DamagedBundle
from isocenter.formats import tables
from isocenter.measuring import vectors_of
from isocenter.options import SIMILAR, Options
from isocenter.project import Project
from isocenter.reporting.map import render as render_map
from isocenter.reporting.map.similar import similar_atlas
from isocenter.stages import RUN
from isocenter.unlabelled import Unlabelled


class Query(Unlabelled):
    """The nearest cases to one of the project, or to one that is not in it."""

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
