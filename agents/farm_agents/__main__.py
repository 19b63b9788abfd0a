"""The agent's command line: the supervisor by default; the runner, the sampler, the runtime's probe, the installer, farm-tune as roles."""

import sys
from importlib import import_module

ROLES = {
    "runner": "farm_agents.runner",
    "sampler": "farm_agents.sampler",
    "probe": "farm_agents.probe",
    "install": "farm_agents.install",
}
USAGE = (
    "usage: agent [--runner PATH] | agent runner|probe [--site PATH] | agent sampler|install | agent tune ...; "
    "JSON lines on standard input\n"
)


def main() -> int:
    """Each role loads its own modules only: a launch must not pay for the supervisor's."""
    words = sys.argv[1:]
    if words[:1] == ["tune"]:
        return int(import_module("farm_agents.tune").main(words[1:]))
    if len(words) == 3 and words[1] == "--site":
        sys.path.insert(0, words[2])  # before anything of it is imported
        words = words[:1]
    if len(words) == 1 and words[0] in ROLES:
        return int(import_module(ROLES[words[0]]).main())
    if not words or (len(words) == 2 and words[0] == "--runner"):
        return int(import_module("farm_agents.supervisor").main(stand_in=words[1] if words else None))
    sys.stderr.write(USAGE)
    return 2


if __name__ == "__main__":
    sys.exit(main())
