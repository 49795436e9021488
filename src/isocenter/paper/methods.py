"""The methods section in the user's own numbers: what was done, never why.

What no program can know (ethics, setting, how the reference was made, why this many patients) is
marked "[author: ...]", after the items of CLAIM (Tejani et al., Radiol Artif Intell 2024) and
TRIPOD+AI (Collins et al., BMJ 2024). Each sentence is left out where its number is unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isocenter.evaluation import BY_IMAGE
from isocenter.evaluation.groups import parted
from isocenter.model import choices
from isocenter.paper import agreed
from isocenter.paper.nouns import Finished
from isocenter.reporting.flow import patients
from isocenter.reporting.study import is_floor
from isocenter.reporting.summary import measured, plain
from isocenter.reporting.words import count, counted, has_interval, interval_name, listed, title
from isocenter.tables.told import sentences

_LEARNERS = {
    "forest": "random forest",
    "linear": "penalised linear model (logistic regression for classes, ridge regression for measurements; features "
    "standardised)",
    "boosting": "histogram gradient boosting",
    "svm": "support vector machine with a Gaussian kernel (features standardised)",
    "majority": "class frequencies of the fitting cases, which look at no feature",
    "mean": "mean of the fitting cases, which looks at no feature",
}
_FEATURES = {
    "given": "the features given in the table",
    "intensity": "first-order intensity statistics (IBSI 1 definitions, source grid)",
    "pixels": "pixel values",
    "embedding": "embeddings by a frozen network trained on photographs (SqueezeNet 1.1, ImageNet), pooled over slices",
    "descriptors": "classic descriptors (intensity histogram, HOG, LBP, Gabor responses), pooled over slices",
    "radiomics": "radiomics of the regions (IBSI 1 definitions)",
}
_TASKS = {"ordinal": "a grade", "multilabel": "any number of labels a case", "regression": "a measurement"}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}


@dataclass(frozen=True)
class Paragraph:
    """A heading and its sentences; those in square brackets are the author's to write."""

    heading: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentences, joined."""
        return " ".join(self.sentences)


def methods_section(paper: Finished) -> list[Paragraph]:
    """Paragraphs in the order of CLAIM: cohort, reference, partitions, predictors, models, evaluation, software."""
    pieces = (
        ("Study design and participants", _cohort),
        ("Reference standard", _reference),
        ("Data partitions", _partitions),
        ("Predictors", _predictors),
        ("Models", _models),
        ("Decisions", _decisions),
        ("Evaluation", _evaluation),
        ("Comparisons", _comparisons),
        ("Software", _software),
    )
    return [Paragraph(name, told) for name, tell in pieces if (told := tuple(tell(paper)))]


def author(what: str) -> str:
    """A place that the author fills."""
    return f"[author: {what}]"


def _cohort(paper: Finished) -> Iterator[str]:
    study = paper.study
    audit, cohort = study.audit, study.cohort
    excluded, unlabelled = audit.get("excluded") or (), audit.get("unlabelled") or ()
    used = int(audit.get("used", len(cohort)))
    found = int(audit.get("found", used + len(excluded) + len(unlabelled)))
    yield author("study design, registration, ethics approval and consent; setting, dates and eligibility criteria")
    left = []
    if excluded:
        reasons = Counter(_spaced(str(fault["code"])) for fault in excluded).most_common()
        left.append(f"{count(len(excluded))} excluded ({', '.join(f'{name} {count(n)}' for name, n in reasons)})")
    if unlabelled:
        left.append(f"{count(len(unlabelled))} without a value of the target")
    rest = f": {listed(left)}, and {count(used)} used" if left else ", all of them used"
    yield f"{counted(found, 'case was', 'cases were')} found{rest}."
    yield (
        f"They are of {patients(cohort)}."
        if cohort.knows_patients
        else "No patient identifiers were available; each case was treated as a patient of its own."
    )
    if _by_patient(paper):
        yield "The unit of analysis was the patient; results of single images are reported beside it."
    elif cohort.knows_patients and cohort.table["patient_id"].duplicated().any():
        yield "The unit of analysis was the case; cases of one patient were kept together."
    yield author("image acquisition: devices, protocols, how missing or non-diagnostic examinations were handled")
    yield author("how the sample size was determined")


def _spaced(code: str) -> str:
    """UnreadableFile -> unreadable file."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", code).lower()


def _by_patient(paper: Finished) -> bool:
    return any(row.group == BY_IMAGE for row in paper.study.first.estimates)


