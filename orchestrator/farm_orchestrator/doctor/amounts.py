"""Sizes and durations as the doctor writes them."""

UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
SPANS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))


def size(count: float) -> str:
    """72 GB, 60 MB, 1.5 GB."""
    scale, unit = next((pair for pair in UNITS if count >= pair[0]), (1.0, "bytes"))
    value = count / scale
    return f"{value:.1f} {unit}" if value < 10 and scale > 1 else f"{value:.0f} {unit}"


def span(seconds: float) -> str:
    """1.0 days, 2.5 hours, 7 s."""
    scale, unit = next((pair for pair in SPANS if abs(seconds) >= 0.99 * pair[0]), (1.0, "s"))
    return f"{abs(seconds) / scale:.1f} {unit}" if scale > 1 else f"{abs(seconds):.0f} s"


def counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def version(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
