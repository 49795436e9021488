"""One command per verb, and how each ends.

What most take comes from the table of options, by `verbs`; heavy modules are imported inside commands, so
that `isocenter --help` answers at once.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from isocenter.errors import IsocenterError
from isocenter.options import CLUSTER, EVALUATE, EXTERNAL, FIT, INDEX, MEASURE, SIMILAR, SPLIT, Options
from isocenter.project import DEFAULT
from isocenter.verbs import app, parts, verb

if TYPE_CHECKING:
    from isocenter.steps import Study

__all__ = ["app", "main"]
_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it
_Input = Annotated[
    str, typer.Argument(metavar="INPUT", help="Folder of scans, feature table, array, or an earlier run.toml.")
]


def _study(project: Path, input: str | None = None, kind: type[Study] | None = None, **given: Any) -> Study:
    """A study of this project (of a `kind`): new options for a new INPUT, else those of the earlier steps.

    A run.toml repeats in the project that it lies in; a copy that lies elsewhere, in the default one.
    """
    from isocenter import progress
    from isocenter.errors import MissingPath
    from isocenter.project import Project, home
    from isocenter.running import heed_another_study, saved_options
    from isocenter.steps import Study

    repeats = input is not None and input.endswith(".toml")
    if input is not None and repeats:
        project = home(project, Path(input).parent)
        progress.note(f"Repeated in the project {project}; --project names another.")
    if input is None:
        if project != Path(DEFAULT) and not project.exists():
            raise MissingPath(
                f"There is no project folder {project}.",
                "Check --project, or make one: isocenter index INPUT --project DIR.",
            )
        options = saved_options(project)
    elif repeats:
        options = Options.from_toml(Path(input))
    elif not Path(input).exists():
        raise MissingPath(f"There is no file or folder {input}.", "Check the path.")
    else:
        options = Options(input=str(Path(input).absolute()))
    if input is not None:
        heed_another_study(project, options.input, repeats=repeats)
    return (kind or Study)(options.changed(**given), Project(project))


@verb(INDEX, SPLIT, FIT, EVALUATE)
def run(input: _Input, project: Path, **options: Any) -> Any:
    """The main job: index, audit, split, fit, evaluate and report, in one command."""
    study = _study(project, input, **options)
    study.index()
    study.report()
    return study.summary()


@verb(INDEX)
def index(input: _Input, project: Path, **options: Any) -> Any:
    """Find the scans or rows, join the labels, infer the target."""
    study = _study(project, input, **options)
    study.index()
    return study.describe_cohort()


@verb(FIT)
def audit(project: Path, **options: Any) -> Any:
    """Read every pixel: counts, unreadable cases, exact duplicates, faults of the labels."""
    return _study(project, **options).describe_audit()


@verb(SPLIT)
def split(project: Path, **options: Any) -> Any:
    """Decide by patient what is learned from and what is held out."""
    return _study(project, **options).describe_design()


@verb(SPLIT, FIT)
def fit(
    project: Path,
    methods: Annotated[list[str] | None, typer.Argument(metavar="[METHOD]...", help="forest, linear...")] = None,
    **options: Any,
) -> Any:
    """Fit methods and floors on the training part."""
    if methods:
        options["method"] = parts(methods)
    return _study(project, **options).describe_models()


@verb(INDEX, SPLIT, FIT, EVALUATE, EXTERNAL)
def evaluate(
    project: Path,
    model: Annotated[
        Path | None, typer.Argument(metavar="[MODEL]", help="A saved bundle to test on INPUT, without refitting.")
    ] = None,
    input: Annotated[str | None, typer.Argument(metavar="[INPUT]", help="Other patients, with --labels.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Predictions as .csv .parquet .xlsx; .mat with the confusion matrix."),
    ] = None,
    **options: Any,
) -> Any:
    """Score every fitted method on the test part, in one look; or a saved MODEL on INPUT from elsewhere."""
    if model is not None:
        from isocenter.elsewhere import evaluate_elsewhere
        from isocenter.errors import UsageError

        if input is None:
            raise UsageError("Which patients?", "Write: isocenter evaluate MODEL INPUT --labels TABLE.")
        if output is not None:
            raise UsageError(
                "--output is for the test part of a study.",
                "Leave it out: predictions.parquet lies in the folder of an external test.",
            )
        return evaluate_elsewhere(model, input, project, **options)
    study = _study(project, **options)
    if output is not None:
        study.export(output)
    return study.summary() | {"report": None}


@verb(SPLIT, FIT, EVALUATE)
def report(project: Path, **options: Any) -> Any:
    """Write report.html."""
    study = _study(project, **options)
    study.report()
    return study.summary()


@verb()
def export(
    project: Path,
    output: Annotated[Path | None, typer.Option("--output", help="Folder to write. [default: PROJECT/paper]")] = None,
) -> Any:
    """Figures, tables, data and a draft for a paper, from a finished project."""
    from isocenter import running

    return {"paper": str(running.export(project, output))}


@verb(INDEX, CLUSTER)
def cluster(
    project: Path,
    input: Annotated[
        str | None, typer.Argument(metavar="[INPUT]", help="Scans or rows; without it those of the project.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="auto, kmeans, gmm, hdbscan or consensus; minibatch: k-means in batches, for tables (.npy .parquet "
            ".csv .tsv) or features that do not fit in memory.",
        ),
    ] = "auto",
    **options: Any,
) -> Any:
    """Find groups among cases without labels, if there are any; a map to look at, duplicates, outliers."""
    from isocenter.mapping import Mapping

    study = _study(project, input, Mapping, **options)
    assert isinstance(study, Mapping)
    return study.cluster(method)


@verb(SIMILAR)
def similar(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE",
            help="Id of a case of the project, or of a patient with one case; or the file or folder of one that is not "
            "in it: a scan, a DICOM series, a table of one row.",
        ),
    ],
    project: Path,
    n: Annotated[int, typer.Option("-n", "--count", help="How many cases.")] = 10,
    distance: Annotated[str, typer.Option(help="cosine, euclidean, or auto.")] = "auto",
    search: Annotated[
        str,
        typer.Option(
            help="exact; or approximate: a few cells of like cases, kept in the project so that the next question is "
            "quick, with its recall as measured on these cases. It pays from about 50,000 cases."
        ),
    ] = "exact",
    image: Annotated[list[str] | None, typer.Option(help="Which files of a new CASE are images: [NAME=]GLOB.")] = None,
    mask: Annotated[list[str] | None, typer.Option(help="Which files of a new CASE are masks: [NAME=]GLOB.")] = None,
    **options: Any,
) -> Any:
    """The cases nearest to one in the project's features: a table, and a page with pictures. Changes nothing else."""
    from isocenter.querying import Query

    study = _study(project, None, Query, **options)
    assert isinstance(study, Query)
    return study.similar(case, n, distance, search, parts(image or []), parts(mask or []))