def _reference(paper: Finished) -> Iterator[str]:
    target, cohort = paper.study.target, paper.study.cohort
    counts = cohort.counts
    told = ", ".join(f"{name} {count(n)}" for name, n in counts.items())
    classes = f"one of {_NUMBERS.get(len(target.classes), count(len(target.classes)))} classes"
    what = _TASKS.get(target.task.value, classes)
    column = "" if target.is_labels and target.column == "labels" else f"{agreed.called(cohort) or target.column}, "
    yield f"The target was {column}{what}{f' ({told})' if told else ''}."
    if target.positive is not None:
        yield f"{target.positive} was the positive class."
    if target.task.value == "ordinal":
        yield f"The order of the grades was {', '.join(target.classes)}."
    if cohort.consensus:
        yield from agreed.sentences(cohort)
        yield author("the readers: their number and experience, when they read, and what they knew of the cases")
    else:
        yield author("the reference standard: how, when and by whom it was determined, and its reliability")


def _partitions(paper: Finished) -> Iterator[str]:
    design = paper.study.design
    if design.how:
        yield design.how
    if design.several:
        often = f"each tested {design.repeats} times," if design.repeats > 1 else "tested"
        yield f"{counted(len(design.tested), 'case')} were {often} in {counted(len(design.splits), 'split')}."
    else:
        yield f"{_listed_parts(paper)}."
    folds = {len(split.folds) for split in design.splits}
    if max(folds) > 1 and "Choices" not in design.how:
        told = f"{min(folds)} to {max(folds)}" if len(folds) > 1 else str(max(folds))
        whole = "each split's fitting part" if design.several else "the fitting part"
        yield f"Parameters and thresholds were chosen in {told} inner folds of {whole}."
    yield f"The random seed was {design.seed}."
    if n := len(design.split.overlap):
        verb = "shares" if n == 1 else "share"
        yield f"{counted(n, 'test case')} {verb} a patient or pixels with the fitting part."
        yield "Results without them are given too."


def _listed_parts(paper: Finished) -> str:
    study = paper.study
    told = []
    for name, ids in study.design.parts.items():
        if ids:
            who = patients(study.cohort.select(ids))
            told.append(f"the {name} part {counted(len(ids), 'case')}{f' of {who}' if who else ''}")
    text = listed(told)
    return f"{text[:1].upper()}{text[1:]}".replace(" part ", " part held ")


def _predictors(paper: Finished) -> Iterator[str]:
    sets: dict[str, int] = {}
    covariates: dict[str, None] = {}
    for card in paper.study.models:
        names = card.get("features") or ()
        for name in (names,) if isinstance(names, str) else names:
            if not is_floor(card):
                sets.setdefault(str(name), 0 if card.get("covariates") else len(card.get("feature_names") or ()))
        covariates |= dict.fromkeys(str(c) for c in card.get("covariates") or ())
    if "given" in sets:
        sets["given"] = len(paper.study.cohort.features)
    if sets:
        told = [f"{_FEATURES.get(n, n)}" + (f" ({count(k)})" if k > 0 else "") for n, k in sets.items()]
        yield f"Predictors were {listed(told)}."
    if covariates:
        yield f"Covariates were {listed(list(covariates))}."
    yield from _radiomics(paper)
    yield from _refining(paper)
    if sets or covariates:
        yield "Missing values of predictors were replaced by the median of the cases that were learned from."


def _radiomics(paper: Finished) -> Iterator[str]:
    """By which presets, and of which filtered images: the same for all methods."""
    yield from next(filter(None, (measured(c) for c in paper.study.models if not is_floor(c))), [])


def _refining(paper: Finished) -> Iterator[str]:
    """What was done to features, of each method for itself where it is not the same for all."""
    said = {str(c["name"]): sentences(c.get("refining") or ()) for c in paper.study.models if not is_floor(c)}
    alike = len({tuple(texts) for texts in said.values()}) == 1
    shown = [texts for texts in said.values() if texts]
    if not shown:
        return
    yield "What follows was learned from training cases only, anew in every fold; numbers are the model's."
    if alike:
        yield from shown[0]
        return
    for name, texts in said.items():
        if texts:
            yield f"For {name}: {' '.join(texts)}"


def _models(paper: Finished) -> Iterator[str]:
    for card in paper.study.models:
        kind = str(card.get("method", card["name"]))
        role = {"primary": "the primary method", "compared": "a compared method", "floor": "a floor to compare with"}
        what = role.get(str(card.get("role")), "a method")
        yield f"{card['name']} was {what}: {_LEARNERS.get(kind, kind)}{_parameters(card)}."
    if paper.study.design.several:
        yield "Models were fitted anew in every split."
        yield "The model that is kept was refitted on every case and not itself tested; chosen parameters are its own."


