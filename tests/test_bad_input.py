"""Every fault a user can cause, one row each, through the real command.

A row has a name, what is prepared, the words of the command and the error class that must be
named. Each must exit 1 (2 for usage) with one message and its remedy, no traceback, and leave
nothing half-written.
"""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from matlab_files import save_v5


def features(folder: Path, n: int = 40, **columns: object) -> Path:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"]).assign(label=np.arange(n) % 2)
    table.assign(**columns).to_csv(folder / "t.csv", index=False)  # type: ignore[arg-type]
    return folder / "t.csv"


def scans(folder: Path, n: int = 20, ids: Callable[[int], str] = "{:03}".format) -> Path:
    (folder / "scans").mkdir()
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 255, (16, 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "scans" / f"{ids(i)}.png")
    return folder / "scans"


def labels(folder: Path, text: str) -> None:
    (folder / "l.csv").write_text(text)


def rows(n: int = 20, id_of: Callable[[int], str] = "{:03}".format) -> str:
    return "id,label\n" + "".join(f"{id_of(i)},{i % 2}\n" for i in range(n))


def arrays(folder: Path, X: object, y: object) -> None:
    np.save(folder / "X.npy", np.asarray(X), allow_pickle=True)
    np.save(folder / "y.npy", np.asarray(y), allow_pickle=True)


def matlab(folder: Path, content: bytes) -> None:
    (folder / "X.mat").write_bytes(content)


