"""A rank of a training, the second of which is killed after some steps; for `test_distributed.py`.

python -m rank_faults TRAINING.json
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gandl.models.compute.ranks import ranks_of_environment
from gandl.models.engine import worker
from gandl.models.objectives.gan import Gan

STEP = 3


def plant() -> None:
    step = Gan.step

    def dying(self: Gan) -> None:
        if self.step_number == STEP:
            os.kill(os.getpid(), signal.SIGKILL)
        step(self)

    Gan.step = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    if ranks_of_environment().rank == 1:
        plant()
    sys.exit(worker.main(Path(sys.argv[1])))
