"""Configs that cost too much, or that nothing can read: each is refused at once, in words."""

import os
import time
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.samples import TINY

from poseline.config.loading import load
from poseline.errors import ConfigError

# Of CPU: the machine may do other things beside. What measures coverage takes some itself.
_AT_ONCE_S = 6.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 3.0


def _chain(links, first="x" * 10, times=2):
    lines = [f"a0: '{first}'", *(f"a{i}: {f'${{a{i - 1}}}' * times}" for i in range(1, links))]
    return "\n".join(lines)


def _sections(links):
    lines = [
        "s0: {x: 1}",
        *(f"s{i}: {{x: '${{s{i - 1}}}', y: '${{s{i - 1}}}'}}" for i in range(1, links)),
    ]
    return "\n".join(lines)


def _laughs(write):
    """Return anchors a to i, each made eight times of the one before."""
    names = "abcdefghi"
    return "\n".join(write(b, ",".join([f"*{a}"] * 8)) for a, b in pairwise(names))


TEXTS = {
    "exponential text": _chain(30),
    "exponential sections": _sections(30),
    "many references": _chain(40, "x", 20),
    "a long chain": _chain(200, "x", 1),
    "references to itself": "a: ${b}\nb: ${a}",
    "one to itself": "a: ${a}",
    "a section in itself": "a: {b: '${a}'}",
    "names of references": f"{_chain(30)}\nk: a29\nz: '${{${{k}}}}'",
    "nested references": f"a: {'${' * 300}{'}' * 300}",
    "open references": f"a: {'${' * 300}",
    "brackets": f"a: '${{env:{'[' * 300}'",
    "functions of references": "a: ${oc.create:${b}}\nb: 1",
    "unknown function": "a: ${eval:1}",
    "moment": "a: ${now:%Q\u0000}",
    "many keys": "\n".join(f"k{i}: 1" for i in range(80_000)),
    "many unknown keys": "\n".join(f"k{i}: 1" for i in range(2400)),
    "many unknown keys below": "training:\n" + "\n".join(f"  k{i}: 1" for i in range(2400)),
    "many infinities": "\n".join(f"k{i}: .inf" for i in range(2400)),
    "a key many times": "a: 1\n" * 2400,
    "a long list": f"a: [{'1,' * 400_000}]",
    "laughs": "a: &a [x, x]\n" + _laughs(lambda name, of: f"{name}: &{name} [{of}]"),
    "merged laughs": "a: &a {x: 1}\n"
    + _laughs(lambda name, of: f"{name}: &{name} {{<<: [{of}], {name}: 1}}"),
    "an alias in itself": "a: &a [*a]",
    "a merge of a value": "a: {<<: 1}",
    "an unknown alias": "a: *b",
    "deep flow": f"a: {'[' * 100_000}",
    "deep braces": f"a: {'{a: ' * 50_000}",
    "deep blocks": "".join(f"{' ' * i}a:\n" for i in range(900)),
    "deep dashes": f"a:\n  {'- ' * 100_000}",
    "digits": f"a: {'9' * 5000}",
    "hexadecimal": f"a: 0x{'f' * 5000}",
    "octal": f"a: 0o{'7' * 5000}",
    "digits of a key": f"{'9' * 150}: 1",
    "tagged digits": f"a: !!int '{'9' * 5000}'",
    "no integer": "a: !!int x",
    "no number": "a: !!float x",
    "no truth": "a: !!bool x",
    "bytes": "a: !!binary 'aGk='",
    "python": "a: !!python/object/apply:os.system ['true']",
    "a set": "a: !!set {b, c}",
    "a long key": f"{'k' * 100_000}: 1",
    "a list as key": "? [a, b]\n: 1",
    "a long value": f"general: {{project_name: {'x' * 100_000}}}",
    "a quoted value": f'a: "{"x" * 990_000}',
    "NUL": "a: \u0000",
    "escape": "a: \u001b[2J",
    "half a pair": "a: \udc80",
    "tabs": "general:\n\tproject_name: x",
    "several documents": "a: 1\n---\nb: 2",
    "binary": "".join(map(chr, range(1, 256))),
    "a list": "- a",
    "a value": "42",
}