def v73(folder: Path) -> None:
    matlab(folder, b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF\r\n\x1a\n" + bytes(200))


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@dataclass(frozen=True)
class Row:
    name: str
    prepare: Callable[[Path], object]
    words: str
    error: str
    says: str = ""
    code: int = 1


N = 40
RNG = np.random.default_rng(0)
GOOD = RNG.normal(size=(N, 3))
Y = np.arange(N) % 2
TABLE = [
    Row("missing path", lambda d: None, "run nowhere", "MissingPath", "nowhere"),
    Row("missing labels", features, "run t.csv --labels nowhere.csv", "MissingPath", "nowhere.csv"),
    Row("empty folder", lambda d: (d / "scans").mkdir(), "run scans", "EmptyInput", "scans"),
    Row("folder without scans", lambda d: (d / "s").mkdir() or (d / "s/a.txt").write_text("x"), "run s", "EmptyInput"),
    Row("labels match nothing", lambda d: (scans(d), labels(d, rows(id_of="other{}".format))),
        "run scans --labels l.csv --target label", "NoMatch", "other0"),
    Row("one class only", lambda d: features(d, label=1), "run t.csv --target label", "BadTarget", "one"),
    Row("fewer patients than folds", lambda d: features(d, patient_id=[f"p{i // 10}" for i in range(N)]),
        "run t.csv --target label", "TooFewPatients"),
    Row("one patient in a class", lambda d: features(d, label=[1] + [0] * (N - 1)), "run t.csv --target label", "TooFewPatients"),
    Row("conflicting rows, all of them", lambda d: (scans(d), labels(d, rows() + rows().replace(",1", ",2").replace(",0", ",1").split("\n", 1)[1])),
        "run scans --labels l.csv --target label", "", "ConflictingRows"),
    Row("leading zeros lost", lambda d: (scans(d), labels(d, rows(id_of=str))), "run scans --labels l.csv --target label",
        "LostZeros", "007"),
    Row("unknown target", features, "run t.csv --target malignant", "UnknownColumn", "label"),
    Row("missing target", lambda d: features(d).write_text("a,b,c\n" + "1,2,3\n" * 30), "run t.csv", "NoTarget", "--target"),
    Row("unknown covariate", features, "run t.csv --target label --covariates age", "UnknownColumn", "age"),
    Row("target as covariate", features, "run t.csv --target label --covariates label", "BadTarget"),
    Row("unknown split column", features, "run t.csv --target label --split-column site", "UnknownColumn", "site"),
    Row("split column of other values", lambda d: features(d, site=["A", "B"] * 20),
        "run t.csv --target label --split-column site", "CohortError", "A, B"),
    Row("unknown positive class", features, "run t.csv --target label --positive yes", "BadTarget", "yes"),
    Row("an order that misses a grade", lambda d: features(d, label=["Low", "Mid", "High", "Mid"] * 10),
        "run t.csv --target label --order Low,High", "BadTarget", "does not name Mid"),
    Row("an order with a grade too many", lambda d: features(d, label=["Low", "Mid", "High", "Mid"] * 10),
        "run t.csv --target label --order Low,Mid,High,Severe", "BadTarget", "names Severe"),
    Row("an order that repeats itself", lambda d: features(d, label=["Low", "High"] * 20),
        "run t.csv --target label --order Low,High,Low", "UsageError", "Low more than once", 2),
    Row("grades without an order", lambda d: features(d, label=["Low", "Mid", "High", "Mid"] * 10),
        "run t.csv --target label --task ordinal", "BadTarget", "--order High,Low,Mid"),
    Row("an order of a measurement", lambda d: features(d, label=np.arange(N) / 7),
        "run t.csv --target label --task regression --order 1,2,3", "BadTarget", "--order and --task regression"),
    Row("two columns of labels, one of text", lambda d: features(d, edema=[1, 0] * 20, site=["A", "B"] * 20),
        "run t.csv --target edema,site", "BadTarget", "'site' holds a, b"),
    Row("an uncertain label", lambda d: features(d, edema=[1, 0, -1, 0] * 10), "run t.csv --target edema,label",
        "BadTarget", "'edema' holds -1"),
    Row("an unknown column of labels", features, "run t.csv --target label,edema", "UnknownColumn", "edema"),
    Row("a label that no case has", lambda d: features(d, edema=0), "run t.csv --target edema,label", "BadTarget",
        "No case has label 'edema'"),
    Row("labels as classes", lambda d: features(d, edema=[1, 0, 0, 1] * 10),
        "run t.csv --target edema,label --task classification", "BadTarget", "--task classification"),
    Row("a positive label", lambda d: features(d, edema=[1, 0, 0, 1] * 10),
        "run t.csv --target edema,label --positive edema", "BadTarget", "Leave it out"),
    Row("numbers as text of labels", features, "run t.csv --target a --task multilabel", "BadTarget", "--target a,b,c"),
    Row("n x 2 measurements as labels", lambda d: arrays(d, GOOD, GOOD[:, :2]), "run X.npy --labels y.npy", "BadShape", "40 x 2"),
    Row("unknown id column", lambda d: (scans(d), labels(d, rows())), "run scans --labels l.csv --target label --id-column no",
        "UnknownColumn", "no"),
    Row("regression on text", lambda d: features(d, label=["x", "y"] * 20), "run t.csv --target label --task regression",
        "BadTarget"),
    Row("infinite features", lambda d: features(d, b=np.inf), "run t.csv --target label", "BadValues", "b"),
    Row("a column all NaN", lambda d: features(d, b=np.nan), "run t.csv --target label", "BadValues", "b"),
    Row("other length", lambda d: arrays(d, GOOD, Y[:-1]), "run X.npy --labels y.npy", "BadShape", "39"),
    Row("object array", lambda d: arrays(d, np.array([Payload(), None], dtype=object), Y), "run X.npy --labels y.npy",
        "UnsafeFile"),
    Row("object labels", lambda d: arrays(d, GOOD, np.array([Payload()] * N, dtype=object)), "run X.npy --labels y.npy",
        "UnsafeFile"),
    Row("a pickle called .npy", lambda d: (arrays(d, GOOD, Y), (d / "X.npy").write_bytes(pickle.dumps(Payload()))),
        "run X.npy --labels y.npy", ""),
    Row("3-D labels", lambda d: arrays(d, GOOD, np.zeros((N, 2, 2))), "run X.npy --labels y.npy", "BadShape", "labels"),
    Row("1-D features", lambda d: arrays(d, GOOD[:, 0], Y), "run X.npy --labels y.npy", "BadShape"),
    Row("truncated .npy", lambda d: (arrays(d, GOOD, Y), (d / "X.npy").write_bytes((d / "X.npy").read_bytes()[:300])),
        "run X.npy --labels y.npy", "UnreadableFile", "X.npy"),
    Row("zero-byte .npy", lambda d: (arrays(d, GOOD, Y), (d / "X.npy").write_bytes(b"")), "run X.npy --labels y.npy",
        "UnreadableFile"),
    Row("broken .npz", lambda d: (d / "X.npz").write_bytes(b"PK\x03\x04 torn"), "run X.npz", "UnreadableFile"),
    Row("broken .mat", lambda d: matlab(d, b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0e\x00\x00\x00\xff\xff"),
        "run X.mat", "UnreadableFile", "X.mat"),
    Row("torn .mat v7.3", v73, "run X.mat", "UnreadableFile", "X.mat"),
    Row("struct in .mat", lambda d: save_v5(d / "X.mat", {"data": {"a": GOOD}}), "run X.mat", "OpaqueMatlab", "-struct"),
    Row("one image or three", lambda d: save_v5(d / "X.mat", {"images": np.zeros((5, 4, 3))}), "run X.mat", "BadShape",
        "labels = zeros(3, 1)"),
    Row("torn .csv", lambda d: (d / "t.csv").write_text("a,b,label\n1,2,0\n1,2\n1,2,3,4,5\n"), "run t.csv", "UnreadableFile", "line 3"),
    Row("empty .csv", lambda d: (d / "t.csv").write_text(""), "run t.csv", "UnreadableFile", "zero bytes"),
    Row("zero-byte .xlsx", lambda d: (d / "t.xlsx").write_bytes(b""), "run t.xlsx", "UnreadableFile"),
    Row("broken .parquet", lambda d: (d / "t.parquet").write_bytes(b"PAR1 torn"), "run t.parquet", "UnreadableFile"),
    Row("unknown kind of file", lambda d: (d / "t.docx").write_bytes(b"PK"), "run t.docx", "UnknownFormat", ".docx"),
    Row("every scan unreadable", lambda d: [p.write_bytes(b"\x89PNG torn") for p in scans(d).iterdir()] and labels(d, rows()),
        "run scans --labels l.csv --target label", ""),
    Row("too many excluded", lambda d: ([p.write_bytes(p.read_bytes()[:60]) for p in sorted(scans(d, 40).iterdir())[:8]],
        labels(d, rows(40))), "run scans --labels l.csv --target label", "TooManyExcluded", "--allow-excluded"),
    Row("ambiguous ids", lambda d: [((d / f"s/P{i:02}").mkdir(parents=True), [Image.fromarray(np.full((9, 9), i, np.uint8)).save(
        d / f"s/P{i:02}/{n}.png") for n in ("x", "y")]) for i in range(20)] and labels(d, rows(id_of="P{:02}".format)),
        "run s --labels l.csv --target label", "", "AmbiguousId"),
    Row("run.toml missing", lambda d: None, "run run.toml", "MissingPath"),
    Row("run.toml torn", lambda d: (d / "run.toml").write_text("seed ="), "run run.toml", "UnreadableFile"),
    Row("project of another version", lambda d: (features(d), (d / "p").mkdir(), (d / "p/project.json").write_text(
        '{"layout": 99, "artefacts": {}}')), "run t.csv --target label --project p", "OtherVersion"),
    Row("project is a file", lambda d: (features(d), (d / "p").write_text("")), "run t.csv --target label --project p", "NotWritable"),
    Row("steps out of order", lambda d: None, "fit", "MissingStep", "isocenter index"),
    Row("bundle missing", features, "predict no.iso t.csv", "MissingPath"),
    Row("bundle is no bundle", lambda d: (features(d), (d / "m.iso").write_bytes(b"PK nonsense")), "predict m.iso t.csv", "DamagedBundle"),
    Row("unknown method", features, "run t.csv --target label --method deep", "UsageError", "forest", 2),
    Row("unknown features", features, "run t.csv --target label --features texture", "UsageError", "", 2),
    Row("features of scans", features, "run t.csv --target label --features radiomics", "UsageError", "'given'", 2),
    Row("unknown parameter", features, "run t.csv --target label --set trees=5", "UsageError", "n_estimators", 2),
    Row("no value for --set", features, "run t.csv --target label --set n_estimators", "UsageError", "", 2),
    Row("a threshold of a measurement", lambda d: features(d, label=np.arange(N) / 7),
        "run t.csv --target label --task regression --decide youden", "UsageError", "a measurement, which has none", 2),
    Row("labels of other rows", lambda d: (features(d, id=[f"a{i}" for i in range(N)]), labels(d, rows(id_of="other{}".format))),
        "run t.csv --labels l.csv --target label", "NoMatch", "the rows of features have id: a0"),
    Row("a value that the method cannot have", features, "run t.csv --target label --set n_estimators=-3", "UsageError",
        "--set n_estimators=-3 cannot be", 2),
    Row("impossible share", features, "run t.csv --target label --test-fraction 2", "UsageError", "", 2),
    Row("unknown design", features, "run t.csv --target label --design bootstrap", "UsageError", "leave-one-out", 2),
    Row("more folds than patients", lambda d: features(d, patient_id=[f"p{i // 10}" for i in range(N)]),
        "run t.csv --target label --design kfold", "TooFewPatients", "Give fewer --folds"),
    Row("fewer patients of a class than folds", lambda d: features(d, label=[1] * 3 + [0] * (N - 3)),
        "run t.csv --target label --design nested", "TooFewPatients", "--folds 3"),
    Row("unknown group column", features, "run t.csv --target label --design leave-one-out --group-column site",
        "UnknownColumn", "site"),
    Row("one site only", lambda d: features(d, site="A"), "run t.csv --target label --design leave-one-out --group-column site",
        "CohortError", "one value only: A"),
    Row("a patient at two sites", lambda d: features(d, site=["A", "B"] * 20, patient_id=[f"p{i // 2}" for i in range(N)]),
        "run t.csv --target label --design leave-one-out --group-column site", "PatientInTwoParts", "p0 (A, B)"),
    Row("a group column without its design", lambda d: features(d, site=["A", "B"] * 20),
        "run t.csv --target label --group-column site", "UsageError", "--design leave-one-out", 2),
    Row("repeats of a hold-out", features, "run t.csv --target label --repeats 3", "UsageError", "--design kfold", 2),
    Row("a given split and folds", lambda d: features(d, part=["train"] * 30 + ["test"] * 10),
        "run t.csv --target label --split-column part --design kfold", "UsageError", "--split-column none", 2),
    Row("unknown option", features, "run t.csv --tragets label", "", "tragets", 2),
    Row("unknown verb", features, "runn t.csv", "", "runn", 2),
]  # fmt: skip


def command(words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "isocenter", *words.split()], cwd=cwd, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_one_clear_message(row: Row, tmp_path: Path) -> None:
    row.prepare(tmp_path)
    done = command(row.words, tmp_path)
    assert done.returncode == row.code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert f"{row.error}: " in done.stderr if row.error else done.stderr
    assert row.says in done.stderr + done.stdout
    assert not (tmp_path / "pwned").exists()
    left = [p for p in tmp_path.rglob("*") if ".partial" in p.name]
    assert left == [] and not list(tmp_path.rglob("report.html"))


def test_a_full_disk_and_a_read_only_one(tmp_path: Path) -> None:
    """Under a limit of 64 kB a file the writes fail as on a full disk; nothing half-written stays."""
    features(tmp_path, n=4000, label=np.arange(4000) % 2)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536));"
        "sys.argv = ['isocenter', 'run', 't.csv', '--target', 'label']; from isocenter.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "NotWritable" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not [p for p in tmp_path.rglob("*") if ".partial" in p.name]
    assert command("run t.csv --target label --set n_estimators=5", tmp_path).returncode == 0
    done = command("run t.csv --target label --project /proc/nothing/project", tmp_path)
    assert done.returncode == 1 and "NotWritable" in done.stderr


