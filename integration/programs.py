"""The programs in clients/, each of which does one step with a client library and prints JSON."""

import os
import pathlib
import subprocess

CLIENTS = pathlib.Path(__file__).parent / "clients"
PYTHON = "/usr/bin/python3"
SECONDS = 25


def start(words, **environment):
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=str(CLIENTS), env={**os.environ, **environment})


def finish(process):
    """What it printed; it has no other word to say."""
    try:
        out, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"no end of {process.args}: {process.communicate()}") from None
    assert process.returncode == 0 and not errors, (process.returncode, errors, out)
    return out


def run(words, **environment):
    return finish(start(words, **environment))
