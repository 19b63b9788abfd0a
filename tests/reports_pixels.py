"""What can be seen of a page: the colours of its places, as the browser painted them."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Browser, Page

# Of each box (x, y, width, height, wanted colours): how many colours are there, and whether a wanted one is.
COLOURS = """async ([png, boxes]) => {
  const image = new Image(); image.src = "data:image/png;base64," + png; await image.decode();
  const canvas = document.createElement("canvas"); canvas.width = image.width; canvas.height = image.height;
  const paper = canvas.getContext("2d", {willReadFrequently: true}); paper.drawImage(image, 0, 0);
  return boxes.map(([x, y, w, h, wanted]) => {
    const seen = new Set(), p = paper.getImageData(Math.floor(x), Math.floor(y), Math.ceil(w) || 1, Math.ceil(h) || 1).data;
    for (let i = 0; i < p.length; i += 4) seen.add(`rgb(${p[i]}, ${p[i + 1]}, ${p[i + 2]})`);
    return [seen.size, !wanted.length || wanted.some(colour => seen.has(colour))];
  });
}"""
# Of each visible element: a name, its box on the whole page, and the colours of its marks.
PLACES = """wanted => [...document.querySelectorAll(wanted)].filter(e => e.checkVisibility() && !e.closest(".vh")).map(e => {
  const box = e.getBoundingClientRect(), colours = new Set();
  for (const mark of e.querySelectorAll("path,rect,circle,line")) {
    const style = getComputedStyle(mark);
    for (const paint of [style.fill, style.stroke]) if (paint.startsWith("rgb(")) colours.add(paint);
  }
  return [e.getAttribute("aria-label") || e.textContent.trim().slice(0, 60),
          box.x + scrollX, box.y + scrollY, box.width, box.height, [...colours]];
})"""


def unseen(browser: Browser, tab: Page, selector: str) -> tuple[list[str], int]:
    """The places of one colour, or without that of their marks; and how many were looked at."""
    places: list[list[Any]] = tab.evaluate(PLACES, selector)
    png = base64.b64encode(tab.screenshot(full_page=True, animations="disabled")).decode()
    size = tab.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    inside = [place for place in places if place[1] < size[0] and place[2] < size[1] and place[1] + place[3] > 0]
    with browser.new_context() as context:
        found = context.new_page().evaluate(COLOURS, [png, [place[1:] for place in inside]])
    names = [place[0] for place, (colours, held) in zip(inside, found, strict=True) if colours < 2 or not held]
    return names, len(inside)
