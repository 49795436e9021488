"""External tests on disk: a saved model, another hospital's files, a folder of what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isocenter import artefacts, bundle, disk, external, reporting
from isocenter.evaluation import Estimate
from isocenter.options import INDEX, Options

_KNOWN_TO_THE_MODEL = ("task", "positive", "order", "covariates", "split_column")


def evaluate_elsewhere(model: Path, input: str, project: Path, **options: Any) -> dict[str, Any]:
    """Test a saved model on other patients; everything found lies in PROJECT/external/NAME/.

    options: those of `index` that tell how to read INPUT, and `class_names`, `ids_are_local`,
    `recalibrate`, `seed`.
    """
    loaded = bundle.load(model)
    asked = Options().changed(**options)
    reading = {k: v for k, v in asked.of(INDEX).items() if k not in _KNOWN_TO_THE_MODEL}
    cohort = external.index(loaded, input, class_names=asked.class_names, **reading)
    found = external.assess(
        loaded,
        cohort,
        internal=_own_test(model),
        recalibrate=asked.recalibrate,
        ids_are_local=asked.ids_are_local,
        seed=asked.seed,
    )
    folder = project / "external" / (Path(input).stem or "input")
    disk.make_folder(folder)
    artefacts.EXTERNAL.save(found.to_dict(), folder / artefacts.EXTERNAL.path)
    artefacts.EXTERNAL_TABLE.save(found.predictions, folder / artefacts.EXTERNAL_TABLE.path)
    page = reporting.render_external(found.to_dict(), found.model.target, Path(input).name)
    artefacts.REPORT.save(page, folder / artefacts.REPORT.path)
    return {
        "project": str(folder),
        "external": found.to_dict(),
        "warnings": list(found.warnings),
        "report": str(folder / artefacts.REPORT.path),
    }


def _own_test(model: Path) -> list[Estimate]:
    """The rows of the model's own test part, where it lies in its project."""
    path = model.parent.parent / artefacts.evaluation(model.stem).path
    if not path.is_file():
        return []
    return [row for row in artefacts.evaluation(model.stem).load(path).estimates if row.part == "test"]
