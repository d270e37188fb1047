"""Kill the process that imports this, by SIGKILL, at the n-th event (PEP 578) that matches: CXR_DIE="os.rename|\\.npy|2"."""

import os
import re
import signal
import sys

if os.environ.get("CXR_DIE"):
    kind, pattern, number = os.environ["CXR_DIE"].rsplit("|", 2)
    left = int(number)

    def die(event: str, arguments: tuple) -> None:
        global left
        if event == kind and re.search(pattern, " ".join(map(str, arguments[:2]))):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die)
