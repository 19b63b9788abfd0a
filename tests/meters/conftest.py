"""What a test of the meters opened ends with it."""

from engine_support import farms_end

__all__ = ["farms_end"]
