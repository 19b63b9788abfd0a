"""A page taken apart: its tags, and its text."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Every start tag with its attributes, the text of scripts and styles, and all other text outside `skip`."""

    def __init__(self, html: str, *, skip: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self.inside = ""
        self.skipped: list[str] = []
        self.skip = skip
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.inside = tag if tag in self.raw else ""
        if tag in self.skip:
            self.skipped.append(tag)
        if self.inside:
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        if self.skipped and self.skipped[-1] == tag:
            self.skipped.pop()

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.raw[self.inside][-1] += data
        elif not self.skipped:
            self.words.append(data)
