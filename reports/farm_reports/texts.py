"""What a text from elsewhere may do to the text around it: nothing."""

from __future__ import annotations

import re

# What is not seen and rules over what is: controls, halves of characters, marks that turn the direction of their neighbours.
RULING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
LEFTWARD = "\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
RUN = re.compile(f"[{LEFTWARD}]+(?:[ ,.:;/_-]+[{LEFTWARD}]+)*")
UNSEEN = "\ufffd"
ISOLATE, RELEASE = "\u2068", "\u2069"


def harmless(document: str) -> str:
    """The finished text, HTML or not: ruling characters are made visible, and what is read leftward stays by itself.

    Both work on single characters that no format gives a meaning, so no place of the document is left out.
    """
    return RUN.sub(lambda run: f"{ISOLATE}{run[0]}{RELEASE}", RULING.sub(UNSEEN, document))
