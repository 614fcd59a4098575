"""Jobs: what every script of the workflow shares. Takes the log file of a rule; makes messages go there, and errors short."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def job(log: Path | str) -> Iterator[logging.Logger]:
    """Run the body of a script: messages of gandl go to `log` and to standard error.

    A mistake that gandl itself noticed (its own exceptions, a full disk, a missing file) ends the job with its one sentence, and
    so does Ctrl-C. Any other exception is a defect and keeps its traceback, in the log, too.
    """
    path = Path(str(log))
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("gandl")
    logger.setLevel(logging.INFO)
    handlers: list[logging.Handler] = [
        logging.FileHandler(path, mode="w", encoding="utf-8"),
        logging.StreamHandler(sys.stderr),
    ]
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        logger.addHandler(handler)
    try:
        yield logger
    except KeyboardInterrupt:
        sys.exit("stopped by Ctrl-C; the same command goes on where this job last saved its work")
    except Exception as error:
        if not _is_ours(error):
            with path.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise
        with path.open("a", encoding="utf-8") as file:
            print(error, file=file)
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.startswith("gandl.") or isinstance(error, OSError)
