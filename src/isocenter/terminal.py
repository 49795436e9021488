"""What a person sees: notes and progress on standard error, results on standard output."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from isocenter import progress
from isocenter.progress import Event

_SHOWN_FAULTS = 10
_CLASS_METRICS = ("auc", "accuracy", "balanced_accuracy", "average_precision", "partial_auc", "sensitivity",
                  "specificity", "ppv", "npv", "f1", "brier")  # fmt: skip
_CALIBRATION = ("calibration_slope", "calibration_in_the_large")
_OF_GRADES = ("ordinal_c_index", "kappa_quadratic", "kappa_linear", "grade_error", "rps")
_OF_LABELS = ("micro_f1", "exact_match", "hamming_loss")
_OF_VALUES = ("mae", "rmse", "r2", "spearman", "ccc", "median_absolute_error", "bias", "agreement_low",
              "agreement_high")  # fmt: skip
_METRICS = (*_OF_GRADES, *_CLASS_METRICS, *_OF_LABELS, *_OF_VALUES)
_OF_A_LABEL = ("auc", "sensitivity", "specificity", "ppv")


class Terminal:
    """Prints plain data; one JSON object and nothing else with `as_json`."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}  # stages that are open, the outermost first
        self._told: dict[str, list[str]] = {}  # lines of each section that stand there already

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show progress events while the command works."""
        with progress.listening(self._hear):
            try:
                yield
            finally:
                self._close()

    def _hear(self, event: Event) -> None:
        if event.kind == "facts":
            if not self.as_json:
                self._sections(event.facts or {})
        elif event.kind == "warning":
            sys.stderr.write(f"WARNING  {event.text}\n")
        elif event.kind == "note":
            sys.stderr.write(f"{event.text}\n")
        elif sys.stderr.isatty():
            self._draw(event)

    def _draw(self, event: Event) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if event.kind == "start" and self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        if event.kind == "start":
            self._tasks[event.stage] = self._bar.add_task(event.stage, total=event.total)
        elif event.kind == "advance" and event.stage in self._tasks:
            self._bar.advance(self._tasks[event.stage])
        elif event.kind == "end" and event.stage in self._tasks:
            self._bar.remove_task(self._tasks.pop(event.stage))
            if not self._tasks:
                self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar, self._tasks = None, {}

    @staticmethod
    def _print(line: str) -> None:
        sys.stdout.write(line + "\n")

    def show(self, result: dict[str, Any]) -> None:
        if self.as_json:
            self._print(json.dumps({k: v for k, v in result.items() if k != "lines"}, default=str))
            return
        self._sections(result)

    def _sections(self, result: Mapping[str, Any]) -> None:
        """What is known by now and does not stand there yet; of lists (notes, warnings) the new lines."""
        for key, shown in _SECTIONS.items():
            if not result.get(key):
                continue
            lines, told = list(shown(result[key], dict(result))), self._told.get(key, [])
            if key in _GROWING:
                lines = [line for line in lines if line not in told]
                self._told[key] = [*told, *lines]
            elif lines == told:
                continue
            else:
                self._told[key] = lines
            for line in lines:
                self._print(line)
        sys.stdout.flush()


def _cohort(cohort: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    excluded, unlabelled = cohort["excluded"], cohort["unlabelled"]
    patients = f" of {cohort['patients']} patients" if cohort.get("patients") else ""
    yield (
        f"Cohort    {cohort['found']} cases found = {cohort['used']} used{patients} + {len(excluded)} excluded "
        f"+ {unlabelled} without a target"
    )
    for fault in excluded[:_SHOWN_FAULTS]:
        yield f"            {fault['where']}: {fault['code']}: {fault['reason']} {fault['remedy']}".rstrip()
    if len(excluded) > _SHOWN_FAULTS:
        yield f"            ... and {len(excluded) - _SHOWN_FAULTS} more, all in audit.json"


def _target(target: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    classes = ", ".join(f"{name} {n}" for name, n in target["classes"].items())
    yield f"Target    {target['column']} ({target['task']}){': ' + classes if classes else ''}"
    if target["how"]:
        yield f"            {target['how']}"


def _listed(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    def lines(texts: list[str], _: dict[str, Any]) -> Iterator[str]:
        for text in texts:
            yield f"{title:<10}{text}"

    return lines


def _groups(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    def lines(groups: list[list[str]], _: dict[str, Any]) -> Iterator[str]:
        yield f"{title}: {len(groups)} group{'s' * (len(groups) != 1)}, for instance {' = '.join(map(str, groups[0]))}"

    return lines


def _parts(parts: dict[str, int], result: dict[str, Any]) -> Iterator[str]:
    folds = result["design"]["splits"]
    told = (
        ", ".join(f"{n} {name}" for name, n in parts.items() if n)
        if folds == 1
        else f"{folds} folds of {parts['test']}"
    )
    yield f"Split     {told} cases"
    yield f"            {result['how']}"


def _models(models: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    for name, model in models.items():
        told = ", ".join(f"{k}={v}" for k, v in model["parameters"].items())
        kind = "floor" if model["role"] == "floor" else "+".join(model["features"])
        untested = "" if model.get("tested", True) else " on every case, not itself tested"
        decides = _decides(model.get("decision") or {})
        yield f"Fitted    {name} ({kind}{'; ' + told if told else ''}){untested}{decides}"


def _decides(decision: dict[str, Any]) -> str:
    """How it comes to one answer a patient, and to a class, where that is not the plain way."""
    said = []
    if decision.get("aggregation"):
        said.append(f"images of a patient by {decision['aggregation']}")
    if decision.get("calibrator"):
        said.append(f"recalibrated by {decision['calibrator']}")
    if decision.get("threshold") is not None:
        said.append(f"threshold {decision['threshold']:.3g} for {decision['criterion']}")
    if any(value != 0.5 for value in decision.get("thresholds", {}).values()):
        each = ", ".join(f"{name} {value:.3g}" for name, value in decision["thresholds"].items())
        said.append(f"thresholds {each} for {decision['criterion']}")
    return f"; {', '.join(said)}, chosen on tuning data" if said else ""


def _results(results: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    names = list(results)
    rows = {name: _whole(results[name]) for name in names}
    first = next(iter(rows[names[0]].values()))
    looks = result["looks"]
    yield ""
    design = result["design"]
    part = "Test part" if design["splits"] == 1 else f"Tested in {design['splits']} folds"
    known = (result.get("cohort") or {}).get("patients") is not None
    who = f"{first['n_cases']} cases" + (f" of {first['n_patients']} patients" if known else "")
    often = f", each {design['repeats']} times" if design["repeats"] > 1 else ""
    yield f"{part}: {who}{often}; look {looks} at {'it' if design['splits'] == 1 else 'them'}; 95 % intervals"
    yield " " * 20 + "".join(f"{name:<24}" for name in names)
    for metric in _METRICS:
        if any(metric in rows[name] for name in names):
            cells = "".join(f"{_number(rows[name].get(metric)):<24}" for name in names)
            yield f"{metric.replace('_', ' '):<20}{cells}".rstrip()
    if len([n for n in names if result["models"][n]["role"] != "floor"]) > 1:
        yield f"Best on tuning data: {result['best_on_tuning']}"
    yield from _confusion(results[result["primary"]], result)


def _whole(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The test part's estimates of the whole, by metric."""
    return {
        row["metric"]: row
        for row in evaluation["estimates"]
        if row["part"] == "test" and row["group"] is None and row["class"] is None
    }


