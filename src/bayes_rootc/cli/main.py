"""The command line: a table of verbs, their arguments parsed, errors turned into one plain line."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bayes_rootc.errors import RootcError

STOPPED_BY_USER = 130
READER_LEFT = 141
"""As of a program that the shell ends because nobody reads its output any more."""


@dataclass(frozen=True)
class Verb:
    """A command: the module that holds it, imported only when it is used, and its help."""

    module: str
    help: str


VERBS = {
    "fit": Verb("bayes_rootc.cli.fit", "fit a model file to layers and store the run"),
    "show": Verb("bayes_rootc.cli.show", "show what a model file says, its priors in years"),
    "data": Verb(
        "bayes_rootc.cli.data",
        "check a table, write one to fill in, fetch the public data, say which are used",
    ),
    "report": Verb(
        "bayes_rootc.cli.report",
        "write the report (HTML, Markdown, figures, tables) of a stored run",
    ),
    "loss": Verb(
        "bayes_rootc.cli.loss",
        "write tables and figures of I_root, I_bulk and I_loss of a stored joint run",
    ),
    "sensitivity": Verb(
        "bayes_rootc.cli.sensitivity",
        "fit a stored run again with another initial state and other lags, and compare",
    ),
    "crossval": Verb(
        "bayes_rootc.cli.crossval", "predict held-out places and score it, beside two baselines"
    ),
    "learn": Verb(
        "bayes_rootc.cli.learn",
        "learn inputs and turnover of a joint run from place and depth; prior means for a fit",
    ),
    "grid": Verb(
        "bayes_rootc.cli.grid",
        "build a cube of covariates from rasters, or check a grid against what was learned",
    ),
    "map": Verb(
        "bayes_rootc.cli.map",
        "map I_root, I_bulk and I_loss with their uncertainty, from a joint and a learning run",
    ),
    "structures": Verb(
        "bayes_rootc.cli.structures",
        "compare structures of a layer's carbon (one pool, gamma, lognormal, two pools)",
    ),
    "turnover": Verb("bayes_rootc.cli.turnover", "turnover time of one sample from its Δ14C"),
    "curve": Verb("bayes_rootc.cli.curve", "Δ14C of a pool of known turnover time, by month"),
}

DESCRIPTION = (
    "Root carbon that stays in the soil, and what is lost: one Bayesian model from radiocarbon."
)
EPILOG = """examples:
  turnover --delta14c -150 --year 2000 --lat 45    one sample, no fit
  show turnover                                    the priors, in years
  fit                                              the joint model on what data there are
  loss runs/joint                                  I_root, I_bulk and I_loss of a stored run
  report runs/NAME                                 tables and figures of a stored run

`VERB --help` explains one verb. Exit codes: 0 done, 2 an error that you can mend, 130 stopped."""


class _Parser(argparse.ArgumentParser):
    """Says `error: …` first, without the usage text that would push it off the screen."""

    def error(self, message: str) -> NoReturn:
        hint = _unknown_option_hint(message, self.format_help())
        self.exit(2, f"error: {message}{hint}\n`{self.prog} --help` explains\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        What follows the program's name; the process's own arguments by default.

    Returns
    -------
    int
        0 done; 2 (or the error's own code) where the user can mend it; 130 stopped by the user.

    Raises
    ------
    SystemExit
        With code 0 after ``--help`` and ``--version``, with 2 for arguments that do not parse.
    """
    try:
        code = _run([*(sys.argv[1:] if argv is None else argv)])
        sys.stdout.flush()
    except RootcError as error:
        _say(f"error: {error}")
        return int(getattr(error, "exit_code", 2))
    except KeyboardInterrupt:
        _say("stopped by the user")
        return STOPPED_BY_USER
    except BrokenPipeError:
        _forget_output()
        return READER_LEFT
    except OSError as error:
        _forget_output()
        _say(f"error: {error.filename or 'output'}: {error.strerror or error}")
        return 2
    return code


def _run(argv: list[str]) -> int:
    prog = _program_name()
    parser = _Parser(
        prog=prog,
        description=DESCRIPTION,
        epilog=_list_of_verbs() + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        usage="%(prog)s [-h] [--version] VERB ...",
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    parser.add_argument("verb", nargs="?", metavar="VERB", help="what to do")
    # Only what stands before the verb, and the verb, are this parser's; the rest is the verb's.
    own = next((n + 1 for n, word in enumerate(argv) if not word.startswith("-")), len(argv))
    args = parser.parse_args(argv[:own])
    if args.version:
        print(f"bayes_rootc {_version()}")
        return 0
    if args.verb is None:
        parser.print_help()
        return 0
    if args.verb not in VERBS:
        parser.error(f"unknown verb {args.verb!r}; {_nearest_verb(args.verb)}")
    return _run_verb(args.verb, argv[own:], prog)


def _run_verb(name: str, words: list[str], prog: str) -> int:
    arguments = parse_verb(name, words, prog)
    code: int = importlib.import_module(VERBS[name].module).run(arguments)
    return code


def parse_verb(name: str, words: list[str], prog: str) -> argparse.Namespace:
    """Parse what follows a verb; ends the program (SystemExit) where it does not parse."""
    module = importlib.import_module(VERBS[name].module)
    parser = _Parser(
        prog=f"{prog} {name}",
        description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
        epilog=module.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser.parse_args(_join_negative_numbers(words))


def _join_negative_numbers(words: list[str]) -> list[str]:
    """Write ``--option -1e2`` as ``--option=-1e2``: argparse takes some numbers for options."""
    joined: list[str] = []
    for word in words:
        is_negative = re.fullmatch(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", word) is not None
        if is_negative and joined and re.fullmatch(r"--[a-z][\w-]*", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _program_name() -> str:
    name = Path(sys.argv[0]).name
    return "bayes_rootc" if name == "bayes_rootc" else "python -m bayes_rootc"


def _list_of_verbs() -> str:
    return "verbs:\n" + "".join(f"  {name:<12}{verb.help}\n" for name, verb in VERBS.items()) + "\n"


def _nearest_verb(name: str) -> str:
    close = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"it must be one of {', '.join(VERBS)}"


def _unknown_option_hint(message: str, help_text: str) -> str:
    unknown = re.search(r"unrecognized arguments:.*?(--[\w-]+)", message)
    if not unknown:
        return ""
    known = re.findall(r"--[a-z][\w-]*", help_text)
    close = difflib.get_close_matches(unknown[1], known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _version() -> str:
    from bayes_rootc.version import __version__

    return __version__


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _forget_output() -> None:
    """Send what is still buffered nowhere, or Python would fail once more on its way out."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return  # the output is not a file of the system's: a test's, a notebook's
