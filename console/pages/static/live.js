// Keeps an open page as it is now: asks for it anew when a contract on it changed, unless somebody is filling something in.
"use strict";
(() => {
  const page = document.body.dataset.live;
  if (!page || !window.EventSource) return;
  let waiting = 0;
  const busy = () => {
    const main = document.getElementById("content");
    const typed = [...main.querySelectorAll("input:not([type=hidden]), textarea, select")];
    return typed.some((each) => each === document.activeElement || (each.type === "checkbox" ? each.checked !== each.defaultChecked
      : each.tagName === "SELECT" ? [...each.options].some((one) => one.selected !== one.defaultSelected) && each.selectedIndex > 0
      : each.value !== each.defaultValue));
  };
  const name = (each) => each.id || each.getAttribute("href") || each.getAttribute("aria-label") || each.textContent.trim();
  const renew = async () => {
    waiting = 0;
    if (busy()) return later(2000);
    const answer = await fetch(location.href, { headers: { "x-live": "1" } }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
    if (!made || busy()) return later(2000);
    const main = document.getElementById("content");
    const at = main.contains(document.activeElement) ? name(document.activeElement) : "";
    const scrolled = [...main.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    main.replaceWith(made);
    [...made.querySelectorAll(".scroll")].forEach((each, place) => { each.scrollLeft = scrolled[place] || 0; });
    if (at) [...made.querySelectorAll("a, button, [tabindex]")].find((each) => name(each) === at)?.focus({ preventScroll: true });
    watch();
  };
  const later = (wait_ms) => { waiting = waiting || setTimeout(renew, wait_ms); };
  const watch = () => { if (document.querySelector("[data-pending]")) later(1500); };
  const source = new EventSource("/live?after=" + encodeURIComponent(document.body.dataset.after));
  source.addEventListener("change", (event) => {
    if (page === "all" || JSON.parse(event.data).includes(page)) later(500);
  });
  addEventListener("pagehide", () => source.close());
  watch();
})();
