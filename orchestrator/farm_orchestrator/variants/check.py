"""From files a person has to variants that may be planned; no board is touched."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from farm_orchestrator.errors import UsageError
from farm_orchestrator.variants.checks.refusal import BaselineRefused
from farm_orchestrator.variants.records import Checked, Recorded, VariantSet
from farm_orchestrator.variants.sandbox import Sandbox


def check(found: VariantSet, scratch: Path, recorded: Mapping[str, Recorded] | None = None) -> Checked:
    """Judge every file by checks 1 to 8; `scratch` keeps the copies until they are put into the artefacts.

    Raises UsageError where variants.yaml does not fit the models, or the baseline is refused. A baseline that nobody
    named is guessed again among the rest. `recorded`: digests by variant that must not have changed.
    """
    try:
        return _once(found, scratch, recorded or {})
    except BaselineRefused as error:
        rest = tuple(entry for entry in found.entries if entry.name != error.refused.name)
        if not found.guessed or not rest:
            mend = "mend its file" + (", or name another with --baseline" if rest else "")
            raise UsageError(f"the baseline cannot run: {error.refused}", mend=mend) from None
        again = check(_guess_again(found, error.refused.name), scratch, recorded)
        return replace(again, refused=(error.refused, *again.refused))


def _once(found: VariantSet, scratch: Path, recorded: Mapping[str, Recorded]) -> Checked:
    folder = Path(tempfile.mkdtemp(prefix="variants-", dir=scratch))
    with Sandbox() as sandbox:  # its imports run beside ours
        from farm_orchestrator.variants.trial import prove

        return prove(found, folder, recorded, sandbox)


def _guess_again(found: VariantSet, lost: str) -> VariantSet:
    rest = tuple(entry for entry in found.entries if entry.name != lost)
    name = max(rest, key=lambda entry: entry.path.lstat().st_size).name
    assumption = f"the baseline is {name}, the largest file that is left: {lost} cannot run"
    return replace(found, entries=rest, baseline=name, assumptions=(assumption,))
