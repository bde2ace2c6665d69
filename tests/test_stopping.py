import signal
import subprocess
import sys

import pytest

SCRIPT = """
import sys, time
from cyclopts import App
from poseline import stopping
from poseline.cli.app import main
app = App()
@app.default
def wait():
    stopping.advise("The run is in here.")
    print("waits", flush=True)
    time.sleep(60)
main([], app)
"""


@pytest.mark.parametrize(
    ("one", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_answered_at_once(one, code):
    program = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout.readline() == "waits\n"
    program.send_signal(one)
    _, told = program.communicate(timeout=60)
    assert program.returncode == code
    assert "Stopping" in told
    assert "The run is in here." in told
    assert "Traceback" not in told


def test_a_signal_waits_for_what_must_not_be_interrupted():
    script = SCRIPT.replace(
        '    print("waits", flush=True)\n',
        "    with stopping.held():\n"
        '        print("waits", flush=True); time.sleep(1); print("whole", flush=True)\n',
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout.readline() == "waits\n"
    program.send_signal(signal.SIGTERM)
    out, said = program.communicate(timeout=60)
    assert (out, program.returncode) == ("whole\n", 143)
    assert "Stopping: SIGTERM" in said


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("print('x' * 10**6)", 5, "no room"),
        ("open('/nowhere/x')", 5, "/nowhere/x"),
        ("open('x' * 300, 'w')", 5, "shorter name"),
        ("open('/dev/null/x', 'w')", 5, "a part of the path is a file"),
    ],
)
def test_what_the_system_refuses_ends_with_its_remedy(body, code, words):
    script = SCRIPT.replace("    time.sleep(60)", "    pass").replace(
        '    print("waits", flush=True)', f"    {body}"
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_who_stops_reading_hears_nothing():
    script = SCRIPT.replace('    print("waits", flush=True)', "    print('x\\n' * 10**6)").replace(
        "    time.sleep(60)", "    pass"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.stdout.readline()
    program.stdout.close()
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait() == 0


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_finalizer_is_not_dropped(one):
    finalizer = (
        "class Slow:\n"
        "    def __del__(self):\n"
        "        print('waits', flush=True)\n"
        "        time.sleep(60)\n"
    )
    script = SCRIPT.replace("app = App()", f"{finalizer}app = App()", 1)
    script = script.replace('    print("waits", flush=True)', "    Slow()")
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout.readline() == "waits\n"
    program.send_signal(one)
    _, told = program.communicate(timeout=50)
    assert program.returncode == 128 + one
    assert "Traceback" not in told
