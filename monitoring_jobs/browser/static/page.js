// What a page cannot do without a script: follow Airflow's color mode, tell the reader's own time,
// and lead out of the frame. Everything else works without it.
(() => {
  "use strict";

  // Airflow's document around the frame; null where the page stands alone.
  const around = (() => {
    try {
      return window.parent === window ? null : window.parent.document;
    } catch {
      return null;
    }
  })();

  const own = document.documentElement;
  const show = (mode) => {
    if (mode === "light" || mode === "dark") own.dataset.theme = mode;
    else delete own.dataset.theme;
  };
  if (around) {
    const classes = around.documentElement.classList;
    const follow = () =>
      show(classes.contains("dark") ? "dark" : classes.contains("light") ? "light" : "");
    follow();
    new MutationObserver(follow).observe(around.documentElement, { attributeFilter: ["class"] });
  } else {
    try {
      show(window.localStorage.getItem("theme"));
    } catch {
      // No storage: the system's mode it is.
    }
  }

  // The frame may open no window and not navigate its parent, so the parent's own document does.
  const leave = (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-leave]") : null;
    if (!around || !link || event.defaultPrevented || event.button > 1) return;
    event.preventDefault();
    const copy = around.createElement("a");
    copy.href = link.href;
    const apart = event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    if (apart || link.dataset.leave === "outside") copy.target = "_blank";
    copy.rel = "noopener noreferrer";
    copy.click();
  };
  document.addEventListener("click", leave);
  document.addEventListener("auxclick", leave);

  document.addEventListener("DOMContentLoaded", () => {
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
    for (const time of document.querySelectorAll("time[datetime]")) {
      const when = new Date(time.dateTime);
      if (!Number.isNaN(when.valueOf())) time.title = `${format.format(when)}\n${time.dateTime}`;
    }
  });
})();