def _number(row: dict[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "-"
    if row["low"] is None or not math.isfinite(row["low"]):
        return f"{row['value']:.4f}"
    return f"{row['value']:.4f} ({row['low']:.3f}-{row['high']:.3f})"


def _labels(evaluation: dict[str, Any], where: str, part: str = "test") -> Iterator[str]:
    """A line a label in the place of a confusion matrix each."""
    found = {(row["metric"], row["class"]): row for row in evaluation["estimates"] if _whole_of(row, part)}
    names = [one["class"] for one in evaluation["confusion"] if _whole_of(one, part) and "class" in one]
    if names:
        width = max(5, *(len(name) for name in names)) + 2
        yield ""
        yield f"Labels of {evaluation['method']} on {where}"
        yield f"{'':<{width}}{'cases':<8}" + "".join(f"{metric:<24}" for metric in _OF_A_LABEL).rstrip()
        for name in names:
            cells = "".join(f"{_number(found.get((metric, name))):<24}" for metric in _OF_A_LABEL)
            yield f"{name:<{width}}{found['auc', name]['n_events']:<8}{cells}".rstrip()


def _whole_of(row: dict[str, Any], part: str) -> bool:
    return bool(row["part"] == part and row["group"] is None)


def _confusion(evaluation: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    yield from _labels(evaluation, "the test part")
    for matrix in evaluation["confusion"]:
        if _whole_of(matrix, "test") and "class" not in matrix:
            classes = [str(c) for c in matrix["classes"]]
            width = max(6, *(len(c) for c in classes)) + 2
            yield ""
            place = "on the test part" if result["design"]["splits"] == 1 else "in the first repeat"
            yield f"Confusion matrix of {result['primary']} {place} (rows true, columns predicted)"
            yield " " * width + "".join(f"{c:>{width}}" for c in classes)
            for name, counts in zip(classes, matrix["matrix"], strict=True):
                yield f"{name:>{width}}" + "".join(f"{n:>{width}}" for n in counts)


def _external(found: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    counts = found["counts"]
    yield (
        f"External  {counts['found']} cases found = {counts['used']} used + {counts['refused']} refused "
        f"+ {counts['unlabelled']} without a reference"
    )
    rows = {row["metric"]: row for row in found["side_by_side"] if row["class"] is None}
    columns = [c for c in ("tuning", "test", "external", "recalibrated") if any(c in row for row in rows.values())]
    yield ""
    yield (
        f"{found['model']}, 95 % intervals"
        + " " * max(1, 26 - len(found["model"]))
        + "".join(f"{c:<24}" for c in columns)
    )
    for metric, row in rows.items():
        if metric in (*_METRICS, *_CALIBRATION):
            cells = "".join(f"{_number(row.get(c)):<24}" for c in columns)
            yield f"{metric.replace('_', ' '):<44}{cells}".rstrip()
    yield from _labels(found["evaluation"], "the external cases", "external")
    yield from _thresholds(found["evaluation"]["points"])
    if notable := [r for r in found["case_mix"] if r["difference"] is not None and abs(r["difference"]) > 0.1]:
        told = ", ".join(f"{r['name']} ({r['difference']:+.2f})" for r in notable[:8])
        yield f"Case mix  differs from training (standardised difference above 0.1): {told}"
    yield f"Written   {result['project']}"


def _thresholds(points: list[dict[str, Any]]) -> Iterator[str]:
    """Operating points that were chosen at home, as they are read there."""
    if points:
        yield ""
        yield f"{'Thresholds chosen at home':<44}{'threshold':<12}{'sensitivity':<24}specificity"
    for point in points:
        name = point["criterion"] if point["class"] is None else f"{point['class']}: {point['criterion']}"
        told = "-" if point["threshold"] is None else f"{point['threshold']:.3f}"
        shares = (point["test"].get(share, [None] * 3)[:3] for share in ("sensitivity", "specificity"))
        cells = "".join(f"{_number(dict(zip(('value', 'low', 'high'), one, strict=True))):<24}" for one in shares)
        yield f"{name:<44}{told:<12}{cells}".rstrip()


def _predicted(path: str, result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['predicted']} predicted, {result['refused']} refused, {result['flagged']} flagged"
    for flag in result["flags"][:_SHOWN_FAULTS]:
        yield f"            {flag}"
    yield f"Written   {path}"


def _nested(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    def lines(inner: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
        yield ""
        yield f"== {title} =="
        for key, shown in _SECTIONS.items():
            if inner.get(key):
                yield from shown(inner[key], inner)

    return lines


def _report(path: str, _: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"Report    {path}"


_SHOWN_COMPARISONS = 8
_SHOWN_PAIRS = 12


def _comparisons(rows: list[dict[str, Any]], result: dict[str, Any]) -> Iterator[str]:
    """The claim, then the headline comparisons of the primary method, then those of subgroups."""
    known = [row for row in rows if row["how"] != "not-given" and row["group"] is None]
    headline, primary = (known or rows)[0]["metric"], result["primary"]
    own = [r for r in rows if r["metric"] == headline and r["group"] is None and primary in (r["method"], r["against"])]
    grouped = [r for r in rows if r["group"] is not None and r["method"] == primary]
    shown = [*own[:_SHOWN_COMPARISONS], *grouped[:_SHOWN_COMPARISONS]]
    yield ""
    if result.get("claim") and len(own) > 1:
        yield f"Compared  {result['claim']}"
    for i, row in enumerate(shown):
        yield f"{'Compared' if not i and len(own) < 2 else '':<10}{row['sentence']}"
    if len(rows) > len(shown):
        yield f"{'':<10}{len(rows)} comparisons in all: comparisons.json"


def _sample(sample: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    yield f"Sample    {sample['summary']}"


def _seeds(seeds: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield seeds["how"]
    for band in seeds["bands"]:
        if band["metric"] == seeds["metric"] and band["mean"] is not None:
            yield (
                f"  {band['metric']} of {band['method']}: {band['smallest']:.3f} to {band['largest']:.3f}, "
                f"mean {band['mean']:.3f}, SD {band['sd'] or 0:.3f}"
            )
    floors = {name for name, model in result["models"].items() if model["role"] == "floor"}
    for difference in seeds["differences"]:
        if not {difference["first"], difference["second"]} <= floors:
            yield f"  {difference['sentence']}"


def _learning(learning: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    yield ""
    told = ", ".join(f"{p['patients']:.0f}: {p['value']:.3f}" for p in learning["points"] if p["value"] is not None)
    yield f"Learning curve of {learning['method']} ({learning['metric']} by training patients): {told}"
    yield f"  {learning['sentence']}"


def _readers(found: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"Readers   {found['sentence']}"
    for one in found["overall"]:
        yield f"{'':<10}all readers: {one['name'].replace('_', ' ')} {_number(one)}{_why(one)}"
    for one in found["pairs"][:_SHOWN_PAIRS]:
        place = "all cases" if one["part"] == "all" else "test part"
        pair = f"{one['first']} and {one['second']} ({place}, {one['n']})"
        yield f"{'':<10}{pair}: {one['coefficient']} {_number(one)}{_why(one)}"
    if len(found["pairs"]) > _SHOWN_PAIRS:
        yield f"{'':<10}{len(found['pairs'])} pairs in all: readers.json"


def _why(one: dict[str, Any]) -> str:
    return f" ({one['why']})" if one["why"] else ""


def _paper(path: str, _: dict[str, Any]) -> Iterator[str]:
    yield f"Written   {path} (README.txt there says what each file is)"


_GROWING = ("notes", "warnings")
_SECTIONS: dict[str, Callable[[Any, dict[str, Any]], Iterator[str]]] = {
    "lines": _listed(""),
    "breast_cancer": _nested("Breast cancer: real features"),
    "phantom": _nested("Phantom: synthetic CT scans"),
    "notes": _listed("Note"),
    "cohort": _cohort,
    "target": _target,
    "duplicates": _groups("Bit-identical pixels"),
    "conflicts": _groups("Identical pixels with different labels"),
    "parts": _parts,
    "sample_size": _sample,
    "models": _models,
    "warnings": _listed("WARNING"),
    "results": _results,
    "comparisons": _comparisons,
    "seeds": _seeds,
    "learning": _learning,
    "readers": _readers,
    "external": _external,
    "output": _predicted,
    "report": _report,
    "paper": _paper,
}
