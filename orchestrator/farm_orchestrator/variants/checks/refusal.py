"""Why a file does not become a variant, and what follows when it is the baseline."""

from __future__ import annotations

from farm_inventory.problem import printable
from farm_orchestrator.variants.records import Refused

TEXT_LIMIT = 600


class Refusal(Exception):
    """`check` is the number of the check; `text` may quote the file and is made harmless."""

    def __init__(self, check: int, text: str, mend: str | None = None) -> None:
        plain = " ".join(printable(part) for part in text.split())
        super().__init__(plain[:TEXT_LIMIT])
        self.check = check
        self.text = plain[:TEXT_LIMIT]
        self.mend = mend


class BaselineRefused(Exception):
    """What everything is compared with cannot run."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused
