"""The study in plain words: the paragraph under the headline, and the warnings that must not be missed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from isocenter.cohort import Task
from isocenter.evaluation import Estimate
from isocenter.metrics import larger_is_better
from isocenter.reporting.results import find, main_metric
from isocenter.reporting.study import Study, is_floor
from isocenter.reporting.words import count, counted, has_interval, interval, listed, of_class, title, value

NO_PATIENTS = (
    "No patient ids are known: images of one person may lie in training and in test, and the results may be too good."
)
MOST_NAMED = 6  # labels in a sentence
SMALL_TEST = 20  # test cases of a class, below which a result says little


def paragraph(study: Study) -> list[str]:
    """Sentences: what was learned from whom, what came out, what it stands against."""
    if not study.primary:
        return ["Nothing has been evaluated yet."]
    return [s for s in (_learned(study), _tested(study), *_against(study), _looked(study)) if s]


def _learned(study: Study) -> str:
    target, split = study.target, study.design.final
    fitting = study.cohort.select(split.fitting)
    who = f"{counted(len(fitting), 'case')}"
    if study.cohort.knows_patients:
        who += f" of {counted(int(fitting.table['patient_id'].nunique()), 'patient')}"
    name = study.primary["name"]
    if target.is_value:
        return f"The method {name} learned to predict {target.column} from {who}."
    if target.positive is not None:
        positive, other = _pair(study)
        return f"The method {name} learned from {who} to tell {positive} from {other} (column {target.column})."
    if target.is_labels:
        what = listed(target.classes) if len(target.classes) <= MOST_NAMED else f"{len(target.classes)} labels"
        return f"The method {name} learned from {who} to find {what}, each by itself."
    what = "grades" if target.task is Task.ORDINAL else "classes"
    return f"The method {name} learned from {who} to tell {len(target.classes)} {what} apart (column {target.column})."


def _tested(study: Study) -> str:
    metric = main_metric(study)
    row = find(study.first, metric)
    if row is None or not math.isfinite(row.value):
        return "The test part does not allow to compute how well it did."
    where = f"On {counted(row.n_cases, 'test case')} that it had never seen"
    if study.design.several:
        folds = counted(len(study.design.splits), "fold")
        where = f"In {folds} over {counted(row.n_cases, 'case')}, none tested by a model that had seen it,"
    elif study.cohort.knows_patients:
        where += f" ({counted(row.n_patients, 'patient')})"
    range_ = f" (95% interval {interval(row, prose=True)})" if has_interval(row) else ""
    name = title(metric, study.several).replace("Macro", "macro").replace("Ordinal", "ordinal")
    return f"{where} it reached {_article(name)} {name} of {value(metric, row.value)}{range_}{_meaning(study, row)}."


def _article(name: str) -> str:
    return "an" if name[:1] in "AEIORo" or name.startswith("MAE") else "a"


def _meaning(study: Study, row: Estimate) -> str:
    """What the number says of two patients, for readers who do not live with AUCs."""
    if row.metric != "auc" or study.target.positive is None:
        return ""
    positive, other = _pair(study)
    two = "patients" if study.primary["name"] in study.units else "cases"
    often = f"{100 * row.value:.0f}% of the time"
    return f": of two {two}, one {positive} and one {other}, it ranks the former higher {often}"


def _pair(study: Study) -> tuple[str, str]:
    """The positive class and the other one, as they read in a sentence."""
    target = study.target
    names = sorted(target.classes, key=lambda name: name != target.positive)
    return of_class(target, names[0]), of_class(target, names[1])


def _against(study: Study) -> list[str]:
    """Whether the interval holds what each floor reaches. A statement about numbers, not a test."""
    metric = main_metric(study)
    row = find(study.first, metric)
    if row is None or not has_interval(row):
        return []
    said: dict[str, list[str]] = {}
    for card in study.evaluated:
        floor = find(study.evaluations[card["name"]], metric)
        if not is_floor(card) or card is study.primary or floor is None or not math.isfinite(floor.value):
            continue
        said.setdefault(_side(row, floor.value), []).append(f"{_floor_name(card)} ({value(metric, floor.value)})")
    return [f"Its interval {' and '.join(f'{side} {listed(names)}' for side, names in said.items())}."] if said else []


def _side(row: Estimate, floor: float) -> str:
    """Where a floor lies, seen from the interval; below is better for errors."""
    if row.low <= floor <= row.high:
        return "includes the value of"
    above = row.low > floor
    worse = "" if larger_is_better(row.metric) == above else ", and so is worse than,"
    return f"lies {'above' if above else 'below'}{worse} that of"


def _floor_name(card: Mapping[str, Any]) -> str:
    known = {
        "majority": "a guess by class frequency",
        "mean": "the mean of the training cases",
        "covariates": "the covariates alone",
    }
    return known.get(str(card["name"]), str(card["name"]))


def _looked(study: Study) -> str:
    looks = study.first.looks
    if looks < 2:
        return ""
    return f"This test part has been looked at {looks} times: choices made after a look make later numbers too good."


def warnings(study: Study) -> list[str]:
    """Every warning once; those that the page itself can see are added where nobody said them yet."""
    told = [*study.warnings, *study.audit.get("warnings", ()), *study.cohort.warnings, *study.design.warnings]
    said = list(dict.fromkeys(str(sentence) for sentence in told))
    whole = " ".join(said).lower()
    own = [(key, text) for key, text in _seen(study) if not any(word in whole for word in key)]
    return [*said, *(text for _, text in own)]


def _seen(study: Study) -> list[tuple[tuple[str, ...], str]]:
    """Words that show that a warning was given already, and the warning."""
    found: list[tuple[tuple[str, ...], str]] = []
    split = study.design.split
    if not study.cohort.knows_patients:
        found.append((("patient id",), NO_PATIENTS))
    if study.audit.get("excluded"):
        n, of = len(study.audit["excluded"]), int(study.audit.get("found", 0))
        text = f"{count(n)} of {counted(of, 'case')} {'is' if n == 1 else 'are'} left out."
        found.append((("left out", "excluded"), text))
    if split.overlap:
        n = len(split.overlap)
        verb = "shares" if n == 1 else "share"
        text = (
            f"{counted(n, 'test case')} {verb} a patient or the very pixels with the training part; results are shown "
        )
        found.append((("overlap", "share"), text + "with and without them."))
    if study.audit.get("conflicts"):
        n = len(study.audit["conflicts"])
        text = f"{counted(n, 'image')} {'has' if n == 1 else 'have'} bit-identical copies with another label."
        found.append((("label", "conflict"), text))
    found += _small(study)
    if study.first.looks > 1:
        found.append((("looked at",), f"This test part has been looked at {study.first.looks} times."))
    return found


def _small(study: Study) -> list[tuple[tuple[str, ...], str]]:
    """A test part, or a class in it, that is too small to say much."""
    test = study.cohort.select(study.design.split.test)
    target = study.target
    if target.is_value:
        small = [counted(len(test), "case")] if len(test) < SMALL_TEST else []
    else:
        small = [f"{n} {of_class(target, name)}" for name, n in test.counts.items() if n < SMALL_TEST]
    if not small:
        return []
    if study.design.several:
        return []
    text = f"The test part is small ({', '.join(small)}): read the intervals, not the values alone."
    return [(("test part is small",), text)]
