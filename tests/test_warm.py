"""The server that trials are forked from imports, and computes nothing.

After a tensor operation there OpenMP believes in threads that a fork does not take along, and the
child waits for them for ever in its first operation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# What forks, as the server does, and asks in the child whether a product of matrices ends. Arrow's
# allocator has a thread that bears a fork, and so has numpy's OpenBLAS, which is told to have none.
PROGRAM = """
import json, os
import hpsearch.warm
pid = os.fork()
if pid == 0:
    import torch
    torch.set_num_threads(2)
    print((torch.ones(600, 600) @ torch.ones(600, 600)).sum().item(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
tasks = os.listdir("/proc/self/task")
names = sorted(open(f"/proc/self/task/{task}/comm").read().strip() for task in tasks)
print(json.dumps([name for name in names if name != "jemalloc_bg_thd"]))
"""
SECONDS = 60


def forked() -> list[str]:
    """What the program printed; raises where the child hangs."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout.split("\n")


@pytest.mark.slow  # it imports torch and MLflow anew
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux tells of its threads")
def test_the_server_has_one_thread_and_its_child_computes() -> None:
    total, threads, *_ = forked()
    assert float(total) == 600.0**3
    assert len(json.loads(threads)) == 1, threads
