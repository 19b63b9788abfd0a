"""`--detach`: the run is handed over to the workers of a shared farm, and nobody stands behind it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import config
from farm_orchestrator.errors import UsageError
from farm_orchestrator.reconcile import reconcile
from farm_orchestrator.run.announce import announce, title
from farm_orchestrator.run.clocks import climb
from farm_orchestrator.run.command import past
from farm_orchestrator.run.engines import hints
from farm_orchestrator.run.held import tell_beatless, tell_held
from farm_orchestrator.run.kept import check
from farm_orchestrator.run.listing import shared_with
from farm_orchestrator.run.prepare import prepare, record
from farm_orchestrator.store import Store

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.look import Asked
    from farm_orchestrator.run.request import View


def hand_over(asked: Asked, settings: Settings, view: View) -> str:
    """The id of the run. Raises UsageError where no worker would measure it."""
    if not settings.shared:
        raise UsageError(
            "--detach: the farm of one machine measures as long as its command lives",
            mend="leave --detach out; a farm whose `store` is a PostgreSQL server has workers of its own: farm worker",
        )
    config.check_client(settings)
    config.make_home(settings)
    asked = climb(asked, settings, view.message)
    check(asked, settings)
    with tempfile.TemporaryDirectory(prefix="farm-") as scratch, Store.open(settings.store, tell=view.message) as store:
        kick = hints(settings, store, view.message)
        prepared = prepare(asked, Path(scratch), *past(asked, store))
        view.start(title(prepared), announce(prepared))
        tell_held(store, prepared.boards, view.message)
        record(prepared, asked.request, store, settings)
        for line in shared_with(store, prepared.id):
            view.message(line)
        tell_beatless(store, prepared.id, view.message)
        view.finish()
        reconcile(store, kick)
    return prepared.id
