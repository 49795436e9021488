"""Lists of names in sentences, cut where they are long."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[object], most: int = 6, between: str = ", ") -> str:
    """Names with commas; of many only the first, and how many more."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more
