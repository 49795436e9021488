"""Functions to commands: options of their steps from the one table in `options.py`, results to the terminal."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from isocenter.options import Options
from isocenter.project import DEFAULT
from isocenter.terminal import Terminal

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a folder of scans to a model you can defend.",
)
Command = Callable[..., Any]


def _parameter(name: str, kind: Any, default: Any, *flags: str, help: str) -> inspect.Parameter:
    annotation = Annotated[kind, typer.Option(*flags, help=help)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _shared(steps: tuple[str, ...]) -> list[inspect.Parameter]:
    """The options of some steps as typer parameters; None means not given."""
    found = []
    for option in Options.table(*steps) if steps else []:
        flag = "--" + option.name.replace("_", "-")
        kind: Any = str | None
        if isinstance(option.default, bool):
            kind = bool | None
            flag = f"{flag}/--no-{option.name.replace('_', '-')}" if option.default else flag
        elif isinstance(option.default, (int, float)):
            kind = type(option.default) | None
        elif isinstance(option.default, tuple):
            kind = list[str] | None
        default = f" [default: {_shown(option.default)}]" if option.default not in (None, (), False) else ""
        found.append(_parameter(option.name, kind, None, flag, help=option.metadata["help"] + default))
    return found


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def verb(*steps: str) -> Callable[[Command], Command]:
    """Register a command whose keyword `options` are those of `steps`, beside --project and --json."""

    def register(command: Command) -> Command:
        found = inspect.signature(command, eval_str=True).parameters.values()
        own = [p for p in found if p.kind is not p.VAR_KEYWORD and p.name != "project"]
        own += [
            _parameter("project", Path, Path(DEFAULT), "--project", help="Folder that keeps all results."),
            _parameter("as_json", bool, False, "--json", help="Print one JSON object and nothing else."),
        ]
        own += _shared(steps)

        def parsed(**values: Any) -> None:
            terminal = Terminal(as_json=values.pop("as_json"))
            named = {p.name for p in Options.table(*steps)} if steps else set()
            given = {k: parts(v) for k, v in values.items() if k in named and v not in (None, [])}
            rest = {k: v for k, v in values.items() if k not in named}
            with terminal.listening():
                terminal.show(command(**rest, **given) if steps else command(**rest))

        parsed.__name__, parsed.__doc__ = command.__name__, command.__doc__
        parsed.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
        parsed.__annotations__ = {p.name: p.annotation for p in own}
        app.command(name=command.__name__.rstrip("_"))(parsed)
        return command

    return register


def parts(value: Any) -> Any:
    """Lists take commas and may be repeated; only --set keeps its text whole."""
    if not isinstance(value, list):
        return value
    return [part.strip() for text in value for part in text.split(",") if part.strip()]
