"""The `poseline` command: its sub-commands, its exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from cyclopts import (
    App,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
)

from poseline import __version__, log, progress, stopping
from poseline.errors import EXIT_CODES, PoselineError, storage_error
from poseline.garbage import collect_seldom
from poseline.masking import mask
from poseline.tensorflow_import import import_tensorflow_lean
from poseline.terminal import safe

_EPILOGUE = f"Exit codes: {', '.join(f'{code} {text}' for code, text in EXIT_CODES.items())}.\n"

app = App(
    name="poseline",
    help="Train pose models for microcontrollers: convert, train, quantize, evaluate, benchmark.",
    help_epilogue=_EPILOGUE,
    version=__version__,
    exit_on_error=False,
    print_error=False,
    help_format="plaintext",  # a list needs no Markdown, which takes a third of its time
)
_COMMANDS = {
    "run": ("run", "Run what `operation_mode` says, with the command line of the vendor's zoo."),
    "chain": ("run", "Run a chain: tqe, tqeb, eqe, eqeb, qb or qd."),
    "train": ("run", "Train a model."),
    "quantize": ("run", "Quantize a model to int8."),
    "evaluate": ("run", "Measure OKS, AP and PCK of a model."),
    "predict": ("run", "Draw the poses that a model finds."),
    "benchmark": ("run", "Measure a model on this machine and estimate it on the boards."),
    "export": ("run", "Write a model as code for a firmware project."),
    "init": ("init", "Write a commented config to start from."),
    "demo": ("run", "Draw a set of people and run chain_tqeb on it."),
    "search": ("search", "Search for the best models for a board."),
    "compare": ("runs", "Compare finished runs: accuracy, flash, latency."),
    "validate": ("config", "Check a config and print it resolved."),
    "lr-plot": ("config", "Draw the learning rate over the epochs."),
    "schema": ("config", "Write the files that are generated from the config models."),
    "summary": ("model", "List the layers of a model."),
    "boards": ("model", "List the boards, or how a model fits on each."),
}
_WITH_OVERRIDES = {name for name, (module, _) in _COMMANDS.items() if module in ("run", "config")}
_CHAINS = ("tqe", "tqeb", "eqe", "eqeb", "qb", "qd")
for _name, (_module, _help) in _COMMANDS.items():
    _path = f"poseline.cli.{_module}:{_name.replace('-', '_')}"
    app.command(_path, name=_name, help=_help, help_format="markdown")
app.command(
    "poseline.cli.dataset:app", name="dataset", help="Convert, draw, pack and inspect sets."
)
app.command("poseline.cli.runs:app", name="runs", help="List, show, compare and remove runs.")
app.command(
    "poseline.cli.tracking:app", name="mlflow", help="Deliver what MLflow has not received yet."
)
app.command(
    "poseline.cli.pipelines:app",
    name="pipelines",
    help="Compile, run, watch and schedule pipelines on Kubeflow.",
)
app.command(
    "poseline.cli.operator:app",
    name="operator",
    help="Run PoseExperiment and PoseSchedule on Kubernetes.",
)
app.command(
    "poseline.cli.completion:install_completion",
    name="--install-completion",
    help="Install command completion in your shell.",
)


def main(arguments: list[str] | None = None, program: App = app) -> NoReturn:
    """Run a command line and exit with its code.

    Args:
        arguments: The command line; None: this process's.
        program: What reads it.
    """
    # Pydantic looks through all that is installed for plugins; none has anything to do here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    collect_seldom()
    import_tensorflow_lean()
    log.configure()
    given = sys.argv[1:] if arguments is None else arguments
    if program is app and given and given[0] in _COMMANDS:
        app[given[0]].help = None  # its docstring, with an example; the list has one line of it
    with stopping.heard(), progress.silence_explained():
        code = _code(program, arguments)
    sys.exit(code)


def _code(program: App, arguments: list[str] | None) -> int:
    try:
        result = program(arguments, result_action="return_value")
        sys.stdout.flush()  # what does not get out is learned here, and not at the end
    except CycloptsError as error:
        _say(_usage(error))
        return 2
    except PoselineError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # `stopping` has said the rest
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        refused = storage_error(error)
        _say(str(refused))
        return refused.exit_code
    return result if isinstance(result, int) else 0


def _usage(error: CycloptsError) -> str:
    """Return what is wrong with a command line; a positional argument by its name in the help."""
    chain = error.command_chain or ()
    command = " ".join(["poseline", *chain])
    argument, said = error.argument, str(error)
    if isinstance(error, MissingArgumentError) and argument and not argument.tokens:
        if error.keyword is None:
            name = argument.name
            if argument.field_info.is_positional:
                name = name.lstrip("-").upper().replace("-", "_")
            said = f"`{command}` needs {name}."
    elif isinstance(error, UnknownOptionError) and chain and chain[0] in _WITH_OVERRIDES:
        said += " A key of the config is changed by `key=value`, such as `training.epochs=3`."
    elif isinstance(error, UnknownCommandError):
        word = error.unused_tokens[0] if error.unused_tokens else ""
        if (name := word.removeprefix("chain_")) in _CHAINS:
            said = f'Unknown command "{word}". Did you mean `poseline chain {name}`?'
    return f"{said}\nTry `{command} --help`."


def _drop_output() -> None:
    """Let nothing more be written to a standard output that does not take it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    # The last word of a program goes to its user.
    print(safe(mask(message)), file=sys.stderr)  # noqa: T201
