"""Certificates of the webhook: an authority of our own, what it signs, when both are due. Pure, but for random keys.

An authority lives a year and a serving certificate ninety days; both are renewed when a third of that is left. The
previous authority stays trusted until the one after the next, so at no moment is a certificate served that the API
server does not accept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME = timedelta(days=365)
SERVING_LIFETIME = timedelta(days=90)
_RENEW_WITH_SHARE_LEFT = 1 / 3
_CLOCK_SKEW = timedelta(minutes=5)
"""Clocks of API server and operator may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """All PEM. `authorities` holds the certificates that the API server is to trust, the newest first."""

    authorities: bytes
    authority_key: bytes
    serving: bytes
    serving_key: bytes


def renewed(found: Certificates | None, names: tuple[str, ...], now: datetime) -> Certificates:
    """What is to be used from now on; the same value while nothing is due.

    Args:
        names: DNS names and addresses under which the API server reaches the webhook.
    """
    if found is None or not _is_usable(found):
        return _signed(_new_authority(now), (), names, now)
    newest, *_ = x509.load_pem_x509_certificates(found.authorities)
    if _is_due(newest, now):
        return _signed(_new_authority(now), (newest,), names, now)
    serving = x509.load_pem_x509_certificate(found.serving)
    if _is_due(serving, now) or _names_of(serving) != set(names) or serving.issuer != newest.subject:
        key = serialization.load_pem_private_key(found.authority_key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        authorities = x509.load_pem_x509_certificates(found.authorities)
        return _signed((authorities[0], key), tuple(authorities[1:]), names, now)
    return found


def renewal_due(found: Certificates) -> datetime:
    """When `renewed` will next give something else."""
    certificates = (
        x509.load_pem_x509_certificates(found.authorities)[0],
        x509.load_pem_x509_certificate(found.serving),
    )
    return min(map(_due, certificates))


def _is_usable(found: Certificates) -> bool:
    """Whether it can be read and belongs together: a person may have edited the Secret."""
    try:
        authority = x509.load_pem_x509_certificates(found.authorities)[0]
        serving = x509.load_pem_x509_certificate(found.serving)
        key = serialization.load_pem_private_key(found.authority_key, None)
        serving_key = serialization.load_pem_private_key(found.serving_key, None)
    except (ValueError, TypeError, IndexError):
        return False
    pairs = ((authority, key), (serving, serving_key))
    return isinstance(key, ec.EllipticCurvePrivateKey) and all(
        _public(certificate.public_key()) == _public(private.public_key()) for certificate, private in pairs
    )


def _public(key: object) -> bytes:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _due(certificate: x509.Certificate) -> datetime:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - lifetime * _RENEW_WITH_SHARE_LEFT


def _is_due(certificate: x509.Certificate, now: datetime) -> bool:
    return now >= _due(certificate)


def _names_of(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns = names.get_values_for_type(x509.DNSName)
    return {*dns, *map(str, names.get_values_for_type(x509.IPAddress))}


_Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _new_authority(now: datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    # The date tells authorities apart: the API server finds the issuer of a certificate by its name.
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"fastapi-tuning webhook authority {now:%Y%m%dT%H%M%SZ}")]
    )
    certificate = (
        _builder(name, name, key, now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _signed(
    authority: _Authority, previous: tuple[x509.Certificate, ...], names: tuple[str, ...], now: datetime
) -> Certificates:
    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(x509.Name([]), issuer.subject, key, now, SERVING_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return Certificates(
        authorities=b"".join(_pem(each) for each in (issuer, *previous) if each.not_valid_after_utc > now),
        authority_key=_key_pem(issuer_key),
        serving=_pem(certificate),
        serving_key=_key_pem(key),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
