"""Where the source is public, as git or the project says it, and what the page makes of it."""

import pytest
from tiny_chapters import first_chapter, second_chapter, workplace

from cxr_helpers import paths
from cxr_helpers.base import environment
from cxr_helpers.report import rendering


@pytest.fixture
def remote(monkeypatch, tmp_path):
    """Return a function that sets what git says of its remote, in a root without a `pyproject.toml`."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return lambda address: monkeypatch.setattr(environment, "_git", lambda *_: address)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("git@github.com:ann/cxr.git", "https://github.com/ann/cxr"),
        ("https://github.com/ann/cxr", "https://github.com/ann/cxr"),
        ("https://ann:secret@gitlab.com/lab/group/cxr.git/", "https://gitlab.com/lab/group/cxr"),
        ("ssh://git@git.example.org:22/ann/cxr.git", "https://git.example.org/ann/cxr"),
        ("/srv/git/cxr.git", None),
        ("file:///srv/git/cxr", None),
        ("http://localhost:8080/ann/cxr", None),
        ("git@intranet:ann/cxr.git", None),
    ],
)
def test_the_address_of_a_public_remote_is_known_without_its_password(remote, address, public):
    remote(address)
    assert environment.repository() == public


def test_without_a_public_remote_the_project_says_where_it_is(remote, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n[project.urls]\nSource = "https://github.com/ann/cxr"\n')
    remote("/srv/git/cxr.git")
    assert environment.repository() == "https://github.com/ann/cxr"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert environment.repository() is None


def pages(patch, root, address):
    """Return the page of a report of two chapters in a repository whose remote is `address`."""
    write = workplace(patch, root)
    patch.setattr(environment, "repository", lambda: address)
    write("full", **{"01_eda": first_chapter(), "02_models": second_chapter()})
    (path,) = rendering.render("full", ["thesis"], formats=("html",))
    return path.read_text(encoding="utf-8")


def test_a_page_of_a_public_repository_leads_to_it_and_its_chapters_to_colab(monkeypatch, tmp_path):
    html = pages(monkeypatch, tmp_path, "https://github.com/ann/cxr")
    assert 'href="https://github.com/ann/cxr/blob/main/notebooks/02_models.ipynb"' in html
    assert '<a class="badge" href="https://colab.research.google.com/github/ann/cxr/blob/main/notebooks/02_models.ipynb">' in html
    assert 'href="https://github.com/ann/cxr/blob/main/reports/data/sources-02_models.json"' in html
    assert html.count("Open in Colab") == 2 and '<meta name="cxr-source" content="https://github.com/ann/cxr">' in html


def test_elsewhere_links_stay_beside_the_page_and_only_github_opens_in_colab(monkeypatch, tmp_path):
    html = pages(monkeypatch, tmp_path, None)
    assert 'href="../notebooks/02_models.ipynb"' in html and "blob/main" not in html and "cxr-source" not in html
    assert "Open in Colab" not in pages(monkeypatch, tmp_path, "https://gitlab.com/ann/cxr")
