"""A chapter in a fresh JupyterLab, worked on in a real browser: its kernel runs, and an edited helper is taken up."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from checkouts import PARTS, copy, write_chapter

from cxr_helpers import paths

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

TOKEN, PATIENCE = "chapters", 90  # seconds, for a machine with much else to do
HELPER = 'def answer():\n    return "the {} one"\n'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def lab(root):
    """Yield the address of a JupyterLab that has no settings but its own, opened in the notebooks of a checkout."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    own = {"PYTHONPATH": str(root), "HOME": str(root / "home"), "JUPYTER_CONFIG_DIR": str(root / "home" / "config")}
    own |= {"JUPYTER_DATA_DIR": str(root / "home" / "data"), "JUPYTER_RUNTIME_DIR": str(root / "home" / "runtime")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root / 'notebooks'}", "--LabApp.news_url="]
    with open(root / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=os.environ | own, cwd=root, stdout=log, stderr=log)
        try:
            for _ in range(PATIENCE * 2):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api?token={TOKEN}"):
                    break
                assert server.poll() is None, (root / "lab.log").read_text()
                time.sleep(0.5)
            yield address
        finally:
            server.terminate()
            server.wait(120)


@contextlib.contextmanager
def opened(address, chapter):
    """Yield a chapter's page once its kernel is there and idle."""
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 3000})  # all cells at once: those out of sight are not drawn
        page.set_default_timeout(PATIENCE * 1000)
        with page.expect_websocket(lambda socket: socket.url.partition("?")[0].endswith("/channels")):
            page.goto(f"{address}/lab/tree/{chapter}?token={TOKEN}")
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
        yield page
        browser.close()


def run_all(page) -> None:
    """Run all cells by the menu, and wait until the last code cell has a number."""
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    playwright.expect(prompts.last).to_have_text(re.compile(r"\[\d+\]:"), timeout=PATIENCE * 1000)


def test_an_edited_helper_is_taken_up_without_starting_anew(tmp_path):
    root = copy(tmp_path / "checkout", PARTS)
    helper = root / "cxr_helpers" / "greeting.py"
    helper.write_text(HELPER.format("first"))
    use = "from cxr_helpers import greeting\nprint(greeting.__file__)\ngreeting.answer()"
    write_chapter(root / "notebooks", "01_one", "%load_ext autoreload\n%autoreload 2", use)
    with lab(root) as address, opened(address, "01_one.ipynb") as page:
        run_all(page)
        outputs = page.locator(".jp-OutputArea-output")
        for number, text in enumerate((str(helper), "the first one")):
            playwright.expect(outputs.nth(number)).to_contain_text(text, timeout=PATIENCE * 1000)
        helper.write_text(HELPER.format("second"))
        page.locator(".jp-CodeCell .jp-InputArea-editor").last.click()
        page.keyboard.press("Control+Enter")
        page.locator(".jp-OutputArea-output", has_text="the second one").wait_for()


@pytest.mark.realdata
def test_a_chapter_runs_from_its_records(tmp_path):
    root = copy(tmp_path / "checkout", PARTS)
    shutil.copytree(paths.ROOT / "reports", root / "reports", ignore=shutil.ignore_patterns("thesis.*", "smoke"))
    (root / "notebooks").mkdir()
    shutil.copy(paths.NOTEBOOKS / "supplement" / "s09_saliency_measures.ipynb", root / "notebooks")
    with lab(root) as address, opened(address, "s09_saliency_measures.ipynb") as page:
        run_all(page)
        assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
        assert page.locator(".jp-RenderedSVG, .jp-RenderedImage").count() >= 2
