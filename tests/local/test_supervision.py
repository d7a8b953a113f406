"""Children are started again, ever more slowly when they end at once, and say why they could not start."""

import os
import sys
from pathlib import Path

import pytest

from leadgen_local.supervision.child import Child, ChildError
from leadgen_local.supervision.supervisor import Supervisor


def a_child(folder: Path, source: str) -> Child:
    """A child that runs this module text."""
    (folder / "a_short_life.py").write_text(source)
    path = os.pathsep.join([str(folder), *sys.path])
    return Child("short", "a_short_life", folder / "short.log", {**os.environ, "PYTHONPATH": path})


def end(child: Child) -> None:
    assert child.process is not None
    child.process.wait()


def test_a_child_that_dies_at_once_is_started_again_at_once_and_then_held_back(tmp_path: Path) -> None:
    said: list[str] = []
    child = a_child(tmp_path, "raise SystemExit(3)")
    supervisor = Supervisor([child], (), said.append)
    child.start()
    end(child)
    first = child.pid
    assert supervisor.check()
    assert said == [
        f"short (pid {first}) ended with status 3; starting it again",
        f"short started again (pid {child.pid})",
    ]
    end(child)
    assert not supervisor.check()
    assert said[2:] == [f"short (pid {child.pid}) ended with status 3; starting it again in 0.5 s"]
    assert not supervisor.check()
    assert len(said) == 3


def test_a_child_that_lives_is_left_alone(tmp_path: Path) -> None:
    child = a_child(tmp_path, "import sys, signal; signal.pause()")
    child.start()
    try:
        assert not Supervisor([child], (), print).check()
    finally:
        assert child.process is not None
        child.process.kill()
        end(child)


def test_a_child_that_ends_before_it_is_ready_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = a_child(tmp_path, "raise ValueError('what went wrong')")
    child.start()
    with pytest.raises(ChildError, match=r"(?s)The short ended.*what went wrong"):
        child.await_ready()
    end(child)
