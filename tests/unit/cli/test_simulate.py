"""`fastapi-tuning simulate` and `steady`: what they print, write, and refuse."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fastapi_tuning.cli.main import main
from fastapi_tuning.cli.simulate import SHAPES
from fastapi_tuning.simulate import shapes

SPEC = """
apiVersion: fastapituning.io/v1alpha1
kind: FastAPITuning
metadata: {name: checkout}
spec:
  targetRef: {name: checkout}
  replicas: {min: 1, max: 10}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tuning.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_table_by_the_minute_and_a_picture(folder: Path) -> None:
    result = invoke("simulate", "--spec", "tuning.yaml", "--shape", "step", "--minutes", "6", "--peak", "200")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [int(line.split()[0]) for line in lines[1:7]] == list(range(6))
    assert "ThreadsBind" in result.output
    assert (folder / "simulation" / "simulation.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_prints_the_same(folder: Path) -> None:
    arguments = ("simulate", "--spec", "tuning.yaml", "--shape", "noisy", "--minutes", "2")
    assert invoke(*arguments).output == invoke(*arguments).output != invoke(*arguments, "--seed", "2").output


def test_a_trace_is_replayed_at_the_peak_asked_for(folder: Path) -> None:
    (folder / "trace.txt").write_text("10\n" * 60 + "20\n" * 60)
    result = invoke("simulate", "--spec", "tuning.yaml", "--trace", "trace.txt", "--peak", "100")
    offered = [float(line.split()[1]) for line in result.output.splitlines()[1:3]]
    assert offered == [pytest.approx(50, rel=0.1), pytest.approx(100, rel=0.1)]


def test_a_bare_spec_is_taken_too(folder: Path) -> None:
    (folder / "tuning.yaml").write_text("targetRef: {name: checkout}\nmode: Recommend\n")
    assert invoke("simulate", "--spec", "tuning.yaml", "--shape", "constant", "--minutes", "1").exit_code == 0


@pytest.mark.parametrize(
    ("content", "arguments", "complaint"),
    [
        (SPEC, (), "give one of --trace and --shape"),
        (SPEC, ("--shape", "zigzag"), "'zigzag' is not one of"),
        (SPEC, ("--shape", "step", "--service-time", "quick"), "'quick' is no duration"),
        (SPEC, ("--shape", "step", "--query-time", "pareto:5ms"), "is no service time"),
        (SPEC, ("--trace", "tuning.yaml"), "line 2"),
        (SPEC, ("--trace", "absent.txt"), "does not exist"),
        ("- 1\n", ("--shape", "step"), "holds no FastAPITuning"),
        ("a: [\n", ("--shape", "step"), "is no YAML"),
        ("targetRef: {name: x}\nreplicas: {min: 0}\n", ("--shape", "step"), "replicas.min: Input should be greater"),
    ],
)
def test_bad_input_is_refused_and_named(folder: Path, content: str, arguments: tuple[str, ...], complaint: str) -> None:
    (folder / "tuning.yaml").write_text(content)
    result = invoke("simulate", "--spec", "tuning.yaml", *arguments)
    assert result.exit_code != 0
    assert complaint in result.output
    assert "Traceback" not in result.output


def test_steady_prints_latency_and_throughput() -> None:
    result = invoke("steady", "--rate", "100", "--service-time", "100ms", "--seconds", "60")
    shown = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert float(shown["p50"].split()[0]) == pytest.approx(100, abs=1)
    assert float(shown["answered"].split()[0]) == pytest.approx(100, rel=0.1)
    assert shown["good"] == "100.00%"


def test_steady_with_too_few_threads_answers_what_they_can() -> None:
    result = invoke("steady", "--rate", "200", "--threads", "10", "--in-flight-limit", "20", "--seconds", "60")
    shown = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert float(shown["answered"].split()[0]) == pytest.approx(10 / 0.25, rel=0.03)


def test_the_shapes_of_the_help_are_those_there_are() -> None:
    assert set(SHAPES) == set(shapes.SHAPES)


def test_without_the_extra_it_is_said_what_to_install(folder: Path) -> None:
    program = (
        "import sys; sys.modules['numba'] = None; from fastapi_tuning.cli.main import main; "
        "main(['simulate', '--spec', 'tuning.yaml', '--shape', 'step'])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "numba is not installed: pip install 'fastapi-tuning-operator[simulate]'" in done.stderr