def _parameters(card: Mapping[str, Any]) -> str:
    known = dict(card.get("parameters") or {})
    if not known:
        return ""
    chosen = {k for row in card.get("chosen") or () for k in row if k != "score"}
    told = [
        f"{k} {'not set' if v is None else f'= {plain(v)}'}{' (chosen in the inner folds)' if k in chosen else ''}"
        for k, v in known.items()
    ]
    return f" with {', '.join(told)}"


def _decisions(paper: Finished) -> Iterator[str]:
    for card in paper.study.evaluated:
        told = paper.decisions.get(str(card["name"])) or {}
        said = choices(told)
        if said and not is_floor(card):
            whose = str(card["name"])
            if paper.study.design.several:  # tested were the splits' own models
                yield f"For {whose}, each split made these choices anew."
                whose = f"the kept model of {whose}"
            yield f"Chosen for {whose}: {'; '.join(said)}."
    target = paper.study.target
    known = [paper.decisions[str(c["name"])] for c in paper.study.evaluated if str(c["name"]) in paper.decisions]
    if target.is_classes and known and all(told.get("threshold") is None for told in known):
        yield "The most probable class was called."
    if known:
        yield "Whatever was chosen was chosen on patient-grouped out-of-fold predictions of the fitting part."


def _evaluation(paper: Finished) -> Iterator[str]:
    study = paper.study
    rows = [e for e in study.first.estimates if e.part == "test" and e.group is None]
    how: dict[str, list[str]] = {}
    for row in rows:
        if has_interval(row):
            how.setdefault(interval_name(row.interval), []).append(title(row.metric))
    told = "; ".join(f"{', '.join(dict.fromkeys(names))}: {name}" for name, names in how.items())
    where = "over the splits" if study.design.several else "on the test part"
    yield f"Performance was estimated {where}."
    if told:
        yield f"Intervals are 95% intervals ({told})."
    bare = dict.fromkeys(title(row.metric) for row in rows if not has_interval(row))
    with_one = {title(row.metric) for row in rows if has_interval(row)}
    if alone := [name for name in bare if name not in with_one]:
        yield f"No interval is given for {listed(alone)}."
    if looks := study.first.looks:
        what = "The tested cases were" if study.design.several else "The test part was"
        yield f"{what} looked at {'once' if looks == 1 else f'{looks} times'}."
    groups = dict.fromkeys(found for e in study.first.estimates if e.group and (found := parted(e.group)))
    if groups:
        yield f"Subgroups were formed by {listed([f'{name} (in thirds)' if cut else name for name, cut in groups])}."
    yield from _learning(paper)
    yield author("whether the analysis was planned in a protocol, and departures from it")


def _learning(paper: Finished) -> Iterator[str]:
    """How the learning curve was made, where one was asked for."""
    points = [point for point in paper.learning.get("points") or () if point["value"] is not None]
    if points:
        who = "patients" if paper.study.cohort.knows_patients else "cases"
        sizes = [f"{one(float(point['patients']) for point in points):.0f}" for one in (min, max)]
        yield (
            f"For a learning curve, {paper.learning['method']} was fitted on growing numbers of training {who} "
            f"({' to '.join(sizes)}) and scored by {title(str(paper.learning['metric']))}."
        )
        if how := paper.learning.get("how"):
            yield str(how)


def _comparisons(paper: Finished) -> Iterator[str]:
    yield from _of_methods(paper.comparisons)
    if names := [str(name) for name in paper.readers.get("names") or ()]:
        who = counted(len(names), "reader was", "readers were")
        yield f"{who} compared with each other and with the primary method."
    if paper.seeds.get("how"):
        yield str(paper.seeds["how"])


def _of_methods(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    how: dict[str, list[str]] = {}
    for row in rows:
        how.setdefault(interval_name(str(row.get("how"))), []).append(title(str(row["metric"])))
    told = "; ".join(f"{', '.join(dict.fromkeys(names))}: {name}" for name, names in how.items() if name)
    yield f"Methods were compared on the same cases{f' ({told})' if told else ''}."
    if any(row.get("p_adjusted") is not None for row in rows):
        yield "P values were adjusted by Holm's method over all comparisons of a metric."


def _software(paper: Finished) -> Iterator[str]:
    versions = [f"{name} {version}" for name, version in paper.study.versions.items()]
    if versions:
        yield f"Software: {', '.join(versions)}."
    yield author("availability of data, code and the model; funding and conflicts of interest")