OVERRIDES = {
    "deep brackets": f"a={'[' * 10_000}",
    "deep braces": f"a={'{a:' * 10_000}",
    "deep tuples": f"a=[{'(' * 10_000}",
    "a deep key": f"{'.'.join('a' * 5000)}=1",
    "a deep key to delete": f"~{'.'.join('a' * 5000)}",
    "a long key": f"{'a' * 5000}=1",
    "digits": f"training.epochs={'9' * 5000}",
    "hexadecimal": f"training.epochs=0x{'f' * 5000}",
    "a huge value": f"general.project_name={'x' * 2_000_000}",
    "references": f"general.project_name={'${general.project_name}' * 2}",
    "laughs": f"a={{x: &a [1, 1], {_laughs(lambda n, of: f'{n}: &{n} [{of}],')}}}",
    "nothing to delete": "~",
    "a deletion with a value": "~=1",
    "only dots": "...=1",
    "no key": "=1",
    "NUL": "a=\u0000",
    "half a pair": "a=\udc80",
    "an unknown tag": "a=!!python/name:os.system",
    "an open quote": "a={b:'",
    "a list's item that is not there": "data_augmentation.99.x=1",
    "below a value": "operation_mode.a.b.c=1",
}


def _refused(text, *overrides):
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load.parse(text, overrides)
    assert time.process_time() - start < _AT_ONCE_S
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 60_000
    return str(caught.value)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_costs_too_much_is_refused_at_once(name):
    _refused(TEXTS[name])


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_override_that_costs_too_much_is_refused_at_once(name):
    _refused(TINY, OVERRIDES[name])


def test_more_overrides_than_any_command_line_has():
    assert "overrides" in _refused(TINY, *["general.project_name=x"] * 5000)


def test_references_that_expand_little_resolve():
    text = "a: {b: [x, y], name: one}\none: ${a.b[1]}${.a.name}\nc: ${${a.name}}\nd: ${a}\n"
    found = load.resolve(text + "e: ${d.name}\nf: '\\${a}'\nk: {v: '${..a.name}'}")
    assert (found["one"], found["c"], found["d"]["b"], found["e"]) == (
        "yone",
        "yone",
        ["x", "y"],
        "one",
    )
    assert (found["f"], found["k"]["v"]) == ("${a}", "one")


def test_scalars_are_those_of_yaml_1_2():
    text = "a: 10:50\nb: 2020-01-01\nc: 1e3\nd: 0x1F\ne: 0o17\nf: 1_000\ng: -.5\nh: +1.\ni: yes"
    assert load.resolve(text) | {"hydra": None} == {
        "a": "10:50",
        "b": "2020-01-01",
        "c": 1000.0,
        "d": 31,
        "e": 15,
        "f": 1000,
        "g": -0.5,
        "h": 1.0,
        "i": True,
        "hydra": None,
    }


def test_a_part_that_an_alias_repeats_is_changed_once():
    found = load.resolve("a: &a {x: 1}\nb: *a", ["a.x=2"])
    assert (found["a"]["x"], found["b"]["x"]) == (2, 1)


def _fifo(path):
    import os

    os.mkfifo(path)


FILES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": _fifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "UTF-16": lambda path: path.write_text("a: 1", encoding="utf-16"),
    "a file that is not text, from byte 3 on": lambda path: path.write_bytes(b"a: \xff"),
    "1 MB": lambda path: path.write_bytes(b"#" * 2_000_000),
    "no such file": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("found", FILES)
def test_a_file_that_is_no_config_is_named_for_what_it_is(found, tmp_path):
    path = tmp_path / "config.yaml"
    FILES[found](path)
    with pytest.raises(ConfigError) as caught:
        load.load(path)
    assert found in str(caught.value) or "symbolic links" in str(caught.value)


def test_a_name_that_is_too_long_is_told(tmp_path):
    with pytest.raises(ConfigError, match="too long"):
        load.load(load.find_config(tmp_path, "n" * 300))


_PIECES = """ ~ 1 -0 1e999 .inf .nan 0x 1:59 << *a &a !!int ${ ${a} ${b.c}${a} ${.} ${now:} ???
${env:X,} ' " { } [ ] : # \t | > % --- a b c a:\x20 general:\x20 \u202e \ufeff \x7f é 😀"""
_SCALARS = st.sampled_from(["", "\n", "  ", "- ", "b: ", "9" * 30, *_PIECES.split(" ")])


@settings(max_examples=150, deadline=None)
@given(st.lists(_SCALARS, max_size=25).map("".join), st.lists(_SCALARS, max_size=8).map("".join))
def test_whatever_is_written_is_read_or_refused(text, override):
    for overrides in ((), (override,), (f"~{override}",), (f"a={override}",)):
        try:
            assert isinstance(load.resolve(text, overrides), dict)
            load.parse(text, overrides)
        except ConfigError as error:
            assert str(error)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**17), 10**17)
            | st.text(max_size=10).filter(lambda text: "${" not in text and text.isprintable())
            | st.floats(allow_nan=False),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner)
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_what_is_dumped_is_read_back(data):
    found = load.resolve(yaml.safe_dump(data, allow_unicode=True))
    assert {key: found[key] for key in data} == data
