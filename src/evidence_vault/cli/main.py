"""The entry point: the group of commands, loaded when used, and the one error boundary."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from evidence_vault.cli.base import Lazy
from evidence_vault.cli.boundary import guarded
from evidence_vault.cli.session import Session

PROGRAM = "evidence-vault"

HELP = """Keep evidence so that a stranger can check it.

Takes in files, keeps them encrypted and unchanged, and hands any of them out with a proof of what
came in, who had it, and when. Each command has its own help: evidence-vault COMMAND --help.
"""

EPILOG = """\b
Exit status:
    0  done, or verified             11  log inconsistent
    1  a bug                         12  store, disk or service unreachable
    2  wrong command line            13  key or passphrase
    3  partly done, or could not     14  refused by policy
       be checked                   130  interrupted
   10  evidence does not match
"""

group = Lazy(name=PROGRAM, help=HELP, epilog=EPILOG, context_settings={"max_content_width": 100})


def main() -> None:
    """``evidence-vault``: ends the process with an exit status of the table."""
    # What bulk work allocates is freed by counting references; looking for cycles as often as
    # Python does by default takes up to a fifth of an ingest.
    gc.set_threshold(100_000, 20, 20)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line in this process and return its exit status. Never raises."""
    session = Session()
    # Read here, too, because a wrong option is told before the right ones are looked at.
    before_names = list(arguments).index("--") if "--" in arguments else len(arguments)
    session.json = "--json" in arguments[:before_names]

    def work() -> object:
        with group.make_context(PROGRAM, list(arguments), obj=session) as context:
            return group.invoke(context)

    return guarded(session, work)
