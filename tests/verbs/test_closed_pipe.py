"""Output that nobody reads to its end, as with `| head`, ends the program quietly."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"], ["recipes", "list"], ["schema"]])
def test_a_closed_pipe_is_no_message_and_the_code_of_sigpipe(words, buffered):
    read, write = os.pipe()
    os.close(read)
    environment = os.environ | {"PYTHONUNBUFFERED": buffered}
    command = [sys.executable, "-m", "hf_selfdemo", *words]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_error_is_told_though_nobody_reads_the_output():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "hf_selfdemo", "trian"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 2 and "unknown command 'trian'" in done.stderr
