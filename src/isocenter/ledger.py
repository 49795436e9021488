"""The append-only record of looks at test parts: one JSON object a line, each with the SHA-256 of the one before.

A look is one scoring of one test part, of however many models at once. The same models on the
same test part are the same look, however often the command is repeated.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from isocenter import disk
from isocenter.errors import UnreadableFile

NAME = "ledger.jsonl"
TEST_LOOK = "test-look"
SEED_LOOK = "seed-look"  # at a test part that another seed drew, only to see how far numbers move


def read(folder: Path) -> list[dict[str, Any]]:
    """All entries; UnreadableFile where the chain is broken."""
    path = folder / NAME
    if not path.is_file():
        return []
    entries: list[dict[str, Any]] = []
    previous = ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            unbroken = entry["previous"] == previous
        except (ValueError, KeyError, TypeError):
            entry, unbroken = {}, False
        if not unbroken:
            raise UnreadableFile(
                f"The ledger {path} was altered at line {number}.",
                "Looks at the test part cannot be counted any more; start a new --project folder.",
            )
        previous = hashlib.sha256(line.encode()).hexdigest()
        entries.append(entry)
    return entries


def look(folder: Path, test: str, models: dict[str, str], event: str = TEST_LOOK) -> int:
    """Record a look of `models` (name -> fingerprint) at the test part `test`; how many of this kind there are now."""
    entries = read(folder)
    looks = [e for e in entries if e["event"] == event and e["test"] == test]
    for number, entry in enumerate(looks, start=1):
        if entry["models"] == models:
            return number
    path = folder / NAME
    written = path.read_text("utf-8") if path.is_file() else ""
    last = written.splitlines()[-1] if written else ""
    entry = {
        "event": event,
        "look": len(looks) + 1,
        "test": test,
        "models": models,
        "previous": hashlib.sha256(last.encode()).hexdigest() if last else "",
    }
    disk.write_text(path, written + json.dumps(entry, sort_keys=True) + "\n")
    return len(looks) + 1
