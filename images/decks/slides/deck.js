// One slide at a time: keys, clicker, swipe, #hash. Without this file the deck is a page that scrolls.
(function () {
  "use strict";
  var root = document.documentElement;
  var slides = Array.prototype.slice.call(document.querySelectorAll(".slide"));
  var controls = document.getElementById("controls");
  var trace = controls.querySelector(".trace");
  var count = controls.querySelector(".count");
  var buttons = controls.querySelectorAll("button");
  var live = document.getElementById("live");
  var last = slides.length - 1;
  var at = -1;

  slides.forEach(function (slide) {
    slide.tabIndex = -1;
    trace.appendChild(document.createElement("i"));
  });

  function fromHash() {
    var n = parseInt(location.hash.slice(1), 10);
    return n >= 1 ? Math.min(n - 1, last) : 0;
  }

  function show(n, quiet) {
    n = Math.max(0, Math.min(n, last));
    if (n === at) return;
    root.classList.toggle("back", n < at);
    root.classList.toggle("dark", slides[n].classList.contains("cover"));
    at = n;
    slides.forEach(function (slide, i) {
      slide.hidden = i !== n;
      trace.children[i].className = (i <= n ? "on" : "") + (i === n ? " now" : "");
    });
    trace.style.setProperty("--at", last ? n / last : 1);
    count.textContent = n + 1 + " / " + (last + 1);
    buttons[0].setAttribute("aria-disabled", n === 0);
    buttons[1].setAttribute("aria-disabled", n === last);
    var heading = slides[n].querySelector("h1, h2").textContent;
    document.title = n ? heading + " · edgedeploy" : "edgedeploy";
    if (location.hash !== "#" + (n + 1)) history.replaceState(null, "", "#" + (n + 1));
    slides[n].scrollTop = 0;
    if (quiet) return;
    live.textContent = "Slide " + (n + 1) + " of " + (last + 1) + ": " + heading;
    // Keep the focus on a button that is being used; else hand it to the slide, so that a tall one scrolls.
    if (!controls.contains(document.activeElement)) slides[n].focus({ preventScroll: true });
  }

  function fullScreen() {
    var done = document.fullscreenElement ? document.exitFullscreen()
      : root.requestFullscreen ? root.requestFullscreen() : null;
    if (done && done.catch) done.catch(function () {});
  }

  // True while the slide itself still has somewhere to scroll in that direction.
  function canScroll(way) {
    var s = slides[at];
    return way > 0 ? s.scrollTop + s.clientHeight < s.scrollHeight - 2 : s.scrollTop > 2;
  }

  function onKey(e) {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    var onButton = e.target.closest && e.target.closest("button, a");
    var go = null;
    switch (e.key) {
      case "ArrowRight": case "PageDown": go = at + 1; break;
      case "ArrowLeft": case "PageUp": go = at - 1; break;
      case "ArrowDown": if (!canScroll(1)) go = at + 1; break;
      case "ArrowUp": if (!canScroll(-1)) go = at - 1; break;
      case " ": if (!onButton && !canScroll(e.shiftKey ? -1 : 1)) go = at + (e.shiftKey ? -1 : 1); break;
      case "Home": go = 0; break;
      case "End": go = last; break;
      case "f": case "F": if (!e.repeat) fullScreen(); break;
    }
    if (go === null) return;
    e.preventDefault();
    show(go);
  }

  var start = null;
  function onTouchStart(e) {
    var t = e.touches[0];
    start = e.touches.length === 1 ? { x: t.clientX, y: t.clientY } : null;
  }
  function onTouchEnd(e) {
    if (!start) return;
    var t = e.changedTouches[0], dx = t.clientX - start.x, dy = t.clientY - start.y;
    start = null;
    var zoomed = window.visualViewport && window.visualViewport.scale > 1.05;
    if (!zoomed && Math.abs(dx) > 48 && Math.abs(dx) > 1.5 * Math.abs(dy)) show(at + (dx < 0 ? 1 : -1));
  }

  buttons.forEach(function (b) {
    b.addEventListener("click", function () { show(at + Number(b.dataset.go)); });
  });
  document.addEventListener("keydown", onKey);
  document.addEventListener("touchstart", onTouchStart, { passive: true });
  document.addEventListener("touchend", onTouchEnd, { passive: true });
  document.addEventListener("touchcancel", function () { start = null; }, { passive: true });
  window.addEventListener("hashchange", function () { show(fromHash()); });

  root.classList.add("js");
  controls.hidden = false;
  show(fromHash(), true);
})();
