"""Runs whose texts all carry something that tries to be more than text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from farm_reports.results import Results
from reports_support import Made

PLAIN = " and plain words"
HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)></style></title></textarea><!--",
    "quotes": '"\' onload=\'x" autofocus="',
    "ends": "]]>&amp;&#0;&lt;{{ 7*7 }}{% x %}",
    "markdown": "`|*_~[a](javascript:b)\\",
    "addresses": "javascript:alert(1) data:text/html,x https://example.org/x.js",
    "overrides": "\u202edlrow\u2066olleh\u202d\u2067x\u200e\u200f\u061c",
    "leftward": "\u05e9\u05dc\u05d5\u05dd 12 \u0645\u0631\u062d\u0628\u0627",
    "unseen": "a\u200bb\u200dc\ufeffd\u00ade\u2060f",
    "controls": "\x00\x07\x1b[31m\x7f\u0085\ufffe",
    "halves": "\ud800 and \udc00",
    "lines": "one\r\ntwo\u2028three\u2029four\tfive",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1ea\U0001f1fa e\u0301\u0302\u0303\u0304",
    "long": " x" + "w" * 10_000,
}
NAMES = {"baseline", "board", "boards", "name", "tied", "variant"}
# What results.json holds as free text; a reference to a name is changed as the name is.
FREE = NAMES | {
    "agent", "anchor", "arch", "differences", "do", "energy_reason", "farm_version", "file", "fingerprint",
    "git", "headline", "held_reason", "id", "kernel", "line", "model", "note", "onnxruntime", "op", "original", "parent",
    "python", "reason", "recipe", "rows_reason", "run", "sentence", "sha", "sha256", "source", "statement", "text", "type", "why",
}  # fmt: skip


def with_texts(made: Made, mark: str) -> Made:
    """The same run with `mark` at the end of every free text. Names get no backtick, in which the page writes commands."""
    document = _marked(made.results.model_dump(by_alias=True), mark)
    named = _of_names(mark)
    keys = {(board + named, variant + named, point): found for (board, variant, point), found in made.samples.items()}
    return replace(made, results=Results.model_validate(document), samples=keys)


def _marked(document: Any, mark: str, key: str = "") -> Any:
    if isinstance(document, dict):
        return {name: _marked(inside, mark, name) for name, inside in document.items()}
    if isinstance(document, list):
        return [_marked(inside, mark, key) for inside in document]
    free = isinstance(document, str) and document and key in FREE
    return document + (_of_names(mark) if key in NAMES else mark) if free else document


def _of_names(mark: str) -> str:
    return mark.replace("`", "")
