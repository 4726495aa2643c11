"""Memory that is kept: in a process of its own, as it changes the whole process."""

import subprocess
import sys

CODE = """
import resource
import numpy as np
from experiments.allocation import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(4_000_000)  # 32 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

np.ones(4_000_000)
given_back = faults()
kept = keep_freed_memory()
np.ones(4_000_000)
print(kept, given_back, faults())
"""


def test_pages_are_cleared_once_and_not_for_every_array():
    output = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout
    kept, given_back, faults = output.split()
    assert kept == "False" or int(faults) < 0.2 * int(given_back)
