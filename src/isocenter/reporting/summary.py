"""A study as one dict of texts and plain numbers: all that the page shows, and nothing that it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.evaluation import headline
from isocenter.radiomics.worded import sentences as in_words
from isocenter.reporting import results, story
from isocenter.reporting.around import around
from isocenter.reporting.baseline import baseline
from isocenter.reporting.comparisons import comparisons, readers
from isocenter.reporting.figures import importance, result_figures
from isocenter.reporting.flow import flow
from isocenter.reporting.gallery import gallery
from isocenter.reporting.points import points
from isocenter.reporting.scales import UNIT
from isocenter.reporting.study import Study, is_floor
from isocenter.reporting.words import (
    METRICS,
    NOTHING,
    count,
    counted,
    decimal,
    listed,
    of_class,
    percent,
    quantity,
    title,
)
from isocenter.tables.told import sentences

FEW_ROWS = 12  # of what was left out, before the rest is folded away
MOST_ROWS = 200  # of the lists of cases; audit.json holds them all


def summarize(study: Study) -> dict[str, Any]:
    """What the page knows, section by section. Texts are raw; the template escapes them."""
    return {
        "title": study.title,
        "created": study.created,
        "synthetic": study.synthetic,
        "target": _target(study),
        "headline": results.headline(study),
        "facts": _facts(study),
        "story": story.paragraph(study),
        "warnings": story.warnings(study),
        "notes": list(dict.fromkeys([*study.notes, *study.cohort.notes])),
        "flow": flow(study),
        "baseline": baseline(study),
        "design": _design(study),
        "models": [_model(study, card) for card in study.models],
        "results": {
            "detail": results.detail(study),
            "ticks": UNIT.ticks,
            "comparison": results.comparison(study),
            "classes": results.per_class(study),
            "groups": results.groups(study),
            "confusions": results.confusions(study),
            "comparisons": comparisons(study),
            "readers": readers(study.readers, study.design.several),
            "remarks": results.remarks(study),
        },
        "points": points(study),
        "around": around(study),
        "figures": result_figures(study),
        "gallery": gallery(study),
        "importance": importance(study),
        "importance_metric": title(headline(study.target), study.several).replace("Macro", "macro"),
        "left_out": _left_out(study),
        "repeat": _repeat(study),
        "glossary": _glossary(study),
    }


def _target(study: Study) -> dict[str, Any]:
    target = study.target
    return {
        "column": target.column,
        "task": target.task.value,
        "classes": list(target.classes),
        "positive": target.positive,
        "how": target.how,
    }


def _facts(study: Study) -> list[dict[str, str]]:
    """The tiles under the headline: {"value", "label", "note"}."""
    audit, counts = study.audit, results.counts_of(study, "test")
    found = int(audit.get("found", len(study.cohort)))
    known = study.cohort.knows_patients
    patients = count(int(study.cohort.table["patient_id"].nunique())) if known else "unknown"
    looks = study.first.looks
    nth = {1: "the first look", 2: "the second look", 3: "the third look"}.get(looks, "all looks are in the ledger")
    extra = [counts[name] for name in ("patients", "events") if name in counts]
    return [
        {"value": count(len(study.cohort)), "label": "cases used", "note": f"of {count(found)} found"},
        {"value": patients, "label": "patients", "note": "" if known else "no ids in the data"},
        {"value": count(len(study.design.tested)), "label": "test cases", "note": ", ".join(extra)},
        {
            "value": str(looks) if looks else NOTHING,
            "label": "look at the test part" if looks == 1 else "looks at the test part",
            "note": nth if looks else "not counted",
        },
    ]


def _design(study: Study) -> dict[str, Any]:
    design, split = study.design, study.design.split
    return {
        "how": design.how,
        "kind": _KINDS.get(design.kind, design.kind) + (f", {design.repeats} repeats" if design.repeats > 1 else ""),
        "seed": str(design.seed),
        "stratified": "" if design.kind == "given" else "yes" if design.stratified else "no",
        "grouped": "by patient" if study.cohort.knows_patients else "by case: no patient ids are known",
        "folds": _folds([len(fold) for fold in split.folds]),
        "overlap": counted(len(split.overlap), "test case") if split.overlap else "",
        "fingerprint": design.fingerprint[:16],
    }


_KINDS = {
    "holdout": "Hold-out",
    "given": "Given split",
    "kfold": "Cross-validation",
    "nested": "Nested cross-validation",
    "leave-one-out": "Leave one out",
}


def _folds(sizes: Sequence[int]) -> str:
    """5 of 36 cases; 5 of 36 to 38 cases."""
    if not sizes:
        return ""
    low, high = count(min(sizes)), count(max(sizes))
    return f"{len(sizes)} of {low if low == high else f'{low} to {high}'} cases"


def _decision(study: Study, card: Mapping[str, Any]) -> list[str]:
    """How the model decides, and where that comes from, in sentences."""
    told, decided = card.get("decision") or {}, card.get("decided") or {}
    found = []
    if told.get("aggregation"):
        found.append(f"Images of a patient become one prediction by {told['aggregation']}.")
    if told.get("calibrator") == "identity":
        found.append(f"Probabilities could not be recalibrated: {decided.get('uncalibrated', '')}.")
    elif told.get("calibrator"):
        found.append(f"Probabilities are recalibrated ({told['calibrator']}).")
    if told.get("threshold") is not None:
        positive = of_class(study.target, study.target.positive or "")
        found.append(
            f"{positive} is called from a probability of {decimal(told['threshold'])} on ({told['criterion']})."
        )
    elif any(value != 0.5 for value in (told.get("thresholds") or {}).values()):
        each = listed([f"{name} from {decimal(value)}" for name, value in told["thresholds"].items()])
        found.append(f"A label is given from a probability of its own on: {each} ({told['criterion']}).")
    elif study.target.is_labels:
        found.append("A label is given from a probability of 0.5 on.")
    elif study.target.is_classes:
        found.append("The most probable class is decided.")
    own = bool(told.get("threshold")) or any(value != 0.5 for value in (told.get("thresholds") or {}).values())
    if found and decided.get("n") and len(found) + own > 1:
        found.append(f"Chosen on {counted(int(decided['n']), 'out-of-fold prediction')} of the training part.")
    return found


def _model(study: Study, card: Mapping[str, Any]) -> dict[str, Any]:
    features = card.get("features") or ()
    features = [features] if isinstance(features, str) else [str(f) for f in features]
    if card.get("method") in ("majority", "mean"):  # they look at no feature, whatever they are given
        features, card = [], {**card, "feature_names": ()}
    covariates = [str(c) for c in card.get("covariates") or ()]
    chosen = [{k: plain(v) for k, v in row.items()} for row in card.get("chosen") or ()]
    return {
        "name": card["name"],
        "style": results.styles(study).get(card["name"], "series-1"),
        "method": card.get("method", card["name"]),
        "role": card.get("role", ""),
        "floor": is_floor(card),
        "features": features,
        "n_features": count(len(card["feature_names"])) if card.get("feature_names") else "",
        "covariates": covariates,
        "done": [*measured(card), *sentences(card.get("refining") or ())],
        "parameters": [{"name": k, "value": plain(v)} for k, v in (card.get("parameters") or {}).items()],
        "chosen": chosen,
        "decision": _decision(study, card),
        "seed": plain(card.get("seed")),
        "summary": card.get("summary") or "",
    }


def measured(card: Mapping[str, Any]) -> list[str]:
    """How a model's radiomics were computed, in numbers, and of which filtered images; nothing without any."""
    told, profile = card.get("radiomics") or {}, card.get("profile") or {}
    how = {
        "flat": profile.get("volumes") is False,
        "framed": told.get("mask") is False,
        "calibrated": profile.get("spacings", ()) is not None,
    }
    found = in_words([str(one) for one in told.get("preset") or ()], **how)
    if filters := [str(one) for one in told.get("image_filters") or ()]:
        found.append(
            f"They were computed of the responses to image filters too ({', '.join(filters)}; IBSI 2 definitions): "
            "statistics, histograms and texture, in a fixed number of bins."
        )
    return found


