"""A saved model on other people's files: tested, in a folder of what was found, or asked for predictions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from isocenter import artefacts, bundle, checking, disk, external, placing, predicting, reporting, workbench
from isocenter.bundle.grouped import is_grouping
from isocenter.evaluation import Evaluation
from isocenter.formats import tables
from isocenter.options import EXTERNAL, INDEX, Options
from isocenter.project import home

_KNOWN_TO_THE_MODEL = ("task", "positive", "order", "covariates", "split_column")
_ALSO = ("weights", "recalibrate", "seed", "subgroups", "prevalences")


def evaluate_elsewhere(model: Path, input: str, project: Path, **options: Any) -> dict[str, Any]:
    """Test a saved model on other patients; everything found lies in PROJECT/external/NAME/.

    Where no project is named it is the one that the model lies in.

    options: those of `index` that tell how to read INPUT, and `class_names`, `ids_are_local`, `weights`,
    `recalibrate`, `seed`, `subgroups`, `prevalences`. UsageError for others.
    """
    asked = Options().changed(**options)
    _refuse_others(options)
    prevalences = asked.shares
    loaded = bundle.load(model).placed(weights=asked.weights)
    reading = {k: v for k, v in asked.of(INDEX).items() if k not in _KNOWN_TO_THE_MODEL}
    cohort = external.index(loaded, input, class_names=asked.class_names, **reading)
    found = external.assess(
        loaded,
        cohort,
        internal=_own_test(model),
        recalibrate=asked.recalibrate,
        ids_are_local=asked.ids_are_local,
        subgroups=asked.subgroups,
        prevalences=prevalences,
        seed=asked.seed,
    )
    folder = home(project, model.parent.parent) / "external" / (Path(input).stem or "input")
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


def predict_to(model: Path, input: str, output: Path, **how: Any) -> dict[str, Any]:
    """Predict with a saved model and write the table; what was refused or flagged, counted.

    Where the model answers for patients and they are known, OUTPUT has a row a patient, and NAME_by_image beside it
    has a row an image. A saved clustering places the cases in its clusters.
    """
    if is_grouping(model):
        return placing.place_to(model, input, output, **how)
    loaded = bundle.load(model)
    said = workbench.predict(loaded, input, **how)
    answer = said if said.by_patient is None else said.by_patient
    tables.write_table(answer.table(), output)
    flags = [str(flag) for flag in answer.flags] if answer.flags is not None else []
    refused = sum(flag.startswith("refused") for flag in flags)
    images = None if said.by_patient is None else output.with_stem(f"{output.stem}_by_image")
    if images is not None:
        tables.write_table(said.table(), images)
    return {
        "output": str(output),
        "by_image": None if images is None else str(images),
        "predicted": len(answer) - refused,
        "refused": refused,
        "flagged": sum(bool(flag) for flag in flags) - refused,
        "refusals": [f"{i}: {flag}" for i, flag in zip(answer.case_id, flags) if flag.startswith("refused")],
        "flags": sorted({flag for flag in flags if flag}),
        "warnings": list(predicting.unit_warning(loaded, said)),
    }


def _refuse_others(options: Iterable[str]) -> None:
    """What would say how a model is made, or is settled in the bundle: heard in silence it would mislead."""
    usable = {one.name for one in Options.table(INDEX, EXTERNAL)} - {*_KNOWN_TO_THE_MODEL} | {*_ALSO}
    checking.refuse_making([f"--{name.replace('_', '-')}" for name in options if name not in usable])


def _own_test(model: Path) -> Evaluation | None:
    """How the model did at home, where it lies in its project."""
    path = model.parent.parent / artefacts.evaluation(model.stem).path
    return artefacts.evaluation(model.stem).load(path) if path.is_file() else None