@verb()
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A saved bundle: models/NAME.iso, or clusters/clusters.iso.")
    ],
    input: Annotated[str, typer.Argument(metavar="INPUT", help="New scans or rows.")],
    project: Path,
    output: Annotated[Path, typer.Option("--output", help="Table to write: .csv .parquet .xlsx .mat")] = Path(
        "predictions.csv"
    ),
    labels: Annotated[
        str | None, typer.Option(help="Table with the covariates of scans, if the model wants any.")
    ] = None,
    image: Annotated[list[str] | None, typer.Option(help="Which files are images: [NAME=]GLOB.")] = None,
    mask: Annotated[list[str] | None, typer.Option(help="Which files are masks: [NAME=]GLOB.")] = None,
    id_column: Annotated[str | None, typer.Option(help="Column that names the rows.")] = None,
    patient_column: Annotated[str | None, typer.Option(help="Column with the patient of a row.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights of the model's network, if it has one: the file or its folder.")
    ] = None,
) -> Any:
    """Predict new scans or rows with a saved model."""
    del project
    from isocenter.elsewhere import predict_to

    roles = {"image": parts(image or []), "mask": parts(mask or [])}
    named = {"labels": labels, "id_column": id_column, "patient_column": patient_column, "weights": weights}
    return predict_to(model, input, output, **named, **roles)


