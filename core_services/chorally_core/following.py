"""Runs the command in a process that ends when the one that started it does, however that ends.

Whoever starts it holds the other end of its standard input and never writes there. The operating system closes that
end with its holder, also where that is killed and can tell nobody.
"""

import os
import signal
import threading
import time

PATIENCE_S = 45.0
"""Seconds that the process has to end in good order."""


def end_with_parent() -> None:
    """Have this process asked to end, and ended if it does not, once nobody holds its standard input any more."""
    threading.Thread(target=_follow, name="parent", daemon=True).start()


def _follow() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # it is closed, which is no different
    nowhere = os.open(os.devnull, os.O_WRONLY)  # nobody reads what is printed from here on: writing must not fail
    for output in (1, 2):
        os.dup2(nowhere, output)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os._exit(1)


def main() -> None:
    """Follow whoever started this process, and do what the command says."""
    end_with_parent()  # before anything that takes time
    from chorally_core.cli import app

    app()


if __name__ == "__main__":
    main()
