() => {
  // What axe-core leaves open: the contrast of drawn text and of glyphs, names of drawings, heads of tables.
  const found = [];
  const visible = e => e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });
  const colour = text => { const p = text.match(/[\d.]+/g).map(Number); return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1]; };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = c => { const l = c.slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const ground = e => { const layers = []; for (let n = e; n && n.nodeType === 1; n = n.parentElement) { const c = colour(getComputedStyle(n).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; } return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]); };
  const say = (rule, e) => found.push(`${rule}: <${e.tagName.toLowerCase()} class="${e.getAttribute("class") || ""}"> ${(e.textContent || "").trim().slice(0, 40)}`);

  for (const e of document.querySelectorAll("svg text, u, [aria-hidden=true]")) {
    if (!visible(e) || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const svg = e.ownerSVGElement, style = getComputedStyle(e);
    const ratio = contrast(over(colour(svg ? style.fill : style.color), ground(e)), ground(svg ? svg.parentElement : e));
    if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)}`, e);
  }
  for (const e of document.querySelectorAll("svg")) if (e.getAttribute("aria-hidden") !== "true" && !(e.getAttribute("role") === "img" && /\S+\s+\S+/.test(e.getAttribute("aria-label") || ""))) say("drawing without a finding", e);
  for (const e of document.querySelectorAll("th")) if (!e.scope) say("header without scope", e);
  for (const e of document.querySelectorAll("table")) if (!e.tHead) say("table without head", e);
  for (const e of document.querySelectorAll("tbody tr")) if (visible(e) && e.cells[0] && e.cells[0].tagName !== "TH") say("row without header", e);
  for (const e of document.querySelectorAll(".pill,.gates .k span,.hatch")) if (!/[a-z]/.test(e.textContent)) say("state without a word", e);
  return found;
}
