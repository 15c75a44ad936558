// Keeps the page up to date: listens for changes, fetches the page again, puts its <main> in the place of the old one.
// Without this script every page still works: a link reloads it.
"use strict";
(() => {
  const box = document.getElementById("live");
  const words = document.getElementById("live-text");
  if (!box || !words || !window.EventSource) return;

  let fresh = Date.now();
  let heard = Date.now();
  let trouble = 0;
  let fetching = false;
  let again = false;

  const ago = () => {
    const seconds = Math.round((Date.now() - fresh) / 1000);
    if (seconds < 60) return `${seconds < 10 ? seconds : Math.floor(seconds / 10) * 10} s`;
    return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
  };
  // A short break heals by itself and is not worth a word.
  const show = () => {
    const lost = trouble > 0 && Date.now() - trouble > 4000;
    box.classList.toggle("lost", lost);
    box.classList.add("on");
    const template = lost ? box.dataset.lost : Date.now() - fresh < 2000 ? box.dataset.now : box.dataset.fresh;
    const text = template.replace("{n}", ago());
    // Read aloud only when the connection is lost or found again, not at every second.
    words.setAttribute("aria-live", lost !== (words.dataset.lost === "1") ? "polite" : "off");
    words.dataset.lost = lost ? "1" : "0";
    if (words.textContent !== text) words.textContent = text;
  };

  // A person who types or selects is not disturbed.
  const busy = () => {
    const at = document.activeElement;
    const typing = at && at.closest("main") && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName);
    // What was typed and not sent yet, or refused and to be put right, is not thrown away.
    const fields = [...document.querySelectorAll("main input, main textarea")];
    const typed = document.querySelector("main [data-keep]") || fields.some((f) => f.value !== f.defaultValue);
    const selected = window.getSelection();
    return typing || typed || (selected && !selected.isCollapsed && selected.toString().length > 0);
  };
  const place = (element) => {
    if (!element || !element.closest("main")) return null;
    if (element.id) return `#${CSS.escape(element.id)}`;
    const href = element.getAttribute("href");
    return href ? `main a[href="${CSS.escape(href)}"]` : null;
  };
  const replace = (html) => {
    const next = new DOMParser().parseFromString(html, "text/html");
    const main = document.querySelector("main");
    const incoming = next.querySelector("main");
    if (!main || !incoming) return;
    document.title = next.title;
    if (main.innerHTML === incoming.innerHTML) return;
    const focus = place(document.activeElement);
    const open = [...main.querySelectorAll("details[open][id]")].map((d) => d.id);
    const scrolls = [...main.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
    const y = window.scrollY;
    main.replaceChildren(...incoming.childNodes);
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    main.querySelectorAll(".scroll").forEach((s, n) => { s.scrollLeft = scrolls[n] ?? 0; });
    window.scrollTo({ top: y, behavior: "instant" });
    if (focus) (document.querySelector(focus) ?? main).focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy() || document.hidden) { again = true; return; }
    if (fetching) { again = true; return; }
    fetching = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname === "/connexion") { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      replace(await answer.text());
      fresh = Date.now();
    } catch { trouble ||= Date.now(); } finally { fetching = false; show(); }
  };

  const listen = () => {
    const stream = new EventSource("/live");
    // What was missed while away is on the page that is fetched now.
    stream.addEventListener("open", () => { heard = Date.now(); if (trouble) refresh(); trouble = 0; show(); });
    // Nothing changed until now: the page is as fresh as this sign of life.
    stream.addEventListener("here", () => { heard = Date.now(); if (!again && !fetching) fresh = heard; show(); });
    stream.addEventListener("changed", () => { heard = Date.now(); refresh(); });
    stream.addEventListener("over", () => location.reload());
    stream.addEventListener("error", () => {
      trouble ||= Date.now();
      // Refused rather than cut: the browser has given up, and we try again later.
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 10000);
      show();
    });
  };
  listen();

  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  setInterval(() => {
    // Two signs of life are missing: the connection is dead though nobody has said so.
    if (Date.now() - heard > 40000) trouble ||= Date.now();
    if (again) refresh(); else show();
  }, 1000);
  // Relative times ("2 minutes ago") grow old even when nothing changes.
  setInterval(refresh, 60000);
  show();
})();
