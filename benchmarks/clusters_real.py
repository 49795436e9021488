"""Do clusters found without labels follow what experts call the pictures? Figures to benchmarks/results/clusters_real.md.

    python benchmarks/clusters_real.py [--data ../shared/data]

Everything was fixed and committed before the first look, and each figure is the first look:

- HAM10000, 698 dermatoscopies, seven diagnoses as hidden groups: embedding (SqueezeNet), classic descriptors; floor: a
  colour histogram. Dermatoscopic diagnoses overlap: a low index is expected, the question is the difference to the floor.
- Nuclei (DSB 2018), 314 images, on luminance alone, two stains (fluorescence, haematoxylin and eosin); floor: mean and spread
  of the luminance. Bright is one stain and dark the other, so once more with each image's luminance ranked (its brightness and
  polarity's contrast gone). Then four patches of each image with the image as the unit, and the patches of the second stain
  alone: do clusters follow how much of a patch is nuclei?
- AdrenalMNIST3D, 298 masks of its test part, normal or hyperplasia; embedding of four slices, shape; floor: volume.

Each twice: as many clusters as hidden groups, by k-means, and the answer of `cluster` with nothing told. Adjusted Rand index
and purity with percentile intervals from 2,000 bootstrap draws of the cases (images), clusters as they are; the difference
to the floor from the same draws. Intervals do not hold the spread of finding the clusters again.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from run_overhead import machine, versions

from isocenter.case import Case, Source
from isocenter.features import Descriptors, Embedding
from isocenter.imaging.shape import volume_shape
from isocenter.metrics.partitions import adjusted_rand, purity
from isocenter.nets import Embedder, backbone
from isocenter.unsupervised import Clustering, cluster

HERE = Path(__file__).resolve().parent
SEED, DRAWS, PATCH, EACH, SLICES = 0, 2000, 128, 4, (8, 12, 16, 20)
NOTE = """Purity of one cluster is the share of the commonest group. Chosen numbers of clusters may differ from the floor's.
Percentile intervals lean upward where groups are even: a case drawn twice agrees with itself, and the commonest group of a
draw is commoner than that of all cases; so the purity of one cluster (HAM10000, 0.172) lies below its own interval."""
Floats = NDArray[np.float64]
Truth = NDArray[np.int64]


def seen(cases: Sequence[Case], weights: str) -> dict[str, pd.DataFrame]:
    embedding = Embedding(weights=weights, mask=False).fit(list(cases)).transform(list(cases))
    return {"embedding": embedding, "descriptors": Descriptors(mask=False).fit(list(cases)).transform(list(cases))}


def case_of(path: Path) -> Case:
    return Case(path.stem, None, (Source("image", "image", (str(path),)),))


def draws_of(units: NDArray[np.int64]) -> Floats:
    """(DRAWS, n) times each case is drawn, its unit whole."""
    rng = np.random.default_rng(SEED)
    n = int(units.max()) + 1
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS)[:, units].astype(np.float64)


def between(drawn: Floats) -> str:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{low:.3f} to {high:.3f}"


def compared(name: str, tables: dict[str, pd.DataFrame], floor: str, truth: Truth, units: Truth | None = None) -> list[str]:  # fmt: skip
    """Lines of a table: every representation, demanded and free, against the floor that was made the same way."""
    units = np.arange(len(truth)) if units is None else units
    weights, k = draws_of(units), len(np.unique(truth))
    lines: list[str] = []
    for asked in (k, None):
        method = "auto" if asked is None else "kmeans"
        made = {t: cluster(tables[t], method=method, clusters=asked, groups=units, seed=SEED) for t in tables}
        drawn = {t: np.nan_to_num(adjusted_rand(truth, found.labels, weights)) for t, found in made.items()}
        for what in [floor, *(t for t in tables if t != floor)]:
            found, point = made[what], _point(truth, made[what])
            gain, p = point - _point(truth, made[floor]), found.stability.p
            pure = f"{purity(truth, found.labels):.3f} ({between(purity(truth, found.labels, weights))})"
            lines.append(
                f"| {name} | {what} | {asked or 'nothing told'} | {found.n_clusters} "
                f"| {'yes' if found.structure else 'no'}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'} "
                f"| {point:.3f} ({between(drawn[what])}) | {pure} "
                f"| {'the floor' if what == floor else f'{gain:.3f} ({between(drawn[what] - drawn[floor])})'} |"
            )
            print(lines[-1], flush=True)
    return lines


def _point(truth: Truth, found: Clustering) -> float:
    return float(np.nan_to_num(adjusted_rand(truth, found.labels)))


def histogram(path: Path) -> Floats:
    """Shares of 4 x 4 x 4 colours."""
    levels = np.asarray(Image.open(path).convert("RGB"), dtype=np.int64) // 64
    return np.bincount((levels @ (16, 4, 1)).ravel(), minlength=64) / levels[..., 0].size


def dermatoscopy(data: Path, weights: str) -> list[str]:
    with (data / "derma_ham10000" / "metadata.csv").open(encoding="utf-8") as file:
        told = {row["image_id"]: row["dx"] for row in csv.DictReader(file)}
    files = [f for f in sorted((data / "derma_ham10000" / "images").glob("*.jpg")) if f.stem in told]
    truth = np.unique([told[f.stem] for f in files], return_inverse=True)[1]
    tables = seen([case_of(f) for f in files], weights)
    tables["colour histogram"] = pd.DataFrame([histogram(f) for f in files], index=[f.stem for f in files])
    return compared("HAM10000, 7 diagnoses", tables, "colour histogram", truth)


def ranked(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each pixel by its rank in the image, equal ones by the mean rank: every image has the same brightness."""
    rank = pd.Series(grey.ravel()).rank(pct=True).to_numpy().reshape(grey.shape)
    return np.asarray(rank * 255, dtype=np.uint8)


