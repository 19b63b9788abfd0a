"""Hints on a Redis: queues that stay short; what somebody else put there that is no message is dropped, and stops nobody."""

import logging
from queue import Empty
from typing import Any

from kombu.transport import redis

WAITING = 1024  # hints in a queue, some for each of 500 boards; of more the oldest go: they were sent again
FORGOTTEN_MS = 600_000  # by the clock of the Redis alone: a queue that got no hint for so long has no workers
LOG = logging.getLogger(__name__)


class RedisChannel(redis.Channel):
    def _put(self, queue: str, message: Any, **options: Any) -> None:
        super()._put(queue, message, **options)  # type: ignore[no-untyped-call]  # kombu has no types
        with self.conn_or_acquire() as client, client.pipeline() as pipe:
            pipe.ltrim(f"{self.global_keyprefix}{queue}", 0, WAITING - 1)  # kombu prefixes the commands that it knows
            pipe.pexpire(queue, FORGOTTEN_MS)
            pipe.execute()

    def _brpop_read(self, **options: Any) -> Any:
        """The worker would end over bytes that are no JSON, or a JSON that is no message."""
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]  # kombu has no types
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            LOG.warning("dropped what is no message from the broker: %s: %.200s", type(error).__name__, error)
            raise Empty from error


class RedisTransport(redis.Transport):
    Channel = RedisChannel


class SocketTransport(RedisTransport):
    """Of a Redis on a socket of this machine: the address stays as it is, for kombu to read the path from."""

    can_parse_url = True
