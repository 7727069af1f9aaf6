"""JupyterLab, as a student has it: a server of its own in a folder, and a real browser in front of it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

PATIENCE = 240_000
"""Milliseconds after which something is broken, and not only slow."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Start JupyterLab in a folder; gives its address, and ends with it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.port": port,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.root_dir": str(folder),
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.jpserver_extensions": "{'nbgrader.server_extensions.validate_assignment': True}",
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
        "LabApp.news_url": "None",
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    hidden = {"PYTHONPATH"}  # a student has what lies in the folder
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    home = {"JUPYTER_CONFIG_DIR": str(folder / ".config"), "JUPYTER_RUNTIME_DIR": str(folder / ".runtime")}
    with (
        (folder / "lab.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment | home, stdout=log, stderr=log) as server,
    ):
        try:
            yield _answering(f"http://127.0.0.1:{port}", server)
        finally:
            server.terminate()


def _answering(address: str, server: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(f"{address}/api"):
            return address
        time.sleep(0.2)
    raise RuntimeError("JupyterLab did not answer")


class Lab:
    """A notebook that is open in JupyterLab."""

    def __init__(self, browser: Browser, address: str, notebook: str) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(PATIENCE)
        self.page.goto(f"{address}/lab/tree/{notebook}?reset")
        self.page.locator(".jp-Notebook").wait_for()
        self._until("panel && panel.sessionContext.session && panel.sessionContext.session.kernel")

    def run_all(self) -> None:
        """Run every cell, and wait for the last one."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self._until("cells.at(-1).executionCount !== null && panel.sessionContext.session.kernel.status === 'idle'")

    def outputs(self) -> dict[str, list[dict[str, Any]]]:
        """The outputs of each cell, by its id, as the notebook now holds them."""
        found = self.page.evaluate(f"JSON.stringify({_NOTEBOOK}.content.model.toJSON().cells)")
        return {cell["id"]: cell["outputs"] for cell in json.loads(found) if cell["cell_type"] == "code"}

    def show(self, cell: str) -> None:
        """Scroll to a cell."""
        self.page.evaluate(
            f"""async id => {{
                const book = {_NOTEBOOK}.content;
                const place = book.widgets.findIndex(one => one.model.id === id);
                await book.scrollToItem(place, 'start');
            }}""",
            cell,
        )
        self.page.wait_for_timeout(600)

    def validate(self) -> str:
        """Press *Validate*, and give what the dialog says."""
        self.page.get_by_role("button", name="Validate").first.click()
        dialog = self.page.locator(".jp-Dialog")
        dialog.get_by_text("Validation Results").wait_for()
        return dialog.inner_text()

    def _until(self, true: str) -> None:
        self.page.wait_for_function(
            f"() => {{ const panel = {_NOTEBOOK}; if (!panel) return false;"
            f" const cells = panel.content.widgets.map(one => one.model); return {true}; }}"
        )


_NOTEBOOK = "[...window.jupyterapp.shell.widgets('main')].find(one => one.content && one.content.widgets)"
