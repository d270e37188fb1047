"""One line of progress a step, with the time of day."""

import time


def say(message: str) -> None:
    """Print `message` with the time of day, at once even into a file."""
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


def since(started: float) -> str:
    """Return the time since `started` (of time.monotonic) as "12 s" or "3 min 12 s"."""
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
