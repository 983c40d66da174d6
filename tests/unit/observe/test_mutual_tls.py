"""An endpoint that lets in only whom it knows by a certificate, over real TLS."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def self_signed(directory: Path, name: str) -> tuple[Path, Path]:
    """Certificate and key of somebody who vouches for themselves, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / f"{name}.crt", directory / f"{name}.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is not let in is what is tested."""


@contextmanager
def serving(own: tuple[Path, Path], trusted: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own)
    context.load_verify_locations(trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Quiet(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_our_certificate_lets_us_in_and_no_other_does(tmp_path: Path) -> None:
    theirs, ours, others = (self_signed(tmp_path, name) for name in ("prometheus", "operator", "stranger"))
    with serving(theirs, trusted=ours[0]) as url:
        known, stranger = (
            PrometheusEndpoint(url=url, ca_file=theirs[0], certificate_file=each[0], key_file=each[1])
            for each in (ours, others)
        )

        assert PrometheusClient(known).query("up", NOW) == ()
        for refused in (stranger, PrometheusEndpoint(url=url, ca_file=theirs[0])):
            with pytest.raises(MetricsUnavailable, match="not reachable"):
                PrometheusClient(refused).query("up", NOW)
