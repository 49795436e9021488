"""How each noun is written to a project and read again."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import bundle, disk
from isocenter.auditing import Audit
from isocenter.bundle.cells import Kept, load_cells, save_cells
from isocenter.bundle.grouped import Grouping, load_grouping, save_grouping
from isocenter.case import Source
from isocenter.cohort import Cohort, Target, Task
from isocenter.errors import Fault
from isocenter.evaluation import Comparison, Evaluation
from isocenter.formats import tables
from isocenter.model import Model
from isocenter.project import Artefact
from isocenter.reporting.map import Sheets
from isocenter.splitting import Design, Split

_SOURCES = "__sources__"
_META = b"isocenter"


def _save_cohort(cohort: Cohort, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = cohort.table.rename_axis("case_id").reset_index()
    if cohort.sources:
        table[_SOURCES] = [json.dumps([asdict(s) for s in files]) for files in cohort.sources]
    meta = {
        "target": None if cohort.target is None else asdict(cohort.target),
        "excluded": [asdict(f) for f in cohort.excluded],
        "aside": _split(cohort.aside),
        "attrs": {str(k): v for k, v in cohort.table.attrs.items()},
        **{
            name: getattr(cohort, name)
            for name in (
                "features",
                "covariates",
                "split_column",
                "unlabelled",
                "notes",
                "warnings",
                "origin",
                "readers",
                "consensus",
                "beside",
            )
        },
    }
    arrow = pa.Table.from_pandas(_plain(table), preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), _META: json.dumps(meta).encode()})
    disk.write_with(path, lambda temporary: pq.write_table(arrow, temporary))


def _split(table: pd.DataFrame | None) -> dict[str, Any] | None:
    """As JSON has it: index, columns and rows, null where missing."""
    return None if table is None else table.astype(object).where(table.notna(), None).to_dict("split")


def _joined(split: Mapping[str, Any] | None, like: pd.DataFrame) -> pd.DataFrame | None:
    """The table again, with the column types of another."""
    if split is None:
        return None
    index = pd.Index(split["index"], name=like.index.name)
    found = pd.DataFrame(split["data"], index, split["columns"])
    return found.astype({name: like[name].dtype for name in split["columns"]})


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed Python objects become text: Parquet has one type a column."""
    mixed = [c for c in table.columns if table[c].dtype == object]
    return table.assign(**{c: table[c].map(str, na_action="ignore").astype("str") for c in mixed})


def _load_cohort(path: Path) -> Cohort:
    import pyarrow.parquet as pq

    arrow = pq.read_table(path)
    meta = json.loads(arrow.schema.metadata[_META])
    table = arrow.to_pandas().set_index("case_id")
    table.attrs.update(meta["attrs"])
    sources: tuple[tuple[Source, ...], ...] = ()
    if _SOURCES in table:
        sources = tuple(tuple(_source(s) for s in json.loads(row)) for row in table.pop(_SOURCES))
    target = meta["target"]
    if target is not None:
        target = Target(**{**target, "task": Task(target["task"]), "classes": tuple(target["classes"])})
    lists: dict[str, Any] = {
        name: tuple(meta.get(name, ()))
        for name in ("features", "covariates", "unlabelled", "notes", "warnings", "readers", "beside")
    }
    return Cohort(
        table,
        target,
        sources,
        excluded=tuple(Fault(**f) for f in meta["excluded"]),
        split_column=meta["split_column"],
        origin=meta["origin"],
        consensus=meta.get("consensus", ""),
        aside=_joined(meta.get("aside"), table),
        **lists,
    )


def _source(row: Mapping[str, Any]) -> Source:
    return Source(**{**row, "files": tuple(row["files"])})


def _write_json(data: Any, path: Path) -> None:
    disk.write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _save_table(table: pd.DataFrame, path: Path) -> None:
    disk.write_with(path, lambda temporary: _plain(table).to_parquet(temporary, index=False))


def _save_text(text: str, path: Path) -> None:
    disk.write_text(path, text)


def _read_text(path: Path) -> str:
    return path.read_text("utf-8")


COHORT = Artefact("cohort.parquet", _save_cohort, _load_cohort, "index")
AUDIT: Artefact[Audit] = Artefact(
    "audit.json",
    lambda a, path: _write_json(a.to_dict(), path),
    lambda path: Audit.from_dict(_read_json(path)),
    "audit",
)
DESIGN: Artefact[Design] = Artefact(
    "split.json",
    lambda d, path: _write_json(d.to_dict(), path),
    lambda path: Design.from_dict(_read_json(path)),
    "split",
)
REPORT: Artefact[str] = Artefact("report.html", _save_text, _read_text, "report")