@verb(MEASURE)
def features(
    input: Annotated[str, typer.Argument(metavar="INPUT", help="Folder of scans, with or without labels.")],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Table to write: .csv .tsv .parquet .xlsx .mat; not overwritten.")
    ],
    project: Path,
    **options: Any,
) -> Any:
    """Measure scans into a table, a row a case: radiomics, embeddings, descriptors... for any program."""
    from isocenter.tabulating import features_to

    return features_to(input, output, project, **options)


@verb()
def patches(
    input: Annotated[str, typer.Argument(metavar="INPUT", help="Folder of pictures (PNG, TIFF, JPEG, BMP), or one.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="New folder, INPUT of the other commands.")],
    project: Path,
    size: Annotated[int, typer.Option(help="Pixels a side.")] = 224,
    stride: Annotated[
        int | None, typer.Option(help="Pixels from one patch to the next. [default: --size, none overlap]")
    ] = None,
    tissue: Annotated[float, typer.Option(help="Least share of a patch that is tissue, 0 to 1.")] = 0.5,
    level: Annotated[int, typer.Option(help="Level of a TIFF's pyramid, 0 the largest.")] = 0,
    background: Annotated[
        str, typer.Option(help="light (stains), dark (fluorescence), or auto: by the picture's frame.")
    ] = "auto",
    labels: Annotated[
        str | None, typer.Option(help="Table of the images: patients, outcome; its columns go into patches.csv.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column that names the image of a row.")] = None,
    patient_column: Annotated[str | None, typer.Option(help="Column with the patient of a row.")] = None,
    image: Annotated[list[str] | None, typer.Option(help="Which files are images: GLOB.")] = None,
) -> Any:
    """Cut slides and tissue regions into patches that hold tissue, as files with a table for the other commands."""
    del project
    from isocenter import cutting

    how: dict[str, Any] = {"size": size, "stride": stride, "tissue": tissue, "level": level, "background": background}
    named: dict[str, Any] = {"labels": labels, "id_column": id_column, "patient_column": patient_column}
    named["image"] = parts(image or [])
    return cutting.patches(input, output, **how, **named)


@verb()
def demo(
    project: Path,
    folder: Annotated[Path, typer.Option("--folder", help="Where data and results go.")] = Path("demo"),
    patients: Annotated[int, typer.Option(help="Phantom patients.")] = 120,
) -> Any:
    """The main job on embedded data: a synthetic CT cohort, and real breast-cancer features."""
    del project
    from isocenter import running

    return running.demo(folder, patients=patients)


def main() -> None:
    """Entry point: exit 0 success, 1 a fault in data or request, 2 usage, 70 a bug of ours, 130 interrupted."""
    try:
        code = app(standalone_mode=False)  # typer's own exits come back as a number, since 0.28 Ctrl-C as 130 too
        if code == _INTERRUPTED:
            _interrupted()
        sys.exit(code)
    except IsocenterError as fault:
        _say(fault)
        sys.exit(fault.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _interrupted()
    except BrokenPipeError:
        sys.exit(0)
    except Exception as wrong:
        if _from_an_interrupt(wrong):
            _interrupted()
        if callable(
            show := getattr(wrong, "show", None)
        ):  # typer's own: wrong usage (its class moved between versions)
            show()
            sys.exit(getattr(wrong, "exit_code", 2))
        traceback.print_exc()
        sys.stderr.write("\nThis is a bug of Isocenter, not of your data. Please report it with the lines above.\n")
        sys.exit(70)


def _interrupted() -> NoReturn:
    sys.stderr.write("\nInterrupted. The same command goes on where this one stopped.\n")
    sys.exit(_INTERRUPTED)


def _from_an_interrupt(wrong: BaseException | None) -> bool:
    """Ctrl-C inside an import reaches us as another error: Python up to 3.11 wraps whatever `__set_name__` raises."""
    while wrong is not None and not isinstance(wrong, KeyboardInterrupt):
        wrong = wrong.__cause__ or wrong.__context__
    return wrong is not None


def _say(fault: IsocenterError) -> None:
    name = type(fault).__name__
    sys.stderr.write(f"{name}: {fault.what}\n" + (f"  {fault.remedy}\n" if fault.remedy else ""))
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"error": name, "message": fault.what, "remedy": fault.remedy}) + "\n")
