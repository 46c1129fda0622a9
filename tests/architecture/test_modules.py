"""Modules are small, and every test says what it is about."""

import ast

from tests.architecture.checkout import functions_of, modules, name_of

LONGEST = 400


def test_no_module_grows_past_what_one_reads_at_once() -> None:
    """A file over the limit fails, with what to do."""
    sizes = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    long = [f"{name} has {lines} lines" for name, lines in sizes.items() if lines > LONGEST]
    assert not long, f"over {LONGEST} lines: {'; '.join(long)}. Split by what changes together, not by kind"


def test_every_test_says_in_a_sentence_what_it_shows() -> None:
    """A test function without a docstring is named."""
    files = [path for path in modules() if path.name.startswith("test_")]
    assert files
    silent = [f"{name_of(path)}::{test.name}" for path in files for test in functions_of(path) if not _sentence(test)]
    assert not silent, f"tests without a docstring: {', '.join(silent)}"


def _sentence(test: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(test) or "").strip()
