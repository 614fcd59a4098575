"""Jobs: what every script of the workflow shares. Takes the log file of a rule; makes messages go there, and errors short."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gandl.workflow.interruption import EXIT_CODE, Interrupted


@contextmanager
def job(log: Path | str) -> Iterator[logging.Logger]:
    """Run the body of a script: messages of gandl go to `log` and to standard error.

    A mistake that gandl itself noticed (its own exceptions, a full disk, a missing file) ends the job with its one sentence and
    exit code 1, and so does Ctrl-C. Work that a signal stopped and that was saved ends with its sentence and exit code 75. Any
    other exception is a defect and keeps its traceback, in the log, too.
    """
    path = Path(str(log))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("", encoding="utf-8")
    with messages(path) as logger:
        try:
            yield logger
        except KeyboardInterrupt:
            sys.exit("stopped by Ctrl-C; the same command resumes where this job last saved its work")
        except Interrupted as stopped:
            logger.info("%s", stopped)
            sys.exit(EXIT_CODE)
        except Exception as error:
            if not is_ours(error):
                with path.open("a", encoding="utf-8") as file:
                    traceback.print_exc(file=file)
                raise
            with path.open("a", encoding="utf-8") as file:
                print(error, file=file)
            sys.exit(f"{type(error).__name__}: {error}")


@contextmanager
def messages(log: Path | None) -> Iterator[logging.Logger]:
    """Messages of gandl go to standard error and, where there is a log, to its end: several processes may write to one."""
    logger = logging.getLogger("gandl")
    logger.setLevel(logging.INFO)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log is not None:
        handlers.append(logging.FileHandler(log, mode="a", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        logger.addHandler(handler)
    try:
        yield logger
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def is_ours(error: BaseException) -> bool:
    """Whether an error is a mistake that gandl noticed, whose message says everything; anything else is a defect."""
    return type(error).__module__.startswith("gandl.") or isinstance(error, OSError)
