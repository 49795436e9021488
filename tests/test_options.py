"""One table of options: the command line, run.toml and Python agree."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import typer.main

from isocenter import grouping, tabulating, workbench
from isocenter.cli import app
from isocenter.errors import UnreadableFile, UsageError
from isocenter.options import CLUSTER, FIT, INDEX, MEASURE, SIMILAR, SPLIT, Options


def test_run_toml_keeps_every_option(tmp_path: Path) -> None:
    options = Options(
        input='scans "of" C:\\x', labels="ä.csv", image=("PET=*.nii", "a,b"), seed=7, test_fraction=0.25,
        stratify=False, set=("n_estimators=5",), exclude=("007",), allow_excluded=True,
    )  # fmt: skip
    path = tmp_path / "run.toml"
    path.write_text(options.to_toml("0.1.0"), "utf-8")
    assert Options.from_toml(path) == options


@pytest.mark.parametrize(
    "text, consensus",
    [
        ('consensus = "majority"', None),
        ('consensus = "majority"\nreaders = ["R1", "R2"]\ntarget = "dx"', None),
        ('consensus = "majority"\nreaders = ["R1", "R2"]', "majority"),
        ('consensus = "unanimous"\nreaders = ["R1", "R2"]\ntarget = "dx"', "unanimous"),
    ],
)
def test_a_consensus_that_was_written_by_default_and_not_used_is_none(
    tmp_path: Path, text: str, consensus: str | None
) -> None:
    (tmp_path / "run.toml").write_text(text, "utf-8")
    assert Options.from_toml(tmp_path / "run.toml").consensus == consensus


@pytest.mark.parametrize("step, verb", [(INDEX, workbench.index), (SPLIT, workbench.split)])
def test_python_takes_the_options_of_the_command_line_with_the_same_defaults(step: str, verb: object) -> None:
    parameters = inspect.signature(verb).parameters  # type: ignore[arg-type]
    for option in Options.table(step):
        assert parameters[option.name].default == option.default, option.name


@pytest.mark.parametrize("step, verb", [(CLUSTER, grouping.cluster), (SIMILAR, grouping.similar)])
def test_python_takes_the_options_of_cluster_and_similar(step: str, verb: object) -> None:
    """One feature set where the command line takes several (the first counts), as in `fit`; `layout` is of the map."""
    python = inspect.signature(verb).parameters  # type: ignore[arg-type]
    table = {option.name: option.default for option in Options.table(step) if option.name != "layout"}
    assert table.pop("features") == ()
    assert python["features"].default is None
    assert {name: python[name].default for name in table} == table
    own = {
        p.name: p.default for p in python.values() if p.kind is p.KEYWORD_ONLY and p.name not in {*table, "features"}
    }
    command = typer.main.get_command(app).commands[step]  # type: ignore[attr-defined]
    shared = {"image": (), "mask": ()}  # of `index`; the command line takes them from the project
    for name, default in own.items():
        if name in shared:
            assert default == shared[name] == Options().of(INDEX)[name]
        elif name != "store":  # of the project
            assert default == next(p.default for p in command.params if p.name == name), name


def test_python_takes_the_options_of_features() -> None:
    python = inspect.signature(tabulating.feature_table).parameters
    table = {option.name: option.default for option in Options.table(MEASURE)}
    assert table.pop("features") == ()
    assert {name: python[name].default for name in table} == table
    assert set(python) == {*table, "input", "features", "store"}


def test_the_command_line_has_every_option() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    run = {p.name for p in commands["run"].params}
    assert {f.name for f in Options.table(INDEX, SPLIT, FIT)} < run
    assert set(commands) == {
        "run",
        "index",
        "audit",
        "split",
        "fit",
        "evaluate",
        "report",
        "predict",
        "export",
        "demo",
        "cluster",
        "similar",
        "patches",
        "features",
    }
    for command in commands.values():
        assert {"project", "as_json"} <= {p.name for p in command.params}


def test_values_are_recognised_and_wrong_ones_refused() -> None:
    options = Options().changed(set={"n_estimators": 5, "max_depth": None}, method="forest, linear")
    assert options.parameters == {"n_estimators": 5, "max_depth": None}
    assert options.method == ("forest", "linear")
    with pytest.raises(UsageError, match="no option 'methods'"):
        Options().changed(methods="forest")
    with pytest.raises(UsageError, match="takes a int"):
        Options().changed(seed="seven")
    with pytest.raises(UsageError, match="has no value"):
        _ = Options(set=("n_estimators",)).parameters


def test_a_torn_run_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = ", "utf-8")
    with pytest.raises(UnreadableFile, match=r"not a run\.toml"):
        Options.from_toml(path)


def test_the_command_repeats_the_options() -> None:
    command = Options(input="a b.npy", stratify=False, method=("forest", "linear"), seed=3).command()
    assert command == "isocenter run 'a b.npy' --seed 3 --no-stratify --method forest --method linear"
