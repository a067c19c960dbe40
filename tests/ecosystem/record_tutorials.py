"""Records what the tutorials print with PyTorch itself: ``python tests/ecosystem/record_tutorials.py NAME...``"""

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent


def record(name: str) -> None:
    command = [sys.executable, FOLDER.resolve() / "tutorials" / f"{name}.py"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    (FOLDER / "outputs" / f"{name}.txt").write_text(done.stdout)


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("tutorials/*.py")):
        record(name)
