"""How far long work is, for whoever watches it: on stderr, and on a terminal only."""

import sys

from leadgen.platform import clock

_REFRESH_SECONDS = 0.2
_BAR = 30
_A_MOMENT_SECONDS = 2


class Progress:
    """One line on stderr that shows how far the work is, rewritten as it goes on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._on_terminal = sys.stderr.isatty()
        self._began = self._shown = clock.seconds()

    def update(self, done: int, total: int) -> None:
        """So many of all are done; with the last the line is wiped away."""
        now = clock.seconds()
        if not self._on_terminal or (done < total and now - self._shown < _REFRESH_SECONDS):
            return
        self._shown = now
        bar = "█" * (_BAR * done // total) if total else ""
        rate = done / max(now - self._began, _REFRESH_SECONDS)
        line = f"{self._what} {bar:·<{_BAR}} {done:,} of {total:,}, {rate:,.0f}/s"
        sys.stderr.write(f"\r{line} " if done < total else "\r\x1b[K")
        sys.stderr.flush()


class Patience:
    """One line on stderr that shows what is waited for, once that takes a moment."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._on_terminal = sys.stderr.isatty()
        self._began = clock.seconds()

    def waits(self) -> None:
        """It is not over yet."""
        seconds = int(clock.seconds() - self._began)
        if self._on_terminal and seconds >= _A_MOMENT_SECONDS:
            sys.stderr.write(f"\r{self._what} … {seconds} s ")
            sys.stderr.flush()

    def is_over(self) -> None:
        """The line is wiped away."""
        if self._on_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
