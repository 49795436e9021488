"""A clustering with the feature steps it was made from: one file that places new scans in its clusters.

manifest.json      SHA-256 of every other member
features.json      the features' name, which files were images and masks, which columns stand beside the features, and
                   what the cases were like that others are held against
features.skops     the fitted steps: features, harmonised if that was asked for, and filters
clustering.json, arrays.zip     the clustering, as `clusters` writes it
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from isocenter import disk
from isocenter.bundle import archive, clusters, reader, writer
from isocenter.errors import DamagedBundle
from isocenter.unsupervised import Clustering

ABOUT, STEPS = "features.json", "features.skops"
MEMBERS = clusters.MEMBERS | {ABOUT, STEPS}


@dataclass(frozen=True, eq=False)
class Grouping:
    """clustering; pipeline: the fitted steps (`measuring.Measured`); about: {"features", "roles", "beside", "profile"
    or "ranges"}.

    roles: `image`, `mask` and `like`, as `index` takes them; profile: of scans, a `preparation.Profile` as plain
    values; ranges: of a table, the smallest and largest value by column, {} where it was read in batches.
    """

    clustering: Clustering
    pipeline: Pipeline
    about: Mapping[str, Any]


def save_grouping(found: Grouping, path: Path) -> None:
    """Write it to `path`, all or nothing."""
    own = {ABOUT: archive.canonical(dict(found.about)), STEPS: writer.dumps(found.pipeline)}
    disk.write_bytes(path, archive.pack({**own, **clusters.members_of(found.clustering)}))


def load_grouping(path: Path) -> Grouping:
    """Read what `save_grouping` wrote; MissingPath, DamagedBundle, UnsafeFile or OtherVersion."""
    members = archive.unpack(archive.read(path), MEMBERS, path.name)
    with archive.refusing(path.name):
        pipeline, about = reader.loads(members[STEPS]), json.loads(members[ABOUT])
    if not isinstance(pipeline, Pipeline) or not isinstance(about, dict):
        raise DamagedBundle(f"{path.name} holds no feature steps.", "Cluster again: isocenter cluster.")
    return Grouping(clusters.clustering_of(members, path.name), pipeline, about)


def is_grouping(path: Path) -> bool:
    """Whether a file looks like one, by its members' names; nothing is believed yet."""
    try:
        with zipfile.ZipFile(path) as opened:
            return clusters.CARD in opened.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
