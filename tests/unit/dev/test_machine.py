"""What is read from the machine: its mounts, its logs."""

from pathlib import Path

import pytest

from dev.cluster.errors import ClusterError
from dev.cluster.progress import duration
from dev.cluster.teardown import mount_points_under

MOUNTINFO = """\
21 1 254:0 / / rw shared:1 - ext4 /dev/vda rw
30 21 0:40 / /var/lib/dev/run/netns/a rw - nsfs nsfs rw
31 21 0:41 / /var/lib/dev/kubelet/pods/with\\040blank rw - tmpfs tmpfs rw
32 21 0:42 / /var/lib/dev-other/x rw - tmpfs tmpfs rw
33 31 0:43 / /var/lib/dev/kubelet/pods/with\\040blank/inner rw - tmpfs tmpfs rw
"""


def test_only_mounts_inside_the_directory_are_ours_oldest_first() -> None:
    assert mount_points_under(Path("/var/lib/dev"), MOUNTINFO) == [
        Path("/var/lib/dev/run/netns/a"),
        Path("/var/lib/dev/kubelet/pods/with blank"),
        Path("/var/lib/dev/kubelet/pods/with blank/inner"),
    ]


@pytest.mark.parametrize(("seconds", "shown"), [(0.04, "0.0s"), (12.3, "12s"), (59.7, "1m00s"), (372, "6m12s")])
def test_durations_are_shown_as_a_person_says_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_an_error_shows_the_end_of_the_log_and_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "etcd.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    report = ClusterError("etcd ended", log=log).report()
    assert report.startswith("✗ etcd ended\n")
    assert "line 99" in report
    assert "line 50" not in report
    assert str(log) in report