def flat(pictures: Sequence[NDArray[np.uint8]], index: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([[p.mean(), p.std()] for p in pictures], columns=["mean", "spread"], index=list(index))


def written(pictures: Sequence[NDArray[np.uint8]], names: Sequence[str], folder: Path) -> list[Case]:
    folder.mkdir()
    for picture, name in zip(pictures, names, strict=True):
        Image.fromarray(picture).save(folder / f"{name}.png")
    return [case_of(folder / f"{name}.png") for name in names]


def nuclei(data: Path, weights: str, folder: Path) -> list[str]:
    root = data / "nuclei_dsb2018"
    index = pd.read_csv(root / "index.csv", dtype={"id": str})
    names = list(index["id"])
    grey = [np.asarray(Image.open(root / "images" / f"{name}.png").convert("L")) for name in names]
    stain = np.unique(index["kind"], return_inverse=True)[1]
    lines = []
    for kind, pictures in (("luminance", grey), ("luminance in ranks", [ranked(g) for g in grey])):
        tables = seen(written(pictures, names, folder / kind.replace(" ", "_")), weights)
        tables["mean and spread"] = flat(pictures, names)
        lines += compared(f"nuclei, 2 stains, {kind}", tables, "mean and spread", stain)
    return lines + tissue(root, index, grey, stain, weights, folder)


def tissue(
    root: Path, index: pd.DataFrame, grey: Sequence[NDArray[np.uint8]], stain: Truth, weights: str, folder: Path
) -> list[str]:
    """Patches from the corners of each image."""
    pictures, names, units, share = [], [], [], []
    for i, name in enumerate(index["id"]):
        nuclei_ = np.asarray(Image.open(root / "labels" / f"{name}.png")) > 0
        for j, (y, x) in enumerate(((0, 0), (0, -1), (-1, 0), (-1, -1))[:EACH]):
            rows, columns = (slice(0, PATCH) if at == 0 else slice(-PATCH, None) for at in (y, x))
            pictures.append(grey[i][rows, columns])
            names.append(f"{name}_{j}")
            units.append(i)
            share.append(float(nuclei_[rows, columns].mean()))
    unit, shares = np.array(units), np.array(share)
    tables = seen(written(pictures, names, folder / "patches"), weights)
    tables["mean and spread"] = flat(pictures, names)
    lines = compared("nuclei, patches, 2 stains, luminance", tables, "mean and spread", stain[unit], unit)
    second = stain[unit] == int(np.bincount(stain).argmin())
    dense = (shares > np.median(shares[second])).astype(np.int64)
    own = {what: table[second] for what, table in tables.items()}
    renumbered = np.unique(unit[second], return_inverse=True)[1]
    return lines + compared("nuclei, H&E patches, many or few nuclei", own, "mean and spread", dense[second], renumbered)  # fmt: skip


def adrenal(data: Path, weights: str) -> list[str]:
    with np.load(data / "medmnist" / "adrenalmnist3d.npz") as held:
        volumes, truth = held["test_images"] > 0, held["test_labels"].ravel().astype(np.int64)
    embedder = Embedder(backbone("squeezenet"), weights)
    side = np.ones((8, 8), dtype=np.uint8)
    vectors, shapes = [], []
    for volume in volumes:
        slices = np.stack([np.kron(volume[z].astype(np.uint8) * np.uint8(255), side) for z in SLICES])
        vectors.append(embedder(slices[:, None]).mean(axis=0))
        shapes.append(volume_shape(volume, np.ones(int(volume.sum())), (1.0, 1.0, 1.0)))
    shape = pd.DataFrame(shapes)
    tables = {"embedding": pd.DataFrame(vectors), "shape": shape, "volume": pd.DataFrame({"volume": volumes.sum(axis=(1, 2, 3))})}  # fmt: skip
    return compared("AdrenalMNIST3D, normal or hyperplasia", tables, "volume", truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    data = parser.parse_args().data
    weights = str(data / "weights_squeezenet11")
    lines = [
        "# Clusters of real pictures against what experts call them",
        f"{date.today()}; {machine()}; {versions()}. Made by benchmarks/clusters_real.py, first look, defaults.",
        "",
        "| hidden groups | seen by | clusters asked | found | structure | adjusted Rand (95 %) | purity (95 %) | adjusted Rand less the floor's (95 %) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for part in (dermatoscopy(data, weights), nuclei(data, weights, Path(folder)), adrenal(data, weights)):
            lines += part
    lines += ["", NOTE]
    (HERE / "results" / "clusters_real.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
