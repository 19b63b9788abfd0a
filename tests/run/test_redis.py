"""The same run with its hints on a Redis that is killed and wiped in the middle."""

from redis_support import PrivateRedis
from run_support import ONE, Desk, broken_promises, heard, nothing_left, started, wait_for


def test_a_redis_that_dies_with_all_it_knows_costs_nothing(desk: Desk) -> None:
    with PrivateRedis() as redis:
        (desk.folder / "farm.yaml").write_text(f"broker: {redis.url}\n")
        command = desk.start(*ONE)
        wait_for(started(desk, 3), "some launches")
        redis.kill()
        redis.start()
        said = heard(command)
        assert said.code == 0, said.err
        assert not (desk.state / "broker").exists() or not list((desk.state / "broker").iterdir())
    assert broken_promises([row for row in desk.launches() if row["state"] != "superseded"]) == []
    wait_for(lambda: nothing_left(desk), "all processes to end")


def test_a_redis_that_is_not_there_is_told(desk: Desk) -> None:
    (desk.folder / "farm.yaml").write_text(f"broker: redis+socket://{desk.folder}/none\n")
    said = desk.farm(*ONE)
    assert said.code == 4
    assert "Redis" in said.err
    assert "Traceback" not in said.err
