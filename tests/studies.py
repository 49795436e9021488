"""Made-up studies for the tests of the report: two classes, three classes, a measurement, hostile texts.

Nothing is fitted: scores are drawn, and the evaluations built from them directly, with intervals that look
like real ones.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn import metrics as sk

from isocenter.cohort import Cohort, Target, Task
from isocenter.evaluation import Estimate, Evaluation
from isocenter.evaluation.useful import points
from isocenter.metrics.thresholds import nearest
from isocenter.reporting import Study, pick_cases
from isocenter.splitting import Design, Split

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EVIL = "<script>alert('x')</script>\"'&<img src=x onerror=alert(1)>"
COMMAND = "isocenter run scans/ --labels labels.csv --target diagnosis --covariates age,sex --method forest,linear"
VERSIONS = {"isocenter": "0.1.0", "numpy": "2.4.6", "pandas": "3.1.1", "scikit-learn": "1.9.0"}


def estimate(metric: str, method: str, part: str, value: float, n: int, patients: int, **more: Any) -> Estimate:
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.004) / n) if -1 <= value <= 1 else 0.15 * abs(value)
    bottom, top = -1.0 if metric in ("r2", "spearman") else 0.0, math.inf if metric in ("mae", "rmse") else 1.0
    low, high = max(value - half, bottom), min(value + half, top)
    how = {"auc": "delong-logit", "brier": "bootstrap-patients-hall"}.get(metric, "wilson")
    if value == 0.5 and metric == "auc":
        low, high, how = 0.5, 0.5, "constant-scores"
    if part == "tuning":
        low, high, how = math.nan, math.nan, "none"
    return Estimate(metric, method, part, value, low, high, how, n, patients, **more)


def thumbnail(seed: int, size: int = 160) -> bytes:
    """A grey disc with a lesion, as PNG."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size - 0.5
    body = np.clip(1.2 - (x**2 / 0.16 + y**2 / 0.2), 0, 0.5) * 1.1
    r2 = (x - rng.uniform(-0.2, 0.2)) ** 2 + (y - rng.uniform(-0.2, 0.2)) ** 2
    lesion = 0.5 * np.exp(-r2 / rng.uniform(0.002, 0.008))
    grey = np.clip(body + lesion + rng.normal(0, 0.05, (size, size)), 0, 1)
    picture = Image.fromarray((255 * grey).astype(np.uint8)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((60, 50, 100, 95), outline=(240, 190, 60))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def class_evaluation(
    method: str, target: Target, reference: Ints, proba: Floats, part: str, patients: int, group: str | None = None
) -> Evaluation:
    """Every metric, curve and matrix of one part."""
    n, decided = len(reference), proba.argmax(1)
    place: dict[str, Any] = {"part": part, "group": group}
    rows: list[Estimate] = []

    def add(metric: str, value: float, **more: Any) -> None:
        rows.append(estimate(metric, method, part, float(value), n, patients, group=group, **more))

    curves: dict[str, list[dict[str, object]]] = {"roc": [], "pr": []}
    binary = len(target.classes) == 2
    codes = {None: target.positive_index or 0} if binary else dict(zip(target.classes, range(9), strict=False))
    areas = []
    for name, code in codes.items():
        event, called = reference == code, decided == code
        more: dict[str, Any] = {"class_name": name, "n_events": int(event.sum())}
        areas.append(sk.roc_auc_score(event, proba[:, code]))
        add("auc", areas[-1], **more)
        add("average_precision", sk.average_precision_score(event, proba[:, code]), **more)
        add("sensitivity", called[event].mean(), **more)
        add("specificity", (~called)[~event].mean(), **more)
        add("ppv", event[called].mean() if called.any() else math.nan, **more)
        add("npv", (~event)[~called].mean() if (~called).any() else math.nan, **more)
        add("f1", sk.f1_score(event, called), **more)
        fpr, tpr, t = sk.roc_curve(event, proba[:, code])
        precision, recall, _ = sk.precision_recall_curve(event, proba[:, code])
        points: list[Any] = [None, *t[1:].tolist()]
        curves["roc"].append({**place, "class": name, "x": fpr.tolist(), "y": tpr.tolist(), "threshold": points})
        full = int(np.argmax(recall[::-1] >= 1)) + 1
        x, y = recall[::-1][:full].tolist(), [precision[-2], *precision[::-1][1:full].tolist()]
        curves["pr"].append({**place, "class": name, "x": x, "y": y, "threshold": [None] * len(x)})
    if not binary:
        add("auc", float(np.mean(areas)))
    add("accuracy", (decided == reference).mean())
    add("balanced_accuracy", sk.balanced_accuracy_score(reference, decided))
    add("brier", ((proba - np.eye(proba.shape[1])[reference]) ** 2).sum(1).mean())
    matrix = sk.confusion_matrix(reference, decided, labels=range(len(target.classes))).tolist()
    confusion = ({**place, "classes": list(target.classes), "matrix": matrix},)
    operating = binary_points(reference == codes[None], proba[:, codes[None]]) if binary else ()
    return Evaluation(method, tuple(rows), curves, confusion, 1, points=operating)


def binary_points(events: NDArray[np.bool_], scores: Floats) -> tuple[dict[str, Any], ...]:
    """Operating points as a run has them; chosen on the same scores, which no run would do."""
    wanted = ("probability=0.5", "sensitivity=0.90", "specificity=0.90")
    chosen = [nearest(text, events, scores) for text in wanted]
    found = points(chosen, (events, scores), np.arange(len(events)), n_tuning=len(events), prevalences=[0.01, 0.5])
    return tuple({"class": None, **point} for point in found)


def value_evaluation(method: str, reference: Floats, predicted: Floats, part: str) -> Evaluation:
    found = {
        "r2": sk.r2_score(reference, predicted),
        "mae": sk.mean_absolute_error(reference, predicted),
        "rmse": math.sqrt(sk.mean_squared_error(reference, predicted)),
        "spearman": float(pd.Series(reference).rank().corr(pd.Series(predicted + 1e-9 * reference).rank())),
    }
    n = len(reference)
    return Evaluation(method, tuple(estimate(k, method, part, float(v), n, n) for k, v in found.items()), looks=1)


def cohort_of(n: int, target: Target, values: Sequence[Any], prefix: str = "P", **more: Any) -> Cohort:
    rng = np.random.default_rng(5)
    sex = pd.Series(rng.choice(["F", "M"], n), dtype="str").mask(rng.random(n) < 0.03)
    table = pd.DataFrame(
        {
            "patient_id": pd.Series([f"{prefix}{i - (i % 10 == 1):03d}" for i in range(n)], dtype="str"),
            "age": rng.normal(61, 11, n).round(),
            "sex": sex,
            "site": rng.choice(["North", "South"], n),
            "PatientComment": [f"free text {i}" for i in range(n)],
            target.column: list(values),
        },
    )
    table.index = pd.Index([f"CT-{i:04d}" for i in range(n)], name="case_id")
    return Cohort(table, target, covariates=("age", "sex"), **more)


def design_of(cohort: Cohort, share: float = 0.25, **more: Any) -> Design:
    ids = [str(i) for i in cohort.case_ids]
    n_test = round(share * len(ids))
    training, test = ids[n_test:], ids[:n_test]
    folds = tuple(tuple(training[k::5]) for k in range(5))
    how = (
        f"Hold-out by patient: {share:.0%} of the cases are the test part, stratified by class, seed 7. "
        "Every choice is made by 5-fold cross-validation inside the training part, grouped by patient."
    )
    return Design((Split(tuple(training), tuple(test), folds=folds, seed=7, **more),), seed=7, how=how)


def prediction_table(cohort: Cohort, ids: Sequence[str], part: str, output: Floats) -> pd.DataFrame:
    assert cohort.target is not None
    some = cohort.select(ids).table
    columns: dict[str, Any] = {"case_id": list(ids), "patient_id": some["patient_id"].to_numpy(), "part": part}
    columns["reference"] = some[cohort.target.column].to_numpy(dtype=object if cohort.target.is_classes else float)
    if not cohort.target.is_classes:
        return pd.DataFrame(columns | {"prediction": output[:, 0]})
    names = np.array(cohort.target.classes, dtype=object)
    columns["prediction"] = names[output.argmax(1)]
    columns |= {f"probability_{name}": output[:, k] for k, name in enumerate(cohort.target.classes)}
    return pd.DataFrame(columns)


def drawn(codes: Ints, classes: int, strength: float, seed: int) -> Floats:
    """(n, classes) probabilities that know the class by so much."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(codes), classes)) + strength * np.eye(classes)[codes]
    raised = np.exp(logits)
    return np.asarray(raised / raised.sum(1, keepdims=True))


def card(
    name: str, role: str, features: Sequence[str] = (), importance: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    parameters: dict[str, Any] = {"forest": {"n_estimators": 100, "max_features": "sqrt"}, "linear": {"C": 0.1}}
    own = {"name": name, "method": name, "role": role, "features": list(features), "seed": 7}
    return own | {"parameters": parameters.get(name, {}), "importance": list(importance), "summary": ""} | more


def importance_of(names: Sequence[str], seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    means = np.sort(rng.gamma(0.6, 0.03, len(names)))[::-1] - 0.004
    pairs = zip(names, means.tolist(), strict=True)
    return [{"feature": name, "mean": mean, "sd": abs(mean) / 4 + 0.003} for name, mean in pairs]


def audit_of(cohort: Cohort, excluded: Sequence[dict[str, Any]] = (), unlabelled: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "found": len(cohort) + len(excluded) + len(unlabelled),
        "used": len(cohort),
        "excluded": list(excluded),
        "unlabelled": list(unlabelled),
        "duplicates": [],
        "conflicts": [],
        "warnings": [],
    }


def faults(n: int) -> list[dict[str, Any]]:
    kinds = [
        ("UnreadableFile", "The file ends after 12,288 of 524,288 bytes.", "Copy it again from the archive."),
        ("BadGeometry", "There is a gap between slices 41 and 42.", "Supply the missing file."),
        ("AmbiguousId", "The id matches 3 files without a declared role.", "Say which is which with --image."),
    ]
    rows = []
    for i in range(n):
        code, reason, remedy = kinds[(i * i) % 3]
        where = f"archive/2019/site_north/export_{i:05d}/1.2.826.0.1.3680043.8.498.{10**18 + i * 7919}/series_{i}.dcm"
        label = ("benign", "malignant", None)[i % 3]
        rows.append({"where": where, "code": code, "reason": reason, "remedy": remedy, "label": label})
    return rows


@lru_cache
def binary() -> Study:
    """96 patients, images, two methods and two floors, some left out; synthetic."""
    return classes_study(("benign", "malignant"), "malignant", n=240, left_out=9)


@lru_cache
def three() -> Study:
    return classes_study(("Grade I (low)", "Grade II (intermediate)", "Grade III (high)"), None, n=300, left_out=0)


def classes_study(classes: tuple[str, ...], positive: str | None, n: int, left_out: int) -> Study:
    rng = np.random.default_rng(11)
    codes = rng.choice(len(classes), n, p=np.linspace(2, 1, len(classes)) / np.linspace(2, 1, len(classes)).sum())
    how = "Two classes: 'malignant' is the positive class because it is the rarer one." if positive else ""
    target = Target(Task.CLASSIFICATION, "diagnosis", classes, positive, how)
    cohort = cohort_of(n, target, [classes[c] for c in codes])  # every tenth patient has two cases
    design = design_of(cohort)
    known = pd.Series(codes, index=cohort.case_ids)
    evaluations, predictions = {}, {}
    strengths = {"forest": 1.0, "linear": 0.8, "majority": None, "covariates": 0.25}
    for seed, (name, strength) in enumerate(strengths.items(), start=4):
        tables, found = [], []
        for part, ids in (("tuning", design.split.training), ("test", design.split.test)):
            some = known[list(ids)].to_numpy()
            proba = drawn(some, len(classes), strength or 0.0, seed)
            if strength is None:
                proba = np.tile(np.bincount(codes) / n, (len(some), 1))
            tables.append(prediction_table(cohort, ids, part, proba))
            found.append(class_evaluation(name, target, some, proba, part, len(set(cohort.select(ids).patients))))
        evaluations[name] = found[0].joined(*found[1:])
        predictions[name] = pd.concat(tables, ignore_index=True)
    names = [f"{f}_{i}" for i in range(6) for f in ("volume_mm3", "mean_HU", "sd_HU", "sphericity")]
    pixels = [f"p{r}_{c}" for r in range(28) for c in range(28)]
    models = [
        card("forest", "primary", ["intensity"], importance_of(names), feature_names=names),
        card("linear", "compared", ["pixels"], importance_of(pixels[220:640:7], 1), feature_names=pixels),
        card("majority", "floor"),
        card("covariates", "floor", method="linear", covariates=["age", "sex"]),
    ]
    chosen = pick_cases(predictions["forest"], target)
    shown = dict.fromkeys(i for some in chosen.values() for i in some)
    return Study(
        title="Lung phantom: benign or malignant" if positive else "Tumour grade from MR",
        cohort=cohort,
        design=design,
        audit=audit_of(cohort, faults(left_out), [f"CT-9{i:03d}" for i in range(left_out // 3)]),
        models=models,
        evaluations=evaluations,
        predictions=predictions,
        thumbnails={case_id: thumbnail(i) for i, case_id in enumerate(shown)},
        command=COMMAND,
        options={"input": "scans/", "covariates": ("age", "sex"), "seed": 7, "synthetic": bool(positive)},
        versions=VERSIONS,
        notes=("Labels were joined by patient id: 240 of 240 rows matched.", "Column 'age' is an attribute."),
    )


@lru_cache
def regression() -> Study:
    """A feature table: no pictures, no patients known, a measurement with units."""
    rng = np.random.default_rng(2)
    n = 180
    values = rng.gamma(5, 9, n).round(1)
    target = Target(Task.REGRESSION, "tumour_volume_ml", how="'tumour_volume_ml' holds many numbers: a measurement.")
    cohort = cohort_of(n, target, values.tolist())
    features = [f"original_firstorder_{name}" for name in ("Mean", "Median", "Entropy", "Energy", "Skewness")]
    table = cohort.table.assign(**{f: rng.normal(100, 20, n) for f in features}, patient_id=pd.Series(dtype="str"))
    cohort = replace(cohort, table=table, features=tuple(features), origin="table")
    design = design_of(cohort)
    evaluations, predictions = {}, {}
    for name, noise in {"forest": 9.0, "mean": None}.items():
        tables, found = [], []
        for part, ids in (("tuning", design.split.training), ("test", design.split.test)):
            some = cohort.select(ids).codes.astype(float)
            said = np.full(len(ids), values.mean())
            if noise is not None:
                said = 0.8 * some + 8 + rng.normal(0, noise, len(ids))
            tables.append(prediction_table(cohort, ids, part, said[:, None]))
            found.append(value_evaluation(name, some, said, part))
        evaluations[name] = found[0].joined(*found[1:])
        predictions[name] = pd.concat(tables, ignore_index=True)
    forest = card("forest", "primary", ["given"], importance_of(features), feature_names=features)
    versions = {"isocenter": "0.1.0", "numpy": "2.4.6"}
    return Study(
        "features.csv", cohort, design, audit_of(cohort), [forest, card("mean", "floor")], evaluations, predictions,
        command="isocenter run features.csv --target tumour_volume_ml", options={"input": "features.csv"},
        versions=versions,
    )  # fmt: skip


@lru_cache
def crowded() -> Study:
    """Everything at once: many left out, long names, an official split with shared cases, many looks, remarks."""
    study = classes_study(("benign", "malignant"), "malignant", n=240, left_out=431)
    split = study.design.split
    shared = split.test[:7]
    nowhere, training, tuning = split.training[:40], split.training[40:150], split.training[150:]
    split = replace(split, training=training, tuning=tuning, unassigned=nowhere, overlap=shared)
    target, first = study.target, study.evaluations["forest"]
    rows = study.predictions["forest"]
    without = rows[(rows["part"] == "test") & ~rows["case_id"].isin(shared)]
    codes = target.encode(without["reference"]).astype(np.int64)
    proba = without[["probability_benign", "probability_malignant"]].to_numpy()
    group = class_evaluation("forest", target, codes, proba, "test", len(without) - 5, "without shared cases")
    long = "radiomics_of_the_whole_lesion_with_all_filters+covariates-gradient-boosted-forest-with-a-very-long-name"
    audit = dict(study.audit) | {
        "duplicates": [[f"CT-{i:04d}", f"CT-{i + 100:04d}"] for i in range(80)],
        "conflicts": [["CT-0003", "CT-0104"]],
        "warnings": [
            "431 of 814 cases are left out (UnreadableFile 288, BadGeometry 143); the list says why.",
            "1 image has bit-identical copies with another label: CT-0003 (benign) = CT-0104 (malignant).",
            "All 61 cases with site = North are malignant: a model could learn site instead.",
        ],
    }
    renamed = {long: replace(first.joined(group), looks=4, warnings=("Test part: few patients with malignant (8).",))}
    others = {k: v for k, v in study.evaluations.items() if k != "forest"}
    return replace(
        study,
        title="A_very_long_file_name_without_any_place_to_break_it_" * 3 + ".npz",
        design=replace(study.design, splits=(split,), kind="given", how="Split given by column 'official_split'."),
        audit=audit,
        models=[dict(study.models[0]) | {"name": long}, *study.models[1:]],
        evaluations={**renamed, **others},
        predictions={long: rows, **study.predictions},
        options={},
        created="24 November 2026",
    )


@lru_cache
def hostile() -> Study:
    """Every text that a user can bring holds markup, quotes, control characters or surrogates."""
    classes = (f"no{EVIL}", f"{EVIL}yes")
    study = classes_study(classes, classes[1], n=120, left_out=3)
    odd = "\u202egnp.exe\x00\x1b 肿瘤 $x_{2}$ {{ 7*7 }} {% raw %}"
    torn = f"\udcff{odd}"  # from a file name that is not UTF-8; a table's text cannot hold it
    table = study.cohort.table.rename(columns={"site": EVIL}).assign(sex=odd)
    new = {i: f"{i}{EVIL}{odd}" for i in table.index}
    cohort = replace(study.cohort, table=table.rename(index=new))
    split = study.design.split
    training, test = (tuple(new[i] for i in ids) for ids in (split.training, split.test))
    split = Split(training, test, folds=split.folds, seed=7)
    predictions = {k: t.assign(case_id=t["case_id"].map(new)) for k, t in study.predictions.items()}
    same = [[EVIL, odd]]
    bad = [{"where": EVIL + torn, "code": EVIL, "reason": EVIL, "remedy": torn, "label": classes[0]}]
    names = [f"{EVIL}{i}" for i in range(4)]
    forest = dict(study.models[0]) | {"importance": importance_of(names), "parameters": {EVIL: EVIL}, "summary": EVIL}
    return replace(
        study,
        title=EVIL + torn,
        cohort=cohort,
        design=replace(study.design, splits=(split,), how=EVIL),
        audit=audit_of(cohort, bad, [EVIL]) | {"duplicates": same, "conflicts": same, "warnings": [EVIL]},
        models=[forest, *study.models[1:]],
        predictions=predictions,
        thumbnails={i: thumbnail(1) for i in new.values()} | {next(iter(new.values())): b"<svg onload=alert(1)>"},
        command=f"isocenter run '{EVIL}{torn}'",
        options={EVIL: EVIL},
        versions={EVIL: EVIL},
        notes=(EVIL,),
        warnings=(torn,),
        created=EVIL,
    )


STUDIES = {"binary": binary, "three": three, "regression": regression, "crowded": crowded, "hostile": hostile}
