"""A table of features as lines: counts that reconcile, how it was measured, where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isocenter.lines.rows import rows_alone

_SHOWN = 10


def tabulated(found: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """Cases found, in the table and left out; features; values that are not defined; the files."""
    left = found["excluded"]
    of = f" of {found['patients']} patients" if found["patients"] else ""
    yield f"Cases     {found['found']} found = {found['used']} in the table{of} + {len(left)} left out"
    for fault in left[:_SHOWN]:
        yield f"            {fault['where']}: {fault['code']}: {fault['reason']} {fault['remedy']}".rstrip()
    if len(left) > _SHOWN:
        yield f"            ... and {len(left) - _SHOWN} more, all in {result['excluded']}"
    yield from rows_alone(found["rows"], "case", result.get("excluded", ""))
    yield f"Features  {found['columns']} ({found['features']})"
    for sentence in found["done"]:
        yield f"            {sentence}"
    if found["missing"]:
        yield f"            {found['missing']} values in {found['incomplete']} columns are not defined: empty cells"
    for name in ("table", "names", "excluded"):
        if name in result:
            yield f"Written   {result[name]}"
