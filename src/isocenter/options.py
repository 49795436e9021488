"""Every option of a run, once: its name, type, default, help and the steps that read it.

The command line and `run.toml` are made from this table; a test compares it with the Python
signatures.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from isocenter.errors import MissingPath, UnreadableFile, UsageError

INDEX, SPLIT, FIT, EVALUATE, EXTERNAL = "index", "split", "fit", "evaluate", "external"
CLUSTER, SIMILAR, MEASURE = "cluster", "similar", "features"


def _option(default: Any, help: str, *steps: str) -> Any:
    return field(default=default, metadata={"help": help, "steps": steps})


@dataclass(frozen=True)
class Options:
    """All that a run is told, flat. Lists take commas on the command line and may be repeated."""

    input: str = field(default="", metadata={"steps": ()})
    labels: str | None = _option(None, "Table or array of labels (.csv .tsv .xlsx .parquet .npy .mat).", INDEX, MEASURE)
    target: str | None = _option(None, "Column to predict; several of 0 and 1 with commas: labels.", INDEX)
    task: str | None = _option(
        None, "classification, ordinal, multilabel or regression; inferred from the target if not given.", INDEX
    )
    positive: str | None = _option(None, "The positive class, of two.", INDEX)
    order: tuple[str, ...] = _option((), "Grades from low to high (Low,Intermediate,High): an ordinal target.", INDEX)
    id_column: str | None = _option(
        None, "Column that names the file, series, study or patient of a row.", INDEX, MEASURE
    )
    patient_column: str | None = _option(None, "Column with the patient of a row.", INDEX, MEASURE)
    mask_column: str | None = _option(None, "Column with the path of a row's mask.", INDEX, MEASURE)
    split_column: str | None = _option(
        None, "Column with training, tuning or test; or COLUMN=VALUE: these rows are the test part; or none.", INDEX
    )
    group_column: str | None = _option(
        None, "Column whose values --design leave-one-out leaves out in turn (a site); never a feature.", INDEX, SPLIT
    )
    readers: tuple[str, ...] = _option(
        (), "Columns with each reader's label: compared with each other and the model, never a feature.", INDEX
    )
    consensus: str | None = _option(
        None, "What readers must agree on to make a target of their labels, where no --target is given: majority (if "
        "nothing is said), unanimous, mean, median or one reader's column.", INDEX,
    )  # fmt: skip
    image: tuple[str, ...] = _option(
        (), "Which files are images: [NAME=]GLOB, or [NAME=]COLUMN of the table with their paths.", INDEX, MEASURE
    )
    mask: tuple[str, ...] = _option((), "Which files are masks: [NAME=]GLOB, or [NAME=]COLUMN.", INDEX, MEASURE)
    covariates: tuple[str, ...] = _option(
        (), "Columns that join the features (age,sex); cluster makes none of them and tests them.", INDEX
    )
    ignore: tuple[str, ...] = _option(
        (), "Columns to leave out altogether: never a feature, covariate or attribute.", INDEX
    )
    harmonise: str | None = _option(
        None, "Column of sites or scanners that ComBat brings to one scale, learned inside the folds; never a feature.",
        INDEX, FIT,
    )  # fmt: skip
    preserve: tuple[str, ...] = _option(
        (), "Columns whose effect on the features --harmonise keeps (age,sex); never the outcome.", INDEX, FIT
    )
    class_names: tuple[str, ...] = _option(
        (), "How another table calls the classes of a model that is tested on it: OTHER=CLASS.", EXTERNAL
    )
    ids_are_local: bool = _option(
        False, "Patients of an external test with ids known from training are other people.", EXTERNAL
    )
    exclude: tuple[str, ...] = _option((), "Case or patient ids to leave out.", INDEX, MEASURE)
    allow_excluded: bool = _option(False, "Go on although many cases are left out.", FIT)
    seed: int = _option(0, "Seed of everything random.", SPLIT, FIT, CLUSTER)
    design: str = _option("holdout", "holdout, kfold, nested or leave-one-out.", SPLIT)
    test_fraction: float = _option(0.2, "Share of the cases that is held out for testing.", SPLIT)
    folds: int = _option(5, "Folds: of kfold and nested, and the inner ones of every design.", SPLIT)
    repeats: int = _option(1, "How often kfold and nested are repeated with other folds.", SPLIT)
    stratify: bool = _option(True, "Keep the shares of the classes equal in all parts.", SPLIT)
    overlap: str = _option("keep", "keep or drop-training: for given splits that share patients or pixels.", SPLIT)
    method: tuple[str, ...] = _option(("forest",), "Learning methods, the primary one first (forest,linear).", FIT)
    features: tuple[str, ...] = _option(
        (), "Feature sets, the primary one first (radiomics,embedding); + joins.", FIT, CLUSTER, SIMILAR, MEASURE
    )
    weights: str | None = _option(
        None,
        "Weights file of a network, or the folder with it. [default: ~/.isocenter/weights]",
        FIT,
        CLUSTER,
        SIMILAR,
        MEASURE,
    )
    window: str = _option(
        "auto", "Values shown black and white to embedding and descriptors: soft, lung, bone, brain (CT) or LOW:HIGH; "
        "auto: 8-bit as it is, CT soft, else the image's percentiles.", FIT, CLUSTER, SIMILAR, MEASURE,
    )  # fmt: skip
    preset: tuple[str, ...] = _option(
        (), "How radiomics are computed: ct, mr, pet, pyradiomics or ibsi-A to ibsi-E, changed by "
        "ct:bin_width=10:spacing=2, of all images or IMAGE=PRESET; by modality or the image's name if not given.",
        FIT, CLUSTER, SIMILAR, MEASURE,
    )  # fmt: skip
    regions: str = _option(
        "one",
        "Regions of radiomics: one a mask, labels (each by itself), or mean (of all labels).",
        FIT,
        CLUSTER,
        SIMILAR,
        MEASURE,
    )
    image_filters: tuple[str, ...] = _option(
        (), "Filters of IBSI 2 over the images, whose responses radiomics measure beside them: mean, log, laws, gabor, "
        "wavelet (all bands), simoncelli; with their settings log:sigma_mm=3 or wavelet:wavelet=coif1:level=2. "
        "(--filters drops columns of features.)", FIT, CLUSTER, SIMILAR, MEASURE,
    )  # fmt: skip
    store_limit: float = _option(
        0.0, "GB of costly results that the project's store keeps after fitting; what was used longest ago goes first. "
        "0: no limit.", FIT,
    )  # fmt: skip
    set: tuple[str, ...] = _option((), "A method's parameter: NAME=VALUE.", FIT)
    reference_site: str | None = _option(
        None, "The site that --harmonise brings the others to, itself unchanged.", FIT, CLUSTER
    )
    filters: tuple[str, ...] = _option(
        (), "Features to drop, learned inside the folds: missing=0.5 (share above), constant (nearly), "
        "correlation=0.95 (above, with an earlier one). (--image-filters filters images.)", FIT, CLUSTER,
    )  # fmt: skip
    reliable: str | None = _option(
        None, "Table of repeated measurements (an id column, a row a measurement) or of columns feature and icc: "
        "features below --min-icc go. Or perturbed: radiomics over masks of the training cases, grown, shrunk and "
        "moved.", FIT,
    )  # fmt: skip
    min_icc: float = _option(0.75, "Smallest intraclass correlation of --reliable.", FIT)
    select: str | None = _option(
        None,
        "Choose --keep features inside the folds: mrmr, univariate or elastic-net; all are kept if not given.",
        FIT,
    )
    keep: int = _option(20, "How many features --select keeps.", FIT)
    standardise: str | None = _option(
        None, "Intensities of MR before features: zscore, nyul, n4, n4+zscore or n4+nyul.", FIT, CLUSTER, MEASURE
    )
    decide: str | None = _option(
        None, "Criterion of the threshold, met on tuning data: sensitivity=0.90, specificity=0.90, "
        "ppv=0.8@PREVALENCE, cost=10:1, youden, probability=0.3; the most probable class if not given.", FIT,
    )  # fmt: skip
    subgroups: tuple[str, ...] = _option((), "Columns whose groups are evaluated by themselves (sex,site).", EVALUATE)
    prevalences: tuple[str, ...] = _option(
        (),
        "Prevalences at which PPV, NPV and false alarms per 1,000 are told (0.01,0.05); not of measurements.",
        EVALUATE,
    )
    margin: float = _option(
        0.0, "Loss of the headline metric that is tolerable, declared before looking: methods may then be called not "
        "inferior.", EVALUATE,
    )  # fmt: skip
    recalibrate: str = _option("none", "platt, isotonic, beta or temperature: fitted on tuning data; or none.", FIT)
    seeds: int = _option(
        1, "Split and fit again with so many seeds, --seed and the next ones: how far chance alone moves numbers.", FIT
    )
    learning_curve: bool = _option(False, "Would more patients help? Fits on growing shares of the training part.", FIT)
    aggregate: str = _option(
        "auto", "How images of a patient become one prediction: mean, weighted, max, noisy-or, median; "
        "auto: the best on tuning data; none: images only.", FIT,
    )  # fmt: skip

    clusters: int = _option(0, "How many clusters; 0 lets stability choose, and no structure be the answer.", CLUSTER)
    layout: str = _option(
        "auto", "How the map is laid out: pca (distances hold), tsne or umap (neighbours hold); auto: tsne up to 3,000 "
        "cases, else pca.", CLUSTER,
    )  # fmt: skip

    @classmethod
    def table(cls, *steps: str) -> list[Field[Any]]:
        """The options that these steps read; of all steps if none is named."""
        return [f for f in fields(cls) if f.metadata["steps"] and (not steps or set(steps) & set(f.metadata["steps"]))]

    def of(self, step: str) -> dict[str, Any]:
        """The values that one step reads."""
        return {f.name: getattr(self, f.name) for f in self.table(step)}

    @property
    def parameters(self) -> dict[str, object]:
        """`set` as keyword arguments: numbers, true, false and none are recognised."""
        pairs = [text.partition("=") for text in self.set]
        if wrong := [name for name, equals, _ in pairs if not equals]:
            raise UsageError(f"--set {wrong[0]} has no value.", "Write --set NAME=VALUE.")
        return {name.strip(): _value(text.strip()) for name, _, text in pairs}

    @property
    def shares(self) -> tuple[float, ...]:
        """`prevalences` as numbers within 0..1."""
        found = []
        for text in self.prevalences:
            try:
                found.append(float(text))
            except ValueError:
                raise UsageError(f"--prevalences {text} is no number.", "Give shares such as 0.01,0.05.") from None
            if not 0 <= found[-1] <= 1:
                raise UsageError(f"A prevalence of {text} cannot be.", "Give shares such as 0.01,0.05.")
        return tuple(found)

    def changed(self, **values: Any) -> Options:
        """A copy with other values; UsageError for a name that does not exist."""
        known = {f.name: f for f in fields(self)}
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise UsageError(f"There is no option '{name}'.", f"Options: {', '.join(known)}.")
            clean[name] = _fitting(known[name], value)
        return replace(self, **clean)

    def apart(self, others: Options, step: str) -> list[str]:
        """The options of a step that have other values than there, as one writes them."""
        shown = {n: ",".join(v) if isinstance(v, tuple) else v for n, v in self.of(step).items()}
        changed = [name for name, value in self.of(step).items() if value != getattr(others, name)]
        return [f"--{name.replace('_', '-')} {shown[name]}" for name in changed]

    def to_toml(self, version: str) -> str:
        """The text of `run.toml`: flat, what was not given is left out."""
        lines = [f'# isocenter run run.toml repeats this run, same numbers.\nisocenter = "{version}"']
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None:
                lines.append(f"{f.name} = {_toml(list(value) if isinstance(value, tuple) else value)}")
        return "\n".join(lines) + "\n"

    def command(self) -> str:
        """The command line that repeats this run."""
        words = ["isocenter", "run", self.input]
        for f in self.table():
            value = getattr(self, f.name)
            if not set(f.metadata["steps"]) - {CLUSTER, SIMILAR, MEASURE}:
                continue
            flag = "--" + f.name.replace("_", "-")
            if value == f.default:
                continue
            if isinstance(value, bool):
                words.append(flag if value else f"--no-{f.name.replace('_', '-')}")
            elif isinstance(value, tuple):
                words += [word for part in value for word in (flag, part)]
            else:
                words += [flag, str(value)]
        return shlex.join(words)

    @classmethod
    def from_toml(cls, path: Path) -> Options:
        """Read `run.toml`; MissingPath, UnreadableFile, UsageError (an unknown name)."""
        if not path.is_file():
            raise MissingPath(f"There is no file {path}.", "Give the run.toml of an earlier run.")
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise UnreadableFile(f"{path} is not a run.toml: {fault}.", "Take the one in a project folder.") from fault
        data.pop("isocenter", None)
        if data.get("consensus") == "majority" and ("target" in data or not data.get("readers")):
            del data["consensus"]  # was written, as a default, where it is not used
        return cls().changed(**data)


def _fitting(option: Field[Any], value: Any) -> Any:
    """The value in the option's type: one string for a list, a mapping for `set`, paths as text."""
    if isinstance(option.default, tuple):
        if isinstance(value, Mapping):
            return tuple(f"{k}={v}" for k, v in value.items())
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, Sequence):
            return tuple(str(part) for part in value)
    if isinstance(value, Path):
        return str(value)
    if option.name == "target" and isinstance(value, list | tuple):
        return ",".join(map(str, value))
    kind = type(option.default)
    if option.name == "seed" and isinstance(value, int) and value < 0:
        raise UsageError(f"--seed {value} cannot be.", "Give 0 or a larger whole number.")
    wrong = value is not None and option.default is not None and not isinstance(value, kind)
    if wrong and not (kind is float and type(value) is int):
        raise UsageError(f"Option '{option.name}' is {value!r}.", f"It takes a {kind.__name__}.")
    return value


def _value(text: str) -> object:
    named: dict[str, object] = {"true": True, "false": False, "none": None}
    if text.lower() in named:
        return named[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_toml(v) for v in value)}]"
    if isinstance(value, (int, float)):
        return repr(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
