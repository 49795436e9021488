"""A target that a model already knows, found again in another table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from isocenter.cohort import Target
from isocenter.errors import BadTarget, UsageError
from isocenter.ingest import multilabel
from isocenter.ingest.target import class_names
from isocenter.wording import listed


def recognise(
    values: pd.Series, column: str, target: Target, names: Sequence[str]
) -> tuple[Target, pd.Series, list[str]]:
    """The column's values as the target has them (missing stays missing), and warnings.

    names: "OTHER=CLASS", how this table calls the model's classes. Only upper and lower case are
    forgiven without being told. Raises BadTarget for classes that the model does not know.
    """
    told = replace(target, column=column, how=f"Column '{column}' holds what the model predicts ('{target.column}').")
    if target.is_labels:
        return told, multilabel.recognise(values, column, target, _renamed(names, target)), []
    if target.is_value:
        numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
        if (wrong := values[numbers.isna() & values.notna()]).size:
            raise BadTarget(
                f"Column '{column}' holds text ({listed(sorted(set(wrong.astype('str'))), 3)}), the model predicts "
                "numbers.",
                "Name the column of the measurement with --target.",
            )
        return told, numbers, []
    text = class_names(values).str.strip()
    text = text.mask(text == "")
    known = {**{name.lower(): name for name in target.classes}, **_renamed(names, target)}
    found = text.map(lambda name: known.get(name, known.get(name.lower())), na_action="ignore")
    if strange := sorted(set(text[found.isna() & text.notna()])):
        raise _strange(text, found, column, target, strange)
    return told, found.astype("str").mask(found.isna()), []


def _strange(text: pd.Series, found: pd.Series, column: str, target: Target, strange: Sequence[str]) -> BadTarget:
    """Classes that the model does not know. Which is which is never guessed: a wrong guess turns every result round."""
    if len(strange) > len(target.classes) + 2 and found.isna().all():
        return BadTarget(
            f"Column '{column}' holds {listed(strange)}: none of the model's classes {', '.join(target.classes)}.",
            "Name the column of the reference with --target.",
        )
    odd = "ID,..." if found.isna().all() else listed(text.index[found.isna() & text.notna()], 3, ",")
    return BadTarget(
        f"Column '{column}' has classes the model does not know: {listed(strange)}. "
        f"Its classes are {', '.join(target.classes)}.",
        f"Say which is which: --class-names {','.join(f'{name}=?' for name in strange)}, with one of "
        f"{', '.join(target.classes)} in the place of each '?'. Cases of none of them are set aside by "
        f"--exclude {odd}, or where '{column}' is empty. If it is the wrong column, name another with --target.",
    )


def _renamed(names: Sequence[str], target: Target) -> Mapping[str, str]:
    pairs = [text.partition("=") for text in names]
    wrong = [
        text for text, (_, equals, new) in zip(names, pairs, strict=True) if not equals or new not in target.classes
    ]
    if wrong:
        raise UsageError(
            f"--class-names {wrong[0]} names no class of the model.",
            f"Write OTHER=CLASS with {', '.join(target.classes)}.",
        )
    return {old.strip(): new.strip() for old, _, new in pairs}
