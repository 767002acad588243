"""How large a process of a test became, told by itself.

`ru_maxrss` will not do: a child begins with the peak of the process that started it, which is that of the whole suite.
"""

import sys

import pytest

PEAK_KB = """
def peak_kb():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1])

"""
"""Source of `peak_kb()`, to stand before what such a process runs."""

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one process")
