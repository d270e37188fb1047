"""One line of progress a step, with the time of day; and file names as text that a terminal can show."""

import re
import time

_ADDRESS = re.compile(r"\b(https?|ftp|s3|gs):/+(?=\w)")  # taken for a path, it has lost one of the two


def say(message: str) -> None:
    """Print `message` with the time of day, at once even into a file."""
    print(f"{time.strftime('%H:%M:%S')} {printable(message)}", flush=True)


def printable(text: object) -> str:
    """Return a path or sentence on one line, without control characters: they, and bytes that are no UTF-8, as `\\x1b`.

    A web address that was taken for a path is one again.
    """
    decoded = str(text).encode(errors="surrogateescape").decode(errors="backslashreplace")
    shown = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in decoded)
    return _ADDRESS.sub(r"\1://", shown)


def since(started: float) -> str:
    """Return the time since `started` (of time.monotonic) as "12 s" or "3 min 12 s"."""
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
