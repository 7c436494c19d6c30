"""The pages among the examples: run as scripts, loaded as modules, and visited with Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TIMEOUT = 120  # seconds: a small machine that does something else needs ten for the first page
SCROLLERS = """() => {
    const within = node => [...node.children, ...(node.shadowRoot?.children ?? [])].flatMap(e => [e, ...within(e)])
    const wide = within(document).filter(
        e => e.scrollWidth > e.clientWidth + 1 && !e.closest(".formula, .letters, .wide")
    )
    const scrolls = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX)
    return wide.filter(scrolls).map(e => e.outerHTML.slice(0, 99))
}"""
"""Finds what scrolls sideways without being a box for formulas, for text or for a table."""


def environment():
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return os.environ | {"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg"}


def run_as_a_script(app, folder):
    for package in ("marimo", "matplotlib"):
        pytest.importorskip(package)
    command = [sys.executable, str(app)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def as_module(app):
    """The page as a module, with the functions that its cells call."""
    for package in ("marimo", "matplotlib"):
        pytest.importorskip(package)
    place = spec_from_file_location(app.stem, app)
    module = module_from_spec(place)
    place.loader.exec_module(module)
    return module


@contextmanager
def served(app, folder):
    """Where the page is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = environment() | {"XDG_CONFIG_HOME": str(folder)}  # not those of whoever runs the tests
    command = [sys.executable, "-m", "marimo", "run", "--headless", "--port", str(port), str(app)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=log)
    try:
        until_healthy(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(TIMEOUT)
    assert "Traceback" not in (folder / "log").read_text()


def until_healthy(url, server, log):
    for _ in range(10 * TIMEOUT):
        try:
            return urlopen(url, timeout=TIMEOUT).close()
        except URLError:
            time.sleep(0.1)
        if server.poll() is not None:
            break
    pytest.fail(f"marimo does not answer:\n{log.read_text()}")


@contextmanager
def chromium_started():
    from playwright.sync_api import expect, sync_playwright

    path = shutil.which("chromium")
    if path is None:
        pytest.fail("There is no chromium on the path: apt-get install chromium")
    expect.set_options(timeout=1000 * TIMEOUT)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if is_root else [])
        yield program
        program.close()


@contextmanager
def visits(chromium, address, *, ready):
    """Opens the page; afterwards nothing may have gone wrong in it, and no request have left the machine."""
    troubles, pages = [], []

    def is_local(url):
        return urlsplit(url).scheme in ("data", "blob") or urlsplit(url).hostname == "127.0.0.1"

    def open_page(width=1280):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(1000 * TIMEOUT)
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: None if is_local(request.url) else troubles.append(request.url))
        page.on("websocket", lambda channel: None if is_local(channel.url) else troubles.append(channel.url))
        pages.append(page)
        page.goto(address)
        page.get_by_alt_text(ready).wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not troubles