def test_one_bad_scan_is_listed_and_the_others_go_on(tmp_path: Path) -> None:
    import json

    folder = scans(tmp_path, 60)
    labels(tmp_path, rows(60))
    (folder / "007.png").write_bytes(b"")
    (folder / "008.png").write_bytes((folder / "008.png").read_bytes()[:100])
    done = command("run scans --labels l.csv --target label --json", tmp_path)
    assert done.returncode == 0, done.stderr
    cohort = json.loads(done.stdout)["cohort"]
    assert {f["where"] for f in cohort["excluded"]} == {"007", "008"}
    assert cohort["found"] == cohort["used"] + len(cohort["excluded"]) + cohort["unlabelled"] == 60


def test_a_bug_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    features(tmp_path)
    code = (
        "import sys; sys.argv = ['isocenter', 'run', 't.csv', '--target', 'label'];"
        "import isocenter.workbench as w; w.index = lambda *a, **k: 1 / 0;"
        "from isocenter.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 70 and "ZeroDivisionError" in done.stderr and "report" in done.stderr


def test_a_gzip_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    header = bytearray(352)
    header[0:4] = (348).to_bytes(4, "little")
    header[40:56] = np.array([3, 30000, 30000, 30000, 1, 1, 1, 1], "<i2").tobytes()
    header[70:74] = np.array([16, 32], "<i2").tobytes()
    header[108:112] = np.array([352.0], "<f4").tobytes()
    header[344:348] = b"n+1\0"
    (tmp_path / "s/bomb.nii.gz").write_bytes(gzip.compress(bytes(header)))
    done = command("run s --target x", tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
