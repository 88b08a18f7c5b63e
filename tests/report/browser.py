"""A real browser without a window, driven over its own protocol by a pipe: what a reader of a report sees and can do."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import parts

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """One tab."""

    def __init__(self, sender: int, receiver: int) -> None:
        self._out, self._in = sender, receiver
        self._numbers = itertools.count(1)
        self._session = ""
        self._buffer = b""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": self._session} if self._session else {})
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self._out, rest) :]
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _read(self) -> Any:
        while b"\0" not in self._buffer:
            chunk = os.read(self._in, 1 << 16)
            assert chunk, "the browser ended"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _read_event(self) -> str:
        event = self._read()
        self._note(event)
        return str(event["method"])

    def _note(self, event: Any) -> None:
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"].get("exception", {}).get("description", str(params)))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])

    def show(self, file: Path, *, width: int = 1280, height: int = 900, scheme: str = "light", script: bool = True) -> None:
        """Open a file and wait until it is loaded and has drawn its first chart."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.complaints.clear()
        self.call("Page.navigate", url=file.resolve().as_uri())
        while self._read_event() != "Page.loadEventFired":
            pass

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def count(self, selector: str) -> int:
        """Return how many elements there are; also where scripts are off."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        return len(self.call("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"])

    def wait(self, condition: str) -> None:
        """Wait until a condition holds; it is looked at with every frame, for 20 s at most."""
        looks = f"""new Promise((done, failed) => {{
            const end = performance.now() + 20000;
            const look = () => ({condition}) ? done(true) : performance.now() > end ? failed(new Error("never")) : setTimeout(look, 50);
            look();
        }})"""
        assert self.ask(looks), condition

    def draw_all(self) -> int:
        """Scroll to each test, for it is drawn when it comes near the window; return how many there are."""
        count = int(self.ask("document.querySelectorAll('article').length"))
        for number in range(count):
            self.ask(f"document.querySelectorAll('article')[{number}].scrollIntoView()")
            self.wait(f"document.querySelectorAll('article')[{number}].querySelector('[data-chart=tails] .main-svg')")
        return count

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode={"Tab": 9, "Enter": 13}.get(key, 0),
                **text,
            )

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save what is seen, or the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}} if whole else {}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole, **clip)["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """Start the browser, and end it."""
    program = parts.program("chromium", "chromium")
    ours, theirs = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="villas-browser-", ignore_cleanup_errors=True) as profile:
        command = [
            "bash", "-c", f'exec "$0" "$@" 3<&{ours[0]} 4>&{theirs[1]}', program, *_OPTIONS, f"--user-data-dir={profile}",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, pass_fds=(ours[0], theirs[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(ours[0])
        os.close(theirs[1])
        try:
            yield Page(ours[1], theirs[0])
        finally:
            process.kill()
            process.wait()
            os.close(ours[1])
            os.close(theirs[0])
