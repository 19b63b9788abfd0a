"""The mode of a run stands on its page: a burst and a sustained result are two figures."""

from __future__ import annotations

import dataclasses
import re

from farm_reports import exports, page
from farm_reports.results import Results
from farm_reports.sections import compare, data, header, trust, words
from farm_reports.sections.view import View
from reports_screens import measured
from reports_support import Made


def in_mode(mode: str) -> Made:
    made = measured()
    results: Results = made.results.model_copy(
        update={
            "run": made.results.run.model_copy(update={"mode": mode}),
            "cells": [
                cell.model_copy(update={"point": cell.point.model_copy(update={"mode": mode})})
                for cell in made.results.cells
            ],
        }
    )
    return dataclasses.replace(made, results=results)


def view(mode: str) -> View:
    made = in_mode(mode)
    return View(made.results, made.samples)


def test_the_top_of_the_page_says_preset_and_mode_and_a_strip_warns_of_the_rarer_one() -> None:
    for mode in ("burst", "sustained"):
        assert any(
            fact == f"preset {view(mode).results.run.preset}, {mode}" for fact in header.header(view(mode)).facts
        )
    assert not [strip for strip in header.strips(view("burst")) if strip.word == "Burst"]
    (strip,) = (strip for strip in header.strips(view("sustained")) if strip.word == "Sustained")
    assert "compares with one of a burst" in strip.text


def test_the_comparison_is_headed_by_a_sustained_mode() -> None:
    found = compare.compare(view("sustained"))
    assert found is not None
    assert found.heading.endswith(", sustained")
    burst = compare.compare(view("burst"))
    assert burst is not None
    assert "burst" not in burst.heading


def test_whoever_wants_to_trust_the_page_is_told_what_the_mode_means() -> None:
    for mode in ("burst", "sustained"):
        name, text = trust.trust(view(mode)).body.statements[0]
        assert name == "Mode"
        assert text.startswith(f"{mode}: each launch was ")
        assert text.endswith("neither is held against the other.")


def test_the_mode_stands_in_every_copy() -> None:
    made = in_mode("sustained")
    html = page.render(made.results, made.samples)
    assert html.count("sustained") >= 4
    assert "; mode sustained; " in exports.summary(made.results)
    assert made.results.document()["run"]["mode"] == "sustained"
    assert {cell["point"]["mode"] for cell in made.results.document()["cells"]} == {"sustained"}


def test_a_command_in_a_sentence_is_shown_as_code_and_stays_text() -> None:
    made = in_mode("burst")
    html = page.render(made.results, made.samples)
    assert "<code>farm boards calibrate</code> measures what it is" in html
    assert "`" not in re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)
    assert str(words.coded("`<b>` & `c")) == "<code>&lt;b&gt;</code> &amp; `c"


def test_the_command_that_makes_the_run_again_names_what_it_was_asked_for() -> None:
    assert "--mode" not in data.data(view("burst")).body.command
    assert " --mode sustained " in data.data(view("sustained")).body.command
    made = view("sustained")
    cells = [
        cell.model_copy(update={"point": cell.point.model_copy(update={"threads": 1 + number % 2})})
        for number, cell in enumerate(made.results.cells)
    ]
    swept = View(made.results.model_copy(update={"cells": cells}), made.samples)
    assert " --mode sustained --threads 1,2 " in data.data(swept).body.command
    held = [cell.model_copy(update={"point": cell.point.model_copy(update={"pin": "max"})}) for cell in cells]
    limited = made.results.run.model_copy(update={"memory_limit": 180_000_000})
    asked = View(made.results.model_copy(update={"cells": held, "run": limited}), made.samples)
    assert " --pin max --memory-limit 180000000B " in data.data(asked).body.command
    assert "--pin" not in data.data(View(made.results.model_copy(update={"cells": [*held, cells[0]]}), {})).body.command
