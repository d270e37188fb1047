"""Run a command and write the most memory (kB) that it held to a file: `peak.py FILE COMMAND...`.

A process counts what its parent held when it was begun, and the process that runs tests holds much: so one that holds
little stands between. It ends as the command ended.
"""

import os
import signal
import sys

child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
code = os.waitstatus_to_exitcode(status)
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -code)
sys.exit(code)
