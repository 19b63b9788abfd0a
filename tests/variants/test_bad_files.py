"""Every bad file is refused by the check that is there for it, and the good ones go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import variants_support as make
from farm_orchestrator import variants
from farm_orchestrator.errors import UsageError
from farm_orchestrator.variants.records import Checked
from variants_corpus import EXPECTED, corpus


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The whole corpus beside one good baseline."""
    home = tmp_path_factory.mktemp("bad")
    folder = corpus(home / "corpus")
    yaml = "baseline: fp32\nvariants:\n"
    for name, shape in (("ext_ok", "[1, 4]"), ("gelu_op20", "[1, 4]"), ("nan_out", "[1, 4]"), ("endless_loop", "[1]")):
        yaml += f"  {name}: {{inputs: {{x: {{shape: {shape}, dtype: float32}}}}}}\n"
    yaml += "  bomb_constantofshape: {inputs: {x: {shape: [1, 1]}}}\n"
    yaml += "  type_no_kernel: {inputs: {x: {shape: [1, 1, 8, 8]}}}\n"
    yaml += "  double_conv: {inputs: {x: {dtype: float64, shape: [1, 1, 8, 8]}}}\n"
    yaml += "  fp16_conv: {inputs: {x: {shape: [1, 1, 8, 8]}}}\n"
    yaml += "  int_ids: {inputs: {ids: {shape: [1, 4]}}}\n"
    make.folder(folder, {"fp32": make.dense(64, 64)}, yaml)
    (home / "scratch").mkdir()
    return variants.check(variants.load([folder]), home / "scratch")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_file_of_the_corpus_gets_its_verdict(judged: Checked, name: str) -> None:
    expected = EXPECTED[name]
    refused = next((each for each in judged.refused if each.name == name), None)
    if expected.check is None:
        assert refused is None, refused
        assert name in {variant.name for variant in judged.variants}
    else:
        assert refused is not None
        assert (refused.check, expected.fragment in refused.text) == (expected.check, True), refused


def test_the_good_ones_go_on_and_nothing_else_does(judged: Checked) -> None:
    good = {name for name, expected in EXPECTED.items() if expected.check is None}
    assert {variant.name for variant in judged.variants} == {"fp32", *good}
    assert len(judged.refused) == len(EXPECTED) - len(good)


def test_every_refusal_names_its_file_on_one_line(judged: Checked) -> None:
    for each in judged.refused:
        assert each.file == f"{each.name}.onnx"
        assert "\n" not in str(each)


def test_external_data_travels_with_its_model(judged: Checked) -> None:
    variant = next(each for each in judged.variants if each.name == "ext_ok")
    assert [file.name for file in variant.files] == ["model.onnx", "ext_ok.data"]
    assert variant.bytes == sum(judged.files[file.sha256].stat().st_size for file in variant.files)


def test_a_flipped_byte_is_found_by_the_recorded_digest(tmp_path: Path) -> None:
    folder = make.folder(tmp_path / "v", {"fp32": make.dense(64, 64), "int8": make.dense(64, 64)})
    (tmp_path / "s").mkdir()
    first = variants.check(variants.load([folder]), tmp_path / "s")
    recorded = {v.name: {file.name: file.sha256 for file in v.files} for v in first.variants}
    content = bytearray((folder / "int8.onnx").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "int8.onnx").write_bytes(bytes(content))
    again = variants.check(variants.load([folder]), tmp_path / "s", recorded)
    assert [(each.name, each.check) for each in again.refused] == [("int8", 4)]
    assert "sha256" in again.refused[0].text


def test_a_symbolic_link_a_folder_and_a_fifo_are_no_model_files(tmp_path: Path) -> None:
    folder = make.folder(tmp_path / "v", {"fp32": make.dense()})
    (folder / "soft.onnx").symlink_to(folder / "fp32.onnx")
    (folder / "dangling.onnx").symlink_to(folder / "nowhere")
    (folder / "dir.onnx").mkdir()
    os.mkfifo(folder / "fifo.onnx")
    (tmp_path / "s").mkdir()
    checked = variants.check(variants.load([folder]), tmp_path / "s")
    assert {each.name: each.check for each in checked.refused} == dict.fromkeys(("soft", "dangling", "dir", "fifo"), 1)


def test_a_refused_baseline_that_was_named_stops_everything(tmp_path: Path) -> None:
    folder = make.folder(tmp_path / "v", {"fp32": b"", "int8": make.dense()}, "baseline: fp32\n")
    (tmp_path / "s").mkdir()
    with pytest.raises(UsageError, match=r"baseline cannot run: fp32 \(fp32.onnx\): is empty.*\n.*--baseline"):
        variants.check(variants.load([folder]), tmp_path / "s")


def test_a_refused_baseline_that_was_guessed_is_guessed_again(tmp_path: Path) -> None:
    models = {"big": make.dense(64, 64).SerializeToString()[:-50], "small": make.dense(8), "medium": make.dense(16, 8)}
    folder = make.folder(tmp_path / "v", models)
    (tmp_path / "s").mkdir()
    found = variants.load([folder])
    assert (found.baseline, found.guessed) == ("big", True)
    checked = variants.check(found, tmp_path / "s")
    assert checked.baseline == "medium"
    assert [each.name for each in checked.refused] == ["big", "small"]  # small takes other inputs than medium
    assert any("big cannot run" in text for text in checked.assumptions)


def test_the_file_on_disk_may_change_after_it_was_read(tmp_path: Path) -> None:
    folder = make.folder(tmp_path / "v", {"fp32": make.dense(64, 64)})
    (tmp_path / "s").mkdir()
    checked = variants.check(variants.load([folder]), tmp_path / "s")
    before = checked.variants[0].files[0]
    (folder / "fp32.onnx").write_bytes(b"something else")
    kept = checked.files[before.sha256]
    assert kept.is_relative_to(tmp_path / "s")
    assert kept.stat().st_size == before.size


def test_text_from_a_model_reaches_no_terminal_unescaped(tmp_path: Path) -> None:
    bad = make.dense()
    bad.graph.node[0].op_type = "\x1b[31mRed\x07"
    folder = make.folder(tmp_path / "v", {"fp32": make.dense(), "red": bad})
    (tmp_path / "s").mkdir()
    refused = variants.check(variants.load([folder]), tmp_path / "s").refused
    assert len(refused) == 1
    assert str(refused[0]).isprintable()
