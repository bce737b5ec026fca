"""A real browser, headless Chromium, driven over its debugging pipe: open, click, type, look."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One window. `problems` collects what pages complain about: errors of scripts, blocked or missing files."""

    def __init__(self, width=1280, height=1400):
        to_read, self.to_write = os.pipe()
        self.to_read, to_write = os.pipe()

        def hand_over():
            # Chromium reads its commands from file 3 and writes to file 4.
            first, second = os.dup(to_read), os.dup(to_write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--remote-debugging-pipe", f"--window-size={width},{height}", "about:blank"]
        self.process = subprocess.Popen(command, preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.number, self.buffer, self.session, self.problems, self.loaded = 0, b"", None, [], False
        (page,) = [own for own in self.call("Target.getTargets")["targetInfos"] if own["type"] == "page"]
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        os.close(self.to_read)
        os.close(self.to_write)

    def call(self, method, **params):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message(60)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def message(self, seconds):
        """The next message; what it says of the page is kept."""
        end = time.time() + seconds
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.to_read], [], [], max(end - time.time(), 0))
            if not ready:
                raise TimeoutError("the browser says nothing")
            self.buffer += os.read(self.to_read, 1 << 16)
        text, _, self.buffer = self.buffer.partition(b"\0")
        message = json.loads(text)
        name, params = message.get("method"), message.get("params", {})
        if name == "Page.loadEventFired":
            self.loaded = True
        elif name == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"]["text"])
        elif name == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        return message

    def wait(self):
        while not self.loaded:
            self.message(60)

    def open(self, url):
        self.loaded = False
        self.call("Page.navigate", url=url)
        self.wait()

    def script(self, text):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector):
        """Clicks the first such element where a user sees it, and waits for the page it leads to."""
        place = self.script(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            " const r = e.getClientRects()[0]; return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        self.loaded = False
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        self.wait()

    def press(self, key):
        """A key of the keyboard: Tab, Enter."""
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=codes[key], **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=codes[key])

    def shape(self, width, height, dark=False):
        """The window's size, and whether the user likes it dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


# What a page's texts look like against what is behind them: those with too little contrast (WCAG: 4.5, large text 3).
CONTRAST = """(() => {
  const parse = text => { const m = text.match(/[\\d.]+/g).map(Number); return m.length === 4 ? m : [...m, 1]; };
  const light = ([r, g, b]) => { const c = [r, g, b].map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), own = walk.currentNode.parentElement;
    if (!text || !own.getClientRects().length) continue;
    const style = getComputedStyle(own), svg = own.namespaceURI.endsWith('svg');
    const ink = parse(svg ? style.fill : style.color), back = behind(own);
    const [a, b] = [light(ink), light(back)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(text.slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return found;
})()"""

# What keyboards and screen readers need and a page lacks.
BARRIERS = """(() => {
  const lacks = [], all = s => [...document.querySelectorAll(s)];
  const name = e => (e.getAttribute('aria-label') || e.textContent || e.title || '').trim();
  if (!document.documentElement.lang) lacks.push('language');
  if (!document.title) lacks.push('title');
  if (all('h1').length !== 1) lacks.push(all('h1').length + ' h1');
  if (all('main').length !== 1) lacks.push('main');
  if (!document.querySelector('a.skip[href="#main"]')) lacks.push('skip link');
  let level = 1;
  for (const h of all('h1,h2,h3,h4')) { const own = +h.tagName[1]; if (own > level + 1) lacks.push('jump to ' + h.tagName + ' ' + name(h)); level = own; }
  for (const e of all('a[href],button')) if (!name(e)) lacks.push('nameless ' + e.outerHTML.slice(0, 80));
  for (const e of all('input:not([type=hidden]),select')) if (!e.getAttribute('aria-label') && !e.labels.length) lacks.push('unlabelled ' + e.outerHTML.slice(0, 80));
  for (const e of all('nav,[role=group],[role=region],svg[role=img]')) if (!e.getAttribute('aria-label')) lacks.push('unnamed ' + e.tagName);
  for (const e of all('table')) if (!e.querySelector('th[scope]')) lacks.push('table without heads');
  for (const e of all('[id]')) if (all('#' + CSS.escape(e.id)).length > 1) lacks.push('twice #' + e.id);
  for (const e of all('*')) if (e.tabIndex >= 0 && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'visible' && e.tagName === 'DIV') lacks.push('overflow');
  for (const e of all('div.scroll,pre,div.chart')) if ((e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1) && e.tabIndex < 0 && !e.querySelector('a,button')) lacks.push('scrolls by mouse only: ' + e.className + ' ' + e.tagName);
  return lacks;
})()"""