def plain(value: object) -> str:
    """An option's or parameter's value as text."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return quantity(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(v) for v in value) or NOTHING
    return str(value)


def _left_out(study: Study) -> dict[str, Any]:
    excluded = list(study.audit.get("excluded") or ())
    unlabelled = [str(i) for i in study.audit.get("unlabelled") or ()]
    overlap = [str(i) for i in study.design.split.overlap]
    duplicates = _groups(study, study.audit.get("duplicates"))
    conflicts = _groups(study, study.audit.get("conflicts"))
    return {
        "few": FEW_ROWS,
        "rows": excluded[:MOST_ROWS],
        "more": count(max(len(excluded) - MOST_ROWS, 0)),
        "n": count(len(excluded)),
        "labels": _by_label(study, excluded),
        "lists": [
            {
                "title": name,
                "n": count(len(items)),
                "items": items[:MOST_ROWS],
                "more": count(max(len(items) - MOST_ROWS, 0)),
            }
            for name, items in (
                ("Without a value of the target", unlabelled),
                ("The same pixels, different labels", conflicts),
                ("The same pixels, bit by bit", duplicates),
                ("Test cases that share a patient or pixels with the training part", overlap),
            )
            if items
        ],
    }


def _groups(study: Study, groups: Sequence[Sequence[str]] | None) -> list[str]:
    """Groups of identical cases as "a = b", each with its label."""
    if not groups:
        return []
    known = dict(study.cohort.table[study.target.column]) if not study.target.is_value else {}

    def said(group: Sequence[str]) -> str:
        more = f" and {len(group) - FEW_ROWS} more" if len(group) > FEW_ROWS else ""
        return " = ".join(f"{i} ({known[i]})" if i in known else str(i) for i in group[:FEW_ROWS]) + more

    return [said(group) for group in groups]


def _by_label(study: Study, excluded: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """How much of each class is left out: a difference between classes can bias the result."""
    counts = Counter(str(fault["label"]) for fault in excluded if fault.get("label") is not None)
    if not study.target.is_classes or not counts:
        return []
    used = Counter(str(name) for name in study.cohort.table[study.target.column])
    return [
        {"name": name, "n": count(counts[name]), "of": count(counts[name] + used[name]),
         "share": percent(counts[name], counts[name] + used[name])}
        for name in study.target.classes
    ]  # fmt: skip


def _repeat(study: Study) -> dict[str, Any]:
    return {
        "command": study.command,
        "options": [{"name": name, "value": plain(v)} for name, v in study.options.items()],
        "versions": [{"name": name, "value": str(v)} for name, v in study.versions.items()],
        "seed": str(study.design.seed),
    }


def _glossary(study: Study) -> list[dict[str, str]]:
    metrics = {e.metric for card in study.evaluated for e in study.evaluations[card["name"]].estimates}
    return [{"term": name, "meaning": text} for key, (name, text) in METRICS.items() if key in metrics]
