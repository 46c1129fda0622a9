"""Serves the sandbox on this machine: ``python -m chorally_facebook.sandbox --port 8765``."""

import argparse
import logging

import uvicorn

from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import AnswerLost


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m chorally_facebook.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on (default: %(default)s)")
    parser.add_argument("--log-level", default="info", choices=("critical", "error", "warning", "info", "debug"))
    asked = parser.parse_args()
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    uvicorn.run(Sandbox().app, host=asked.host, port=asked.port, log_level=asked.log_level)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record says more than that an answer was lost as asked, which would fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], AnswerLost))


if __name__ == "__main__":
    main()
