"""`python -m farm_orchestrator.cli` is `farm`."""

from farm_orchestrator.cli import main

main()
