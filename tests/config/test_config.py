"""Settings: who wins, what is refused, what is never written down."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_orchestrator import config
from farm_orchestrator.addresses import without_password
from farm_orchestrator.config import Settings
from farm_orchestrator.errors import StoreError, UsageError


def load(folder: Path, text: str | None = None, env: dict[str, str] | None = None, **flags: str) -> Settings:
    if text is not None:
        (folder / "farm.yaml").write_text(text)
    return config.load(cwd=folder, env=env or {}, **flags)


def refusal(folder: Path, text: str | None = None, env: dict[str, str] | None = None, **flags: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(folder, text, env, **flags)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_with_nothing_given_everything_lies_in_the_folder_of_the_command(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings(
        home=tmp_path / ".farm",
        store=f"sqlite:///{tmp_path}/.farm/farm.db",
        broker=f"{tmp_path}/.farm/broker",
        runs=tmp_path / "runs",
        preset="standard",
        inventory=None,
    )


def test_flags_win_over_variables_over_the_file_over_defaults(tmp_path: Path) -> None:
    text = "preset: quick\ninventory: file.yaml\nruns: from-file\n"
    env = {"FARM_PRESET": "ci", "FARM_INVENTORY": "env.yaml"}
    assert load(tmp_path, text).preset == "quick"
    assert load(tmp_path, env=env).preset == "ci"
    assert load(tmp_path, env=env, preset="mlperf").preset == "mlperf"
    found = load(tmp_path, env=env, inventory="flag.yaml")
    assert (found.inventory, found.runs) == (tmp_path / "flag.yaml", tmp_path / "from-file")


def test_an_empty_variable_is_no_variable(tmp_path: Path) -> None:
    assert load(tmp_path, "preset: quick\n", {"FARM_PRESET": ""}).preset == "quick"


def test_a_variable_may_name_a_file_that_holds_the_value(tmp_path: Path) -> None:
    secret = "redis://farmw:hunter2@redis:6379/0"
    (tmp_path / "broker").write_text(f"{secret}\n")
    (tmp_path / "preset").write_text(" quick \n")
    env = {"FARM_BROKER_FILE": str(tmp_path / "broker"), "FARM_PRESET_FILE": "preset"}
    assert load(tmp_path, "broker: hints\n", env).broker == secret
    assert load(tmp_path, env=env).preset == "quick"
    assert load(tmp_path, env=env, preset="mlperf").preset == "mlperf"


def test_a_variable_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("redis://h/0")
    env = {"FARM_BROKER": "redis://:hunter2@h/1", "FARM_BROKER_FILE": str(tmp_path / "broker")}
    said = refusal(tmp_path, env=env)
    assert said.startswith("FARM_BROKER and FARM_BROKER_FILE are both set")
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "secret cannot be read: No such file or directory"),
        (b"\xff\xfe", "secret cannot be read: no UTF-8"),
        (b" \n", "secret is empty"),
        (b"amqp://me:hunter2@h", "must be a folder or redis://, rediss://, redis+socket://, not amqp://"),
    ],
)
def test_a_file_that_holds_no_value_is_named_without_repeating_it(
    tmp_path: Path, content: bytes | None, text: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    said = refusal(tmp_path, env={"FARM_BROKER_FILE": "secret"})
    assert said.startswith("FARM_BROKER_FILE: ")
    assert text in said
    assert "hunter2" not in said


@pytest.mark.parametrize(("ci", "preset"), [("true", "ci"), ("1", "ci"), ("false", "standard"), ("", "standard")])
def test_in_continuous_integration_the_preset_is_ci(tmp_path: Path, ci: str, preset: str) -> None:
    assert load(tmp_path, env={"CI": ci}).preset == preset


def test_paths_of_the_file_start_at_the_file_and_paths_of_flags_where_the_command_stands(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "farm.yaml").write_text("inventory: fleet.yaml\nstore: sqlite:///data/x.db\nbroker: hints\n")
    found = load(deep)
    assert (found.home, found.runs) == (tmp_path / ".farm", tmp_path / "runs")
    assert (found.store, found.broker) == (f"sqlite:///{tmp_path}/data/x.db", f"{tmp_path}/hints")
    assert found.inventory == tmp_path / "fleet.yaml"
    assert load(deep, inventory="fleet.yaml").inventory == deep / "fleet.yaml"


def test_farm_home_overrides_the_state_folder(tmp_path: Path) -> None:
    assert load(tmp_path, env={"FARM_HOME": "/state"}).store == "sqlite:////state/farm.db"
    assert load(tmp_path, env={"FARM_HOME": "state"}).home == tmp_path / "state"


def test_a_file_of_a_stranger_in_a_folder_above_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "farm.yaml").write_text("preset: quick\n")
    (tmp_path / "sub").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "farm.yaml", 54321, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert load(tmp_path / "sub").preset == "standard"
    assert load(tmp_path).preset == "quick"


def test_a_wrong_file_is_told_by_line_and_column_with_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = refusal(tmp_path, "inventry: x\npreset: quik\n")
    assert text.startswith("farm.yaml:1:1: inventry: there is no such key")
    assert "did you mean 'inventory'?" in text
    assert (
        "farm.yaml:2:9: preset: must be one of quick, ci, standard, mlperf, not 'quik'; did you mean 'quick'?" in text
    )


@pytest.mark.parametrize("key", ["anchors"])
def test_keys_of_later_work_are_unknown(tmp_path: Path, key: str) -> None:
    assert f"{key}: there is no such key" in refusal(tmp_path, f"{key}: {{}}\n")


@pytest.mark.parametrize(
    "broker",
    ["redis://:hunter2@h/0", "rediss://farm:hunter2@h:6380/0", "redis+socket:///run/r.sock?password=hunter2",
     "redis://h/0?PASSWORD=hunter2"],
)  # fmt: skip
def test_a_password_in_the_file_is_refused_without_repeating_it(tmp_path: Path, broker: str) -> None:
    text = refusal(tmp_path, f"broker: {broker}\n")
    assert "set FARM_BROKER instead" in text
    assert "hunter2" not in text
    assert load(tmp_path, "preset: ci\n", {"FARM_BROKER": broker}).broker == broker


def test_a_user_without_a_password_may_stand_in_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "broker: rediss://farm@h:6380/0\n").broker == "rediss://farm@h:6380/0"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("STORE", "postgresql://me:hunter2@h/db", "must begin with postgresql+psycopg://"),
        ("STORE", "postgresql+psycopg://me:hunter2@h", "names no database"),
        ("STORE", "postgresql+psycopg://me:hunter2@h:port/db", "is no URL"),
        ("STORE", "mysql://me:hunter2@h/db", "must be sqlite:///FILE"),
        ("BROKER", "rediss://me:hunter2@h/0?ssl_cert_reqs=none", "rediss:// takes ssl_ca_certs=FILE"),
        ("BROKER", "rediss://me:hunter2@h/0?ssl_ca_certs=", "rediss:// takes ssl_ca_certs=FILE"),
        ("STORE", "sqlite://", "must be sqlite:///FILE"),
        ("STORE", "sqlite:///:memory:", "must be sqlite:///FILE"),
        ("STORE", "sqlite:///x.db?mode=ro", "must be sqlite:///FILE"),
        ("BROKER", "amqp://me:hunter2@h", "must be a folder or redis://, rediss://, redis+socket://, not amqp://"),
        ("BROKER", "redis:///0", "names no host"),
        ("BROKER", "redis://h:port", "is no URL"),
        ("BROKER", "redis+socket://", "names no socket"),
        ("PRESET", "fast", "must be one of quick, ci, standard, mlperf"),
        ("RUNS", " ", "must be a path"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, text: str) -> None:
    said = refusal(tmp_path, env={f"FARM_{name}": value})
    assert said.startswith(f"FARM_{name}: {text}")
    assert "hunter2" not in said


def test_a_password_of_the_database_in_the_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    for url in ("postgresql+psycopg://me:hunter2@h/db", "postgresql+psycopg://h/db?sslpassword=hunter2"):
        text = refusal(tmp_path, f"store: {url}\n")
        assert "set FARM_STORE instead, or keep the password in ~/.pgpass" in text
        assert "hunter2" not in text
        assert load(tmp_path, "preset: ci\n", {"FARM_STORE": url}).store == url


def test_a_database_without_a_password_may_stand_in_the_file(tmp_path: Path) -> None:
    url = "postgresql+psycopg://farm@h:5433/db?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    found = load(tmp_path, f"store: {url}\n")
    assert (found.store, found.shared, load(tmp_path, "preset: ci\n").shared) == (url, True, False)


def test_a_farm_of_several_machines_needs_a_broker_that_they_all_reach(tmp_path: Path) -> None:
    found = load(tmp_path, env={"FARM_STORE": "postgresql+psycopg://me:hunter2@h/db"})
    with pytest.raises(UsageError) as caught:
        config.check_client(found)
    assert "the broker is a folder of this one" in str(caught.value)
    assert "FARM_BROKER" in str(caught.value)
    config.check_client(load(tmp_path, env={"FARM_STORE": found.store, "FARM_BROKER": "redis://h/0"}))


@pytest.mark.parametrize(
    ("missing", "env"),
    [("psycopg", {"FARM_STORE": "postgresql+psycopg://me:hunter2@h/db", "FARM_BROKER": "redis://h/0"}),
     ("redis", {"FARM_BROKER": "redis://me:hunter2@h/0"})],
)  # fmt: skip
def test_a_client_that_is_not_installed_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, env: dict[str, str]
) -> None:
    for module in ("addresses", "config"):
        monkeypatch.setattr(f"farm_orchestrator.{module}.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(UsageError) as caught:
        config.check_client(load(tmp_path, env=env))
    assert "pip install 'benchfarm[shared]'" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_files_of_tls_start_at_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "farm.yaml").write_text(
        "broker: rediss://farm@h:6380/0?ssl_ca_certs=tls/ca.pem&ssl_certfile=/etc/me.crt\n"
    )
    url = f"rediss://farm@h:6380/0?ssl_ca_certs={tmp_path}/tls/ca.pem&ssl_certfile=/etc/me.crt"
    assert load(tmp_path / "sub").broker == url


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, preset="quik").startswith("--preset: must be one of")


def test_settings_pass_through_one_line_of_json_and_hide_the_password_when_printed(tmp_path: Path) -> None:
    store = "postgresql+psycopg://me:hunter2@h/db"
    found = load(tmp_path, env={"FARM_BROKER": "redis://me:hunter2@h:1/0", "FARM_STORE": store}, inventory="i.yaml")
    assert Settings.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert "hunter2" not in repr(found)


@given(st.text("abc:@/?&=%#", max_size=20), st.text("xyz:@%#/", max_size=8))
def test_a_shown_address_never_holds_its_password(rest: str, password: str) -> None:
    assert "SECRET" not in without_password(f"redis://me:{password}SECRET@h/{rest}")


def test_a_password_that_breaks_the_url_is_not_quoted_by_the_error(tmp_path: Path) -> None:
    said = refusal(tmp_path, env={"FARM_BROKER": "redis://me:hunter2#x@h/0"})
    assert "hunter2" not in said
    assert "percent-encode" in said


def test_the_state_folder_is_open_to_its_user_alone(tmp_path: Path) -> None:
    settings = load(tmp_path)
    settings.home.mkdir(mode=0o755)
    assert config.make_home(settings).stat().st_mode & 0o777 == 0o700


def test_loading_settings_writes_nothing(tmp_path: Path) -> None:
    load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_state_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="set FARM_HOME to a folder you may write"):
        config.make_home(load(tmp_path, env={"FARM_HOME": str(tmp_path / "file" / "x")}))


def test_boards_come_from_the_inventory_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_text("boards: {a: , b: }")
    settings = load(tmp_path, "inventory: i.yaml\n")
    assert [board.name for board in config.boards(settings, "b")] == ["b"]
    with pytest.raises(UsageError, match="no board matches 'c'"):
        config.boards(settings, "c")
    assert [board.name for board in config.boards(load(tmp_path, "{}"))] == ["local"]


def test_without_an_inventory_boards_are_named_as_ssh_knows_them(tmp_path: Path) -> None:
    found = config.boards(load(tmp_path, "{}"), "pi@rpi5.local,jetson:2222,local")
    assert [(board.name, board.user, board.port) for board in found] == [
        ("rpi5.local", "pi", None), ("jetson", None, 2222), ("local", None, None),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="there is none; name the boards themselves"):
        config.boards(load(tmp_path, "{}"), "rpi5-*")


def test_the_schema_accepts_what_the_farm_accepts() -> None:
    check = jsonschema.Draft202012Validator(config.schema())
    assert check.is_valid({"preset": "ci", "broker": "redis://h/0", "runs": "out"})
    assert check.is_valid({"budgets": {"latency_p50": "+5%"}})
    assert not check.is_valid({"anchors": {}})
