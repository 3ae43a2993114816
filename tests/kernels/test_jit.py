"""Compiled code on disk is used again, and only where nothing of the package has changed since."""

import importlib.util
import uuid
from pathlib import Path

import pytest
from numba import types

from mcsgd.kernels import jit

MODULE = """
def twice(x):
    return 2 * x

def nothing(x):
    pass
"""


@pytest.fixture
def module(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    spec = importlib.util.spec_from_file_location("module", tmp_path / "module.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def used_again(dispatcher):
    """Whether the machine code came from the disk."""
    (hits,) = dispatcher.stats.cache_hits.values() or [0]
    return hits == 1


@pytest.mark.parametrize("make", [jit.jit, jit.jit_sum, jit.inline])
def test_kept_until_the_package_changes(module, make, monkeypatch):
    def run():
        dispatcher = make(module.twice)
        assert dispatcher(3) == 6
        return used_again(dispatcher)

    assert [run(), run()] == [False, True]
    monkeypatch.setattr(jit, "_stamp", lambda: "another")
    assert [run(), run()] == [False, True]


@pytest.mark.parametrize("make", [jit.jit, jit.inline])
@pytest.mark.parametrize("caller", [jit.jit_sum, jit.user_jit])
def test_flags_of_a_caller_are_not_taken_over(make, caller, monkeypatch):
    """Else the bits of a function would depend on which of its callers is compiled first."""
    stamp = uuid.uuid4().hex  # nothing from the disk: numba does not show its code
    monkeypatch.setattr(jit, "_stamp", lambda: stamp)

    @make
    def called(x):
        return x + x * x

    @caller
    def calling(x):
        return called(x) + x

    assert calling(2.0) == 8.0
    (code,) = called.inspect_llvm().values()
    assert "reassoc" in calling.inspect_llvm()[calling.signatures[0]]
    assert "fadd double" in code
    assert "reassoc" not in code


def test_compiled_for_given_types(module, monkeypatch):
    def run():
        jit.compile_for.cache_clear()
        return used_again(jit.compile_for(module.nothing, types.int64))

    assert [run(), run()] == [False, True]
    monkeypatch.setattr(jit, "_stamp", lambda: "another")
    assert [run(), run()] == [False, True]
    with pytest.raises(TypeError, match="No matching definition"):
        jit.compile_for(module.nothing, types.int64)("text")


def test_index_of_another_version_is_not_read(module):
    """It may name classes that there are no more: reading it would fail."""
    dispatcher = jit.jit(module.twice)
    dispatcher(3)
    index = dispatcher._cache._cache_file._index_path
    with open(index, "rb") as file:
        content = file.read()
    with open(index, "wb") as file:
        file.write(content[: len(content) // 2].replace(jit._stamp().encode(), b"0" * 64) + b"garbage")
    again = jit.jit(module.twice)
    assert again(3) == 6
    assert not used_again(again)


def test_two_processes_that_compile_at_once(module, monkeypatch):
    """Neither sees the other's in the index; what is found of either is its own."""

    def make():
        return jit.jit(module.twice)._cache._cache_file

    one, other, later = make(), make(), make()
    one.flush()
    monkeypatch.setattr(jit._File, "_sweep", lambda self: None)  # that comes before either writes
    other.save("types of the other", "code of the other")
    with monkeypatch.context() as patch:
        patch.setattr(one, "_load_index", dict)  # read before the other wrote it
        one.save("types of one", "code of one")
    assert later.load("types of one") == "code of one"
    assert later.load("types of the other") is None
    with monkeypatch.context() as patch:
        patch.setattr(other, "_load_index", dict)
        patch.setattr(other, "_save_data", lambda *_: None)  # the one's is written last
        other.save("types of the other", "code of the other")
    assert later.load("types of the other") == "code of the other"


def test_killed_between_the_index_and_the_code(module, monkeypatch):
    """What was of another version of the package is not found under the new one's name."""
    before = jit.jit(module.twice)._cache._cache_file
    before.save("types", "code of before")
    monkeypatch.setattr(jit, "_stamp", lambda: "another")
    after = jit.jit(module.twice)._cache._cache_file
    with monkeypatch.context() as patch:
        patch.setattr(after, "_sweep", lambda: None)  # as if it was written since
        patch.setattr(after, "_save_data", lambda *_: None)
        after.save("types", "code of after")
    assert after.load("types") is None


def test_void_code_is_removed(module, monkeypatch):
    def kept():
        file = jit.jit(module.twice)._cache._cache_file
        for types_of in ("one", "other"):
            file.save(types_of, "code")
        return {path.name for path in Path(file._cache_path).glob(f"{file._name}.*.nbc")}

    before = kept()
    assert len(before) == 2
    assert kept() == before
    monkeypatch.setattr(jit, "_stamp", lambda: "another")
    after = kept()
    assert len(after) == 2
    assert not after & before


def test_stamp_is_the_same_for_the_same_files():
    before = jit._stamp()
    assert len(before) == 64
    jit._stamp.cache_clear()
    assert jit._stamp() == before
