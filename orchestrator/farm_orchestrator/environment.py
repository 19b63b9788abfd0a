"""What of this process's environment a command of somebody else gets."""

import os

SECRETS = ("FARM_STORE", "FARM_BROKER", "FARM_NOTIFY_WEBHOOK", "PGPASSWORD")  # and what begins so


def for_strangers() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
