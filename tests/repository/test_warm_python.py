"""A process that forks from a server ends, reads, writes and is ended as a new one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from warm_python import WORKS, warm_python

pytestmark = pytest.mark.skipif(not WORKS, reason="os.pidfd_open is not on this system")


def run(script: Path, text: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    script.write_text(text, encoding="utf-8")
    python, _ = warm_python()
    command = [str(python), str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("pass", 0),
        ("import sys; sys.exit(75)", 75),
        ("import sys; sys.exit('a sentence')", 1),
        ("raise RuntimeError('a sentence')", 1),
        ("import os; os._exit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", -9),
    ],
)
def test_it_ends_as_a_new_process_does(tmp_path: Path, text: str, code: int) -> None:
    done = run(tmp_path / "script.py", text)
    assert done.returncode == code
    assert ("a sentence" in done.stderr) == ("a sentence" in text)


def test_it_has_the_arguments_environment_folder_and_path_of_a_new_process_and_libraries_already(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/gandl.py").write_text("its = 'mine'", encoding="utf-8")
    text = (
        "import sys; early = 'torch' in sys.modules and 'gandl' not in sys.modules\n"
        "import atexit, os, gandl; atexit.register(print, 'the end')\n"
        "print(early, sys.argv[1:], os.getcwd(), sorted({*os.environ} - {'LC_CTYPE'}), gandl.its, sys.stdin.read())"
    )
    environment = {"PYTHONPATH": str(tmp_path / "mine"), "OTHER": "1"}
    done = run(tmp_path / "script.py", text, "a", "b c", input="read", cwd=tmp_path, env=environment)
    said, end = done.stdout.splitlines()
    assert (said, end) == (f"True ['a', 'b c'] {tmp_path} ['OTHER', 'PYTHONPATH'] mine read", "the end"), done.stderr


def test_what_is_no_script_is_left_to_the_interpreter() -> None:
    python, _ = warm_python()
    done = subprocess.run(
        [str(python), "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == sys.executable


def test_it_does_not_outlive_the_one_who_asked(tmp_path: Path) -> None:
    python, _ = warm_python()
    (tmp_path / "script.py").write_text(
        f"import os, pathlib, time\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    )
    asked = subprocess.Popen([str(python), str(tmp_path / "script.py")])
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert asked.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    child = int((tmp_path / "pid").read_text())
    asked.send_signal(signal.SIGKILL)
    asked.wait()
    for _ in range(200):
        if not Path(f"/proc/{child}").exists():
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child still runs")
