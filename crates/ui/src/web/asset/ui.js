"use strict";
// A page of something that runs renews itself, unless its reader is busy with it.
(function () {
  function renew() {
    var main = document.querySelector("main[data-live]");
    if (!main) { return; }
    var busy = main.contains(document.activeElement) && document.activeElement !== main;
    var selected = String(window.getSelection() || "") !== "";
    if (document.hidden || busy || selected) { setTimeout(renew, 2000); return; }
    fetch(location.href, { headers: { "X-Requested-With": "renew" } }).then(function (answer) {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
      if (fresh) {
        var open = Array.prototype.map.call(main.querySelectorAll("details"), function (d) { return d.open; });
        Array.prototype.forEach.call(fresh.querySelectorAll("details"), function (d, i) {
          if (open[i] !== undefined) { d.open = open[i]; }
        });
        main.replaceWith(document.adoptNode(fresh));
      }
      setTimeout(renew, 2000);
    }).catch(function () { setTimeout(renew, 10000); });
  }
  setTimeout(renew, 2000);
})();
