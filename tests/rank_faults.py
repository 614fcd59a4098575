"""A rank of a training in which the second one dies after some steps; for `tests/unit/test_distributed.py`.

python -m rank_faults TRAINING.json killed|mistake|defect
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gandl.models import worker
from gandl.models.crops import CropError
from gandl.models.parallel import ranks_of_environment
from gandl.models.trainer import Trainer

STEP = 3


def plant(kind: str) -> None:
    step = Trainer.step

    def dying(self: Trainer) -> None:
        if self.step_number == STEP:
            if kind == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise CropError("a planted mistake") if kind == "mistake" else KeyError("a planted defect")
        step(self)

    Trainer.step = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    if ranks_of_environment().rank == 1:
        plant(sys.argv[2])
    sys.exit(worker.main(Path(sys.argv[1])))
