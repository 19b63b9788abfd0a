"""A worker of many boards asks for the files it needs, and says when it may not have them."""

import subprocess
import sys

ASK = """
import logging, resource, sys
from farm_orchestrator.descriptors import enough_for
logging.basicConfig(stream=sys.stdout, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[2])))
print(enough_for(int(sys.argv[1])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def asked(boards: int, hard: int) -> str:
    words = [sys.executable, "-c", ASK, str(boards), str(hard)]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=120).stdout


def test_the_bound_is_raised_to_what_the_system_allows() -> None:
    assert asked(150, 1024) == "True 1024\n"


def test_a_bound_that_does_not_suffice_is_told_with_what_mends_it() -> None:
    said = asked(500, 1024)
    assert "500 boards at once need about 3100 open files and this process may have 1024" in said
    assert "LimitNOFILE" in said
    assert said.endswith("False 1024\n")
