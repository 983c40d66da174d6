"""Installing Debian packages without starting what they bring."""

import subprocess
from pathlib import Path

import pytest

from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
from dev.cluster.packages import PACKAGES, SERVICES, ensure_packages, missing_packages, no_service_starts

NOT_ALLOWED = 101
"""The answer by which invoke-rc.d(8) leaves a service alone."""


def answer(policy: Path) -> int:
    return subprocess.run([policy, "etcd", "start"], check=False).returncode


def test_meanwhile_no_service_may_start_and_afterwards_nothing_is_left(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with no_service_starts(policy):
        assert answer(policy) == NOT_ALLOWED
    assert list(tmp_path.iterdir()) == []


def test_a_policy_of_somebody_else_is_put_back_even_when_the_installation_fails(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 7\n")
    policy.chmod(0o700)

    def installation() -> None:
        with no_service_starts(policy):
            assert answer(policy) == NOT_ALLOWED
            raise ClusterError("apt-get failed")

    with pytest.raises(ClusterError):
        installation()

    assert answer(policy) == 7
    assert policy.stat().st_mode & 0o777 == 0o700


def test_what_a_run_that_was_killed_left_behind_is_not_taken_for_somebody_elses(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with no_service_starts(policy):
        left = policy.read_bytes()
    policy.write_bytes(left)

    with no_service_starts(policy):
        assert answer(policy) == NOT_ALLOWED

    assert not policy.exists()


def test_nothing_is_missing_when_all_packages_are_installed() -> None:
    assert missing_packages("".join(f"{package} installed\n" for package in PACKAGES), PACKAGES) == []


def test_a_package_that_was_removed_but_left_its_settings_is_missing() -> None:
    lines = "".join(f"{package} {'config-files' if package == 'runc' else 'installed'}\n" for package in PACKAGES)
    assert missing_packages(lines, PACKAGES) == ["runc"]


def test_only_the_packages_that_were_asked_for_are_missed() -> None:
    assert missing_packages("runc installed\n", ["etcd-server", "runc"]) == ["etcd-server"]


def test_an_unknown_package_is_named_together_with_those_that_exist(layout: Layout) -> None:
    with pytest.raises(ClusterError, match=r"'etcd'; there are etcd-server, containerd"):
        ensure_packages(layout, ["etcd"])


def test_every_service_belongs_to_a_package_of_ours() -> None:
    assert set(SERVICES) <= set(PACKAGES)