COMPARISONS: Artefact[tuple[Comparison, ...]] = Artefact(
    "comparisons.json",
    lambda rows, path: _write_json([row.to_dict() for row in rows], path),
    lambda path: tuple(Comparison.from_dict(row) for row in _read_json(path)),
    "evaluate",
)

READERS: Artefact[dict[str, Any]] = Artefact("readers.json", _write_json, _read_json, "evaluate")
SHORTCUTS: Artefact[list[dict[str, Any]]] = Artefact("shortcuts.json", _write_json, _read_json, "split")
EXTERNAL: Artefact[dict[str, Any]] = Artefact("external.json", _write_json, _read_json, "evaluate")
EXTERNAL_TABLE: Artefact[pd.DataFrame] = Artefact("predictions.parquet", _save_table, pd.read_parquet, "evaluate")


SAMPLE: Artefact[dict[str, Any]] = Artefact("sample_size.json", _write_json, _read_json, "split")
SEEDS: Artefact[dict[str, Any]] = Artefact("seeds.json", _write_json, _read_json, "evaluate --seeds N")
LEARNING: Artefact[dict[str, Any]] = Artefact("learning.json", _write_json, _read_json, "evaluate --learning-curve")


def _save_sheets(found: Sheets, path: Path) -> None:
    """Raw JPEG bytes as arrays of one .npz."""
    arrays: dict[str, Any] = {f"sheet_{k}": np.frombuffer(one, np.uint8) for k, one in enumerate(found.sheets)}
    buffer = io.BytesIO()
    np.savez(buffer, size=np.array(found.size), **arrays)
    disk.write_bytes(path, buffer.getvalue())


def _load_sheets(path: Path) -> Sheets:
    with np.load(path, allow_pickle=False) as held:
        return Sheets(int(held["size"]), tuple(held[f"sheet_{k}"].tobytes() for k in range(len(held.files) - 1)))


def _read_assignments(path: Path) -> pd.DataFrame:
    return tables.read_table(path).set_index("case_id")


CLUSTERING: Artefact[Grouping] = Artefact("clusters/clusters.iso", save_grouping, load_grouping, "cluster")
CLUSTERS: Artefact[dict[str, Any]] = Artefact("clusters/clusters.json", _write_json, _read_json, "cluster")
ASSIGNMENTS: Artefact[pd.DataFrame] = Artefact(
    "clusters/assignments.csv", tables.write_table, _read_assignments, "cluster"
)
MAP: Artefact[str] = Artefact("clusters/map.html", _save_text, _read_text, "cluster")
PICTURES: Artefact[Sheets] = Artefact("clusters/pictures.npz", _save_sheets, _load_sheets, "cluster")
CELLS: Artefact[Kept] = Artefact("similar/cells.npz", save_cells, load_cells, "similar")


def seed_values(seed: int, name: str) -> Artefact[list[dict[str, Any]]]:
    """A method's numbers with another seed."""
    return Artefact(f"seeds/{seed}/{name}.json", _write_json, _read_json, "evaluate --seeds N")


def model(name: str) -> Artefact[Model]:
    """A fitted model's bundle."""
    return Artefact(f"models/{name}.iso", bundle.save, bundle.load, "fit")


def fold_model(name: str, split: Split) -> Artefact[Model]:
    """The model of one split of a design of several."""
    return Artefact(f"folds/{name}/{split.repeat}-{split.fold}.iso", bundle.save, bundle.load, "fit")


def fold_tuning(name: str, split: Split) -> Artefact[pd.DataFrame]:
    """Out-of-fold predictions of that split's fitting part."""
    path = f"folds/{name}/{split.repeat}-{split.fold}.tuning.parquet"
    return Artefact(path, _save_table, pd.read_parquet, "fit")


def tuning(name: str) -> Artefact[pd.DataFrame]:
    """Out-of-fold predictions of the training part."""
    return Artefact(f"predictions/{name}.tuning.parquet", _save_table, pd.read_parquet, "fit")


def predictions(name: str) -> Artefact[pd.DataFrame]:
    """Predictions beside the reference, of tuning and test part."""
    return Artefact(f"predictions/{name}.parquet", _save_table, pd.read_parquet, "evaluate")


def evaluation(name: str) -> Artefact[Evaluation]:
    """Estimates, curves and confusion matrices."""
    return Artefact(
        f"evaluations/{name}.json",
        lambda e, path: _write_json(e.to_dict(), path),
        lambda path: Evaluation.from_dict(_read_json(path)),
        "evaluate",
    )
