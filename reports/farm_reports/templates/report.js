(()=>{"use strict";
const d=document,r=d.documentElement,$=s=>d.querySelector(s),$$=(s,e=d)=>[...e.querySelectorAll(s)];
// Theme: the button names what a press gives.
const b=$("#theme"),dark=()=>r.dataset.theme?r.dataset.theme=="dark":matchMedia("(prefers-color-scheme:dark)").matches,
name=()=>{b.textContent=dark()?"Light":"Dark"};
b.hidden=false;name();b.onclick=()=>{r.dataset.theme=dark()?"light":"dark";name()};
// Tooltips of marks and cells.
const tip=d.createElement("div");tip.id="tip";tip.hidden=true;d.body.append(tip);
$$("svg title").forEach(t=>{t.parentNode.dataset.tip=t.textContent;t.remove()});
$$("td[title]").forEach(e=>{e.ariaDescription=e.dataset.tip=e.title;e.title=""});
d.onpointermove=e=>{const t=e.target.closest("[data-tip]");tip.hidden=!t;if(!t)return;
tip.textContent=t.dataset.tip;const s=tip.style,h=tip.offsetHeight;
s.left=Math.max(4,Math.min(e.clientX+14,innerWidth-tip.offsetWidth-8))+"px";
s.top=(e.clientY+18+h>innerHeight?e.clientY-h-10:e.clientY+18)+"px"};
// Filter: rows or columns whose name matches stay.
const f=$("#filter");if(f){f.parentNode.hidden=false;f.oninput=()=>{
const q=f.value.trim().toLowerCase(),has=e=>e.textContent.toLowerCase().includes(q),
heads=$$(".heat thead th"),rows=$$(".heat tbody tr:not(.group)"),row=rows.some(t=>has(t.cells[0])),col=!row&&heads.some(has);
rows.forEach(t=>{t.hidden=row&&!has(t.cells[0])});f.closest(".tabs").classList.toggle("found",row&&q);
$$(".heat tbody tr").forEach(t=>$$("td",t).forEach((c,i)=>{c.hidden=col&&!has(heads[i])}));
heads.forEach(h=>{h.hidden=col&&!has(h)})}}
// Sort, with the keyboard too.
const val=(t,i)=>{const s=(t.cells[i]||t).textContent.trim(),n=parseFloat(s.replace(/,/g,"").replace("\u2212","-"));return isNaN(n)?s:n*({kB:1e3,MB:1e6,GB:1e9}[s.split(/\s/)[1]]||1)},
cmp=(x,y)=>typeof x==typeof y?(x<y?-1:+(x>y)):typeof x=="number"?-1:1;
$$("table[data-sort] thead th:not([data-nosort])").forEach(h=>{const k=d.createElement("button"),t=h.closest("table");
k.className="sort";k.append(...h.childNodes);h.append(k);k.onclick=()=>{
const up=h.ariaSort!="ascending",i=h.cellIndex;$$("th",t.tHead).forEach(o=>o.removeAttribute("aria-sort"));
h.ariaSort=up?"ascending":"descending";
t.tBodies[0].append(...[...t.tBodies[0].rows].sort((x,y)=>cmp(val(x,i),val(y,i))*(up?1:-1)))}});
// The section in view.
const seen=new IntersectionObserver(l=>l.forEach(e=>e.isIntersecting&&$$("nav a").forEach(a=>a.classList.toggle("on",a.hash=="#"+e.target.id))),{rootMargin:"-20% 0px -70%"});
$$("section").forEach(s=>seen.observe(s));
// CSV of the embedded summary.
const c=$("#csv");if(c){c.hidden=false;c.onclick=()=>{const a=d.createElement("a"),q=v=>v==null?"":/[",\n]/.test(v)?`"${String(v).replace(/"/g,'""')}"`:v;
a.href=URL.createObjectURL(new Blob([JSON.parse($("#summary").textContent).map(l=>l.map(q).join(",")).join("\n")]));
a.download="cells.csv";a.click()}}
})();
