"""What a command says of a finished run: `outcome_support.py NAME` prints that of an odd run, as the command would."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from farm_orchestrator.cli.outcome import say
from farm_orchestrator.run.request import Finished
from odd_support import ODD

if __name__ == "__main__":
    results = ODD[sys.argv[1]]().results
    say(Finished(results.run.id, 0, results, Path("runs") / results.run.id), as_json=sys.argv[2:] == ["--json"])
