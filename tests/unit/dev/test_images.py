"""When an image is built again: exactly when something that goes into it has changed."""

from pathlib import Path

import pytest

from dev.cluster.digest import digest_of
from dev.cluster.errors import ClusterError
from dev.cluster.images import copied_sources, ensure_image
from dev.cluster.layout import Layout

DOCKERFILE = """\
ARG BASE_IMAGE=python
FROM ${BASE_IMAGE} AS build
COPY requirements.lock ./
COPY --chown=1:1 pyproject.toml \\
     README.md ./
RUN echo "it's not a COPY of . ."
FROM ${BASE_IMAGE}
COPY --from=build /venv /venv
# COPY nothing /
"""


def test_sources_are_what_the_copy_lines_name() -> None:
    assert copied_sources(DOCKERFILE) == ["requirements.lock", "pyproject.toml", "README.md"]


@pytest.mark.parametrize("source", [".", "./", "/"])
def test_copying_the_whole_context_is_refused(source: str) -> None:
    with pytest.raises(ClusterError, match="whole context"):
        copied_sources(f"COPY {source} /app\n")


def test_an_unknown_image_is_named_together_with_those_that_exist(layout: Layout) -> None:
    with pytest.raises(ClusterError, match=r"'opertor'; there are base, pause, prometheus, operator, sample"):
        ensure_image(layout, "opertor")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("print(1)")
    (tmp_path / "lock").write_text("a==1")
    return tmp_path


def test_digest_does_not_depend_on_the_order_of_paths(tree: Path) -> None:
    assert digest_of([tree / "app", tree / "lock"], root=tree) == digest_of([tree / "lock", tree / "app"], root=tree)


def test_digest_changes_with_content_name_mode_and_salt(tree: Path) -> None:
    main = tree / "app/main.py"
    seen = [digest_of([tree], root=tree), digest_of([tree], root=tree, salt="base")]
    main.write_text("print(2)")
    seen.append(digest_of([tree], root=tree))
    main.chmod(0o755)
    seen.append(digest_of([tree], root=tree))
    main.rename(tree / "app/other.py")
    seen.append(digest_of([tree], root=tree))
    assert len(set(seen)) == len(seen)


def test_digest_ignores_compiled_bytecode(tree: Path) -> None:
    before = digest_of([tree], root=tree)
    (tree / "app/__pycache__").mkdir()
    (tree / "app/__pycache__/main.pyc").write_bytes(b"\0")
    assert digest_of([tree], root=tree) == before
