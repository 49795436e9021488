"""Whether a study can be done as it was asked for: told before anything is fitted, and before the test part is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isocenter import deciding
from isocenter.aggregation import ALL
from isocenter.cohort import Cohort, Target
from isocenter.errors import UnknownColumn, UsageError
from isocenter.evaluation.groups import subgroups
from isocenter.features.harmonised import sites_of
from isocenter.imaging.standardise import WAYS
from isocenter.metrics import recalibration
from isocenter.metrics.seeds import FEWEST
from isocenter.metrics.thresholds import Criterion
from isocenter.options import Options
from isocenter.refining import Refining
from isocenter.splitting import Design

_HOW = {"cohort": "isocenter.index(path)", "design": "isocenter.split(cohort)", "model": "isocenter.load(path)"}


def kind(given: object, wanted: type | tuple[type, ...], what: str) -> None:
    """UsageError for an argument of another type than `wanted`; what: its name, a key of `_HOW`."""
    if not isinstance(given, wanted):
        told = f"'{given}'" if isinstance(given, str | Path) else f"of type {type(given).__name__}"
        raise UsageError(f"The {what} cannot be {told}.", f"Make it with {_HOW[what]}.")


def asked(cohort: Cohort, design: Design | None, **given: Any) -> Options:
    """Options as Python gives them, checked on the cases that a design uses (None: on all) as `check` does."""
    kind(cohort, Cohort, "cohort")
    kind(design, (Design, type(None)), "design")
    options = Options().changed(**given)
    used = cohort.case_ids if design is None else dict.fromkeys((*design.final.fitting, *design.tested))
    check(options, cohort if len(used) == len(cohort) else cohort.select(used))
    return options


def check(options: Options, cohort: Cohort) -> None:
    """UsageError or UnknownColumn for an option that would fail after the fits, or after a look at the test part."""
    target = cohort.target
    if target is None:
        return  # said by the step that needs one
    if not 0 <= options.margin < math.inf:
        raise UsageError(f"--margin {options.margin:g} cannot be.", "Give a tolerable loss such as 0.05, or 0.")
    if options.seeds < FEWEST and options.seeds != 1:
        raise UsageError(
            f"--seeds {options.seeds} shows nothing: {FEWEST} are the least.",
            "Give 3 or more, or 1 for none but --seed.",
        )
    refuse_prevalences(options.shares, target)
    for _ in subgroups(cohort, list(cohort.case_ids), options.subgroups):
        pass  # raises for a column that is not there, or that has too many values
    _decide(options.decide, target)
    _recalibrate(options.recalibrate, target)
    _aggregate(options.aggregate, target, cohort)
    _refining(options, cohort)


def one_table(names: Sequence[str], what: str) -> str | None:
    """The feature set that is named, or None; UsageError for several, which do not make one table by turns."""
    if len(names) > 1:
        raise UsageError(
            f"{what} of one table of features, not of {' and '.join(names)} by turns.",
            f"Join them: --features {'+'.join(names)}; or name one.",
        )
    return names[0] if names else None


def refuse_of_scans(**given: Any) -> None:
    """UsageError for options about scans where the input is a table of features; given: values by name."""
    default = Options()
    usual = {name: getattr(default, name) for name in given}
    asked = [
        name for name, value in given.items() if (tuple(value) if isinstance(value, list) else value) != usual[name]
    ]
    if names := [f"--{name.replace('_', '-')}" for name in asked]:
        raise UsageError(
            f"{', '.join(names)}: {'this is' if len(names) == 1 else 'these are'} about scans; the input is a table.",
            f"Leave {'it' if len(names) == 1 else 'them'} out, or give a folder of scans.",
        )


def refuse_making(names: Sequence[str]) -> None:
    """UsageError for options that say how a model is made, where it is there: heard in silence they would mislead."""
    if names:
        raise UsageError(
            f"A saved model is tested as it is: {', '.join(names)} can change nothing.",
            f"Leave {'it' if len(names) == 1 else 'them'} out, or fit a model with isocenter run.",
        )


def refuse_prevalences(shares: Sequence[float], target: Target) -> None:
    """UsageError for prevalences beside a measurement, which has no event that is rare or common."""
    if shares and target.is_value:
        raise UsageError(
            "--prevalences are about how common an event is.",
            f"Leave them out: target '{target.column}' is a measurement.",
        )


def _decide(criterion: str | None, target: Target) -> None:
    if criterion is None:
        return
    Criterion.parse(criterion)
    if target.positive_index is None and not target.is_labels:
        raise deciding.needs_two_classes(criterion, target)


def _refining(options: Options, cohort: Cohort) -> None:
    site = cohort.beside[0] if cohort.beside else options.harmonise
    Refining.of(
        options.filters,
        min_icc=options.min_icc,
        select=options.select,
        keep=options.keep,
        harmonise=site,
        reference_site=options.reference_site,
        preserve=options.preserve,
    )
    if options.standardise not in (None, *WAYS):
        raise UsageError(f"--standardise {options.standardise} is not known.", f"Choose {', '.join(WAYS)}.")
    check_sites(cohort, options.reference_site)


def check_sites(cohort: Cohort, reference: str | None) -> None:
    """UsageError for harmonisation of one site, or to a site that is not there; nothing is said where none is asked."""
    if cohort.beside:
        sites = sorted({name for name in sites_of(cohort.X, cohort.beside[0], UnknownColumn) if name is not None})
        if len(sites) < 2:
            raise UsageError(
                f"'{cohort.beside[0]}' names {'one site' if sites else 'no site'}: there is nothing to harmonise.",
                "Leave --harmonise out.",
            )
        if reference not in (None, *sites):
            raise UsageError(f"There is no site '{reference}' in '{cohort.beside[0]}'.", f"Sites: {', '.join(sites)}.")


def _recalibrate(kind: str, target: Target) -> None:
    known = (deciding.NOTHING, *recalibration.KINDS)
    if kind not in known:
        raise UsageError(f"There is no recalibration called '{kind}'.", f"Choose one of: {', '.join(known)}.")
    if kind != deciding.NOTHING and target.is_value:
        raise UsageError("--recalibrate is about probabilities.", f"Target '{target.column}' is a measurement.")


def _aggregate(how: str, target: Target, cohort: Cohort) -> None:
    if how in (deciding.AUTO, deciding.NOTHING):
        return
    if how not in ALL:
        known = ", ".join((deciding.AUTO, deciding.NOTHING, *ALL))
        raise UsageError(f"--aggregate {how} is not known.", f"Choose {known}.")
    if how not in (suited := deciding.candidates(target)):
        raise UsageError(f"--aggregate {how} does not suit target '{target.column}'.", f"Choose {', '.join(suited)}.")
    if torn := deciding.torn_patients(cohort):
        raise deciding.refused(how, len(torn), torn[0])
