"""The verbs on a project folder: run, export, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isocenter import (
    artefacts,
    disk,
    progress,
)
from isocenter.errors import MissingPath, OtherStudy
from isocenter.options import Options
from isocenter.project import Project
from isocenter.stages import RUN
from isocenter.steps import Study


def saved_options(folder: Path) -> Options:
    """The options of an earlier step in this project, or the defaults."""
    path = folder / RUN
    return Options.from_toml(path) if path.is_file() else Options()


def heed_another_study(folder: Path, input: str, *, repeats: bool) -> None:
    """Results of another INPUT in this project would be lost: OtherStudy if this repeats a run, else a warning."""
    if not (folder / RUN).is_file() or not (folder / artefacts.COHORT.path).is_file():
        return
    known = saved_options(folder).input
    if known and Path(known).absolute() != Path(input).absolute():
        said = f"The project {folder} holds a study of {known}"
        if repeats:
            raise OtherStudy(f"{said}: this one of {input} would overwrite it.", "Name another folder with --project.")
        progress.warning(f"{said}: its results are replaced. To keep both give each a folder with --project.")


def run(input: str | Path, *, project: str | Path | None = None, **options: object) -> Study:
    """The main job: index, audit, split, fit, evaluate, report. INPUT may be an earlier run.toml.

    project: folder to keep everything in; None: in memory. options: those of the command line
    (see `Options`), lists as lists or as one text with commas; other names are parameters of
    the method. Returns the `Study`, its pieces as attributes.
    """
    path = disk.as_path(input, "INPUT")
    folder = None if project is None else disk.as_path(project, "The project")
    known = {f.name for f in Options.table()}
    parameters = {name: options.pop(name) for name in list(options) if name not in known}
    if parameters:
        options["set"] = (
            *Options().changed(set=options.get("set", ())).set,
            *(f"{k}={v}" for k, v in parameters.items()),
        )
    base = Options.from_toml(path) if path.suffix == ".toml" else Options(input=str(path.absolute()))
    if folder is not None:
        heed_another_study(folder, base.input, repeats=path.suffix == ".toml")
    study = Study(base.changed(**options), Project(folder))
    study.index()
    study.report()
    return study


def export(project: str | Path, output: str | Path | None = None) -> Path:
    """Write a finished project's figures, tables, data and a draft for a paper; the folder (PROJECT/paper).

    Nothing is fitted and the test part is not looked at again. MissingStep where nothing was evaluated.
    """
    place = disk.as_path(project, "The project")
    folder = place / "paper" if output is None else disk.as_path(output, "The folder to write")
    if not place.is_dir():
        raise MissingPath(f"There is no project folder {place}.", "Name one with --project DIR.")
    Study(saved_options(place), Project(place)).paper(folder)
    return folder


def demo(folder: Path, *, seed: int = 0, patients: int = 120) -> dict[str, Any]:
    """The main job on embedded data: synthetic CT scans with masks, and real breast-cancer features."""
    from isocenter import datasets  # the phantom's geometry costs start-up, which no other verb needs

    summary = datasets.phantom(folder / "phantom", patients=patients, seed=seed)
    table = datasets.breast_cancer(folder / "breast-cancer")
    with progress.without_facts():  # each is shown under its own heading
        scans = run(
            folder / "phantom" / "scans",
            project=folder / "phantom-project",
            labels=folder / "phantom" / "labels.csv",
            target="malignant",
            mask="lesion_mask.nii.gz",
            covariates="age,sex",
            method="forest,linear",
            seed=seed,
        )
        rows = run(table, project=folder / "breast-cancer-project", target="diagnosis", seed=seed)
    return {
        "lines": summary.lines(),
        "phantom": scans.summary(),
        "breast_cancer": rows.summary(),
        "report": scans.summary()["report"],
    }
