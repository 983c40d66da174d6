"""Certificates of the webhook over the years: always one that is valid, and always one that is trusted."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fastapi_tuning.webhooks.certificates import Certificates, renewal_due, renewed

NAMES = ("operator.system.svc", "127.0.0.1")
START = datetime(2026, 1, 1, tzinfo=UTC)


def authorities_of(certificates: Certificates) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(certificates.authorities)


def serving_of(certificates: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificates.serving)


def trusts(authorities: list[x509.Certificate], serving: x509.Certificate, now: datetime) -> bool:
    """By the library's own verifier, as a client would."""
    valid = [each for each in authorities if each.not_valid_after_utc > now]
    builder = x509.verification.PolicyBuilder().store(x509.verification.Store(valid)).time(now)
    verifier = builder.build_server_verifier(x509.DNSName(NAMES[0]))
    try:
        verifier.verify(serving, [])
    except x509.verification.VerificationError:
        return False
    return True


def test_the_first_certificate_is_trusted_for_all_names() -> None:
    made = renewed(None, NAMES, START)
    assert trusts(authorities_of(made), serving_of(made), START)
    names = serving_of(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAMES[0]]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [NAMES[1]]


def test_the_server_can_serve_it(tmp_path: Path) -> None:
    made = renewed(None, NAMES, START)
    (tmp_path / "tls.crt").write_bytes(made.serving)
    (tmp_path / "tls.key").write_bytes(made.serving_key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


def test_nothing_is_renewed_before_it_is_due() -> None:
    made = renewed(None, NAMES, START)
    due = renewal_due(made)
    assert renewed(made, NAMES, due - timedelta(seconds=1)) is made
    assert renewed(made, NAMES, due) != made


def test_over_four_years_what_is_served_is_valid_and_trusted_before_and_after_each_renewal() -> None:
    kept, now, renewals = renewed(None, NAMES, START), START, 0
    while now < START + timedelta(days=4 * 365):
        now += timedelta(days=1)
        after = renewed(kept, NAMES, now)
        assert trusts(authorities_of(after), serving_of(after), now)
        # The API server trusts the new ones first; until the files are replaced the old certificate is served.
        assert trusts(authorities_of(after), serving_of(kept), now)
        assert len(authorities_of(after)) <= 2
        renewals += after != kept
        kept = after
    assert renewals > 10


def test_a_new_name_means_a_new_certificate_of_the_same_authority() -> None:
    made = renewed(None, NAMES, START)
    after = renewed(made, ("renamed.system.svc",), START)
    assert after.authorities == made.authorities
    assert after.serving != made.serving


@pytest.mark.parametrize("field", ["authorities", "authority_key", "serving", "serving_key"])
def test_what_somebody_damaged_is_made_anew(field: str) -> None:
    made = renewed(None, NAMES, START)
    after = renewed(replace(made, **{field: b"not PEM"}), NAMES, START)
    assert trusts(authorities_of(after), serving_of(after), START)


def test_a_key_of_another_certificate_is_noticed() -> None:
    made, other = renewed(None, NAMES, START), renewed(None, NAMES, START)
    assert renewed(replace(made, serving_key=other.serving_key), NAMES, START) != made
