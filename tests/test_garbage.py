"""Python looks for garbage seldom in poseline's own processes, and as ever in a user's."""

import subprocess
import sys


def run(code):
    return subprocess.run(
        [sys.executable, "-c", f"import gc\nfrom poseline.garbage import *\n{code}"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout


def test_what_lasts_is_not_looked_through():
    found = run("""
collect_seldom()
with lasting():
    assert not gc.isenabled()
    made = [[] for _ in range(1000)]
assert gc.isenabled()
print(gc.get_freeze_count() >= 1000, gc.get_threshold()[0] > 700)
""")
    assert found == "True True\n"


def test_garbage_is_found_still():
    found = run("""
import weakref
collect_seldom()
with lasting():
    pass
class Node:
    pass
first = Node()
first.itself, seen = first, weakref.ref(first)
del first
kept = [[] for _ in range(200_000)]
print(seen())
""")
    assert found == "None\n"


def test_an_error_inside_puts_it_back():
    found = run("""
collect_seldom()
try:
    with lasting():
        raise OSError
except OSError:
    print(gc.isenabled())
""")
    assert found == "True\n"


def test_a_users_own_process_is_left_as_it_is():
    found = run("""
before = gc.get_threshold()
with lasting():
    assert gc.isenabled()
print(gc.get_freeze_count(), gc.get_threshold() == before)
""")
    assert found == "0 True\n"


def test_a_process_that_looks_for_no_garbage_goes_on_so():
    found = run("""
collect_seldom()
gc.disable()
with lasting():
    pass
print(gc.isenabled(), gc.get_freeze_count())
""")
    assert found == "False 0\n"
