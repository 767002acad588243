"""What is free goes back to the system."""

import subprocess
import sys

import pytest

_FREED = """
import re, sys
from pathlib import Path
from hf_selfdemo.core.memory import give_back

def resident():
    return int(re.findall(r"VmRSS:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024

def some():
    return [bytearray(b"x") * (4 << 20) for _ in range(60)]

some()  # from here on glibc keeps blocks of that size in its heap
blocks, last = some(), bytearray(b"y") * (4 << 20)  # the last one holds the end of the heap
del blocks
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and glibc are Linux's")
def test_blocks_that_glibc_keeps_are_returned():
    output = subprocess.run([sys.executable, "-c", _FREED], check=True, capture_output=True, text=True).stdout
    assert int(output) > 200
