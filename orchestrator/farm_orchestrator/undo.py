"""Clean-up after what was begun and did not come to its end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def on_error(undo: Callable[[], object]) -> Iterator[None]:
    """Whatever ends the block before its last line, also Ctrl-C, is followed by `undo`."""
    with ExitStack() as stack:
        stack.callback(undo)
        yield
        stack.pop_all()
