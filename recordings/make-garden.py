#!/usr/bin/env python3
"""Records recordings/garden.mcap: the program itself, its keys pressed by a script.

Usage: make-garden.py path/to/splitscope. Emulated devices, a real link of 40 Mbps that is dead for three seconds.
"""

import os
import pty
import select
import sys
import tempfile
import time

TRACE = """# splitscope link trace v1
time_s,shared_mbps,delay_ms
0,40,2
14,0,2
17,40,2
600,40,2
"""

# Seconds since the start, keys.
KEYS = [
    (5, "kwalking in\r"),
    (7, "\x1b[6~\r"),  # ten operators later, apply
    (10, "\x1b[C\x1b[C\r"),  # two more
    (13.5, "kbehind the tree\r"),
    (19, "kback in the open\r"),
    (21, "\x1b[5~\r"),  # ten operators earlier
    (24, "Rthe garden, emulated\r"),
    (26, "q"),
]


def main() -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    out = os.path.join(here, "garden.mcap")
    if os.path.exists(out):
        os.remove(out)
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "tree.csv")
        with open(trace, "w") as f:
            f.write(TRACE)
        os.environ["XDG_CONFIG_HOME"] = folder
        os.environ["TERM"] = "xterm-256color"
        # The person in the file is nobody's login.
        os.environ["USER"] = "ada"
        args = [
            sys.argv[1], "demo", "--engine", "emulated", "--model", "vgg19", "--cut", "10", "--fps", "5",
            "--link", trace, "--input", "synthetic", "--record", out,
            "--place", "the garden", "--robot-name", "emulated Jetson Xavier NX", "--operator", "ada",
            "--weather", "none indoors", "--notes", "a sample made by recordings/make-garden.py",
        ]  # fmt: skip
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(args[0], args)
        start = time.monotonic()
        keys = list(KEYS)
        while True:
            ready, _, _ = select.select([terminal], [], [], 0.1)
            try:
                if ready and not os.read(terminal, 65536):
                    break
            except OSError:
                break
            while keys and time.monotonic() - start >= keys[0][0]:
                os.write(terminal, keys.pop(0)[1].encode())
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
