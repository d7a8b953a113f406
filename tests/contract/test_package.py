"""What installing the project installs."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def test_an_installed_package_tells_type_checkers_that_it_is_typed(tmp_path: Path) -> None:
    for part in ("layers/core/leadgen", "local/leadgen_local"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path)], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert {"leadgen/py.typed", "leadgen_local/py.typed"} <= set(zipfile.ZipFile(wheel).namelist())
