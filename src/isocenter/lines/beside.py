"""What stands beside the numbers: comparisons, seeds, the learning curve, readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isocenter.lines.numbers import number

_SHOWN_COMPARISONS = 8


_SHOWN_PAIRS = 12


def comparisons(rows: list[dict[str, Any]], result: dict[str, Any]) -> Iterator[str]:
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


def seeds(seeds: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """How far the headline moves by the seed alone, a line a method, then the differences between methods."""
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


def learning(learning: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """The headline by number of training patients, and whether more would help."""
    yield ""
    told = ", ".join(f"{p['patients']:.0f}: {p['value']:.3f}" for p in learning["points"] if p["value"] is not None)
    who = "cases" if result.get("cohort", {}).get("patients", 1) is None else "patients"
    yield f"Learning curve of {learning['method']} ({learning['metric']} by training {who}): {told}"
    yield f"  {learning['sentence']}"


def readers(found: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """Agreement of all readers, then of the first pairs."""
    yield ""
    yield f"Readers   {found['sentence']}"
    tested = "test part" if result["design"]["splits"] == 1 else "tested cases"
    for one in found["overall"]:
        yield f"{'':<10}all readers (all cases, {one['n']}): {one['name'].replace('_', ' ')} {number(one)}{_why(one)}"
    for one in found["pairs"][:_SHOWN_PAIRS]:
        place = "all cases" if one["part"] == "all" else tested
        pair = f"{one['first']} and {one['second']} ({place}, {one['n']})"
        yield f"{'':<10}{pair}: {one['coefficient']} {number(one)}{_why(one)}"
    if len(found["pairs"]) > _SHOWN_PAIRS:
        yield f"{'':<10}{len(found['pairs'])} pairs in all: readers.json"


def _why(one: dict[str, Any]) -> str:
    return f" ({one['why']})" if one["why"] else ""
