() => {
  // WCAG 2 AA rules that can be told from the DOM; returns one line per breach.
  const found = [];
  const visible = e => e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });
  const clipped = e => { const b = e.getBoundingClientRect(); return b.width <= 1 || b.height <= 1; };
  const colour = text => { const p = text.match(/[\d.]+/g).map(Number); return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1]; };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = c => { const l = c.slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const ground = e => { const layers = []; for (let n = e; n && n.nodeType === 1; n = n.parentElement) { const c = colour(getComputedStyle(n).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; } return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]); };
  const say = (rule, e) => found.push(`${rule}: <${e.tagName.toLowerCase()} class="${e.getAttribute("class") || ""}"> ${(e.textContent || "").trim().slice(0, 40)}`);

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Map();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(e) || ["SCRIPT", "STYLE", "TITLE", "title"].includes(e.tagName)) continue;
    seen.set(e, true);
    if (!visible(e) || clipped(e)) continue;
    const style = getComputedStyle(e), svg = e.namespaceURI.includes("svg");
    const ink = over(colour(svg ? style.fill : style.color), ground(e));
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = contrast(ink, ground(svg ? e.ownerSVGElement.parentElement : e));
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, e);
  }

  for (const e of document.querySelectorAll("th")) if (!e.scope) say("header without scope", e);
  for (const e of document.querySelectorAll("table")) if (!e.tHead) say("table without head", e);
  for (const e of document.querySelectorAll("tr")) if (visible(e) && e.cells[0] && e.parentNode.tagName === "TBODY" && e.cells[0].tagName !== "TH") say("row without header", e);
  for (const e of document.querySelectorAll("input,select,textarea")) if (!e.labels.length && !e.ariaLabel) say("field without label", e);
  for (const e of document.querySelectorAll("button,a")) if (visible(e) && !e.textContent.trim() && !e.ariaLabel) say("control without name", e);
  for (const e of document.querySelectorAll("svg")) if (e.getAttribute("aria-hidden") !== "true" && !(e.getAttribute("role") === "img" && e.getAttribute("aria-label"))) say("drawing without name", e);
  for (const e of document.querySelectorAll("[role=region],nav,fieldset")) if (!e.ariaLabel && !e.querySelector(":scope>legend")) say("region without name", e);
  for (const e of document.querySelectorAll("*")) {
    const s = getComputedStyle(e);
    if (visible(e) && /auto|scroll/.test(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0 && !e.querySelector("a,button")) say("scrolls but takes no focus", e);
  }
  let level = 0;
  for (const e of document.querySelectorAll("h1,h2,h3,h4")) { const next = +e.tagName[1]; if (next > level + 1) say("heading skips a level", e); level = next; }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title) found.push("no title");
  for (const e of document.querySelectorAll(".pill,.gates .k span,.hatch")) if (!/[a-z]/.test(e.textContent)) say("state without a word", e);
  for (const e of document.querySelectorAll("li")) if (!["UL", "OL"].includes(e.parentNode.tagName)) say("item outside a list", e);
  return found;
}
