"""A real time-stamping authority (RFC 3161) on this machine: ``openssl ts`` behind a small server.

Certificates are made by ``openssl ca``, which can date them. A plain reply comes from ``openssl ts
-reply``; a reply that no honest authority would give (another imprint, another nonce, another
clock, a certificate without the right purpose) is a real token whose TSTInfo was changed and that
was signed again by ``openssl cms``.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from asn1crypto import cms, tsp

DAY = timedelta(days=1)
MODES = (
    *("good", "unordered", "slow", "lying", "rubbish", "wrong-nonce", "clock", "wrong-purpose"),
    *("refuses", "html", "huge", "redirect", "no-certificate", "granted-with-mods"),
)

_CA = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
default_md = sha256
unique_subject = no
policy = any
default_crl_days = 3650
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = {name}
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
{crl}
[signs-mail]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, emailProtection
[both-purposes]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping, emailProtection
[tsa1]
serial = {folder}/tsaserial
crypto_device = builtin
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
{certs}
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha1, sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def openssl(*arguments: object, data: bytes | None = None) -> bytes:
    """Standard output of the ``openssl`` program; the test is skipped where it is absent."""
    program = which("openssl")
    if program is None:
        pytest.skip("the openssl program is absent")
    done = subprocess.run(
        [program, *map(str, arguments)], input=data, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


class LocalAuthority:
    """Certificates, a switchable ``mode`` (one of MODES), and a server on a free port.

    ``valid``: (from, until) of the signer's certificate; ``root_valid``: of the root's.
    ``clock``: the time that mode ``clock`` states. ``seen`` are the requests that arrived.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "tsa",
        *,
        valid: tuple[datetime, datetime] | None = None,
        root_valid: tuple[datetime, datetime] | None = None,
        purpose: str = "tsa",
        revocation_list: bool = False,
    ) -> None:
        folder.mkdir(parents=True)
        self.folder, self.name = folder, name
        self.mode = "good"
        self.clock = datetime.now(UTC)
        self.delay = 3.0
        self.refusal = "the bill was not paid"
        self.seen: list[bytes] = []
        self.answered: list[bytes] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread: threading.Thread | None = None
        now = datetime.now(UTC)
        self.valid = valid or (now - DAY, now + 3650 * DAY)
        self._certificates(
            root_valid or (self.valid[0] - DAY, self.valid[1] + DAY), purpose, revocation_list
        )

    # -- what a vault needs ----------------------------------------------------------------------

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/tsa"

    @property
    def root(self) -> Path:
        """The root certificate as a file."""
        return self.folder / "root.pem"

    @property
    def root_pem(self) -> str:
        return self.root.read_text()

    def start(self) -> LocalAuthority:
        """Answer from now on; the port is the same after a stop."""
        address = self._server.server_address
        if self._server.socket.fileno() < 0:
            self._server = ThreadingHTTPServer((str(address[0]), int(address[1])), _handler(self))
            self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.daemon = True
        self._thread.start()
        return self

    def stop(self) -> None:
        """Be down: connections are refused."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def __enter__(self) -> LocalAuthority:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- replies ---------------------------------------------------------------------------------

    def reply(self, request: bytes) -> bytes:
        """The reply to a request (DER) as ``mode`` has it."""
        with self._lock:
            return self._reply(request)

    def stamp(self, data: bytes, clock: datetime | None = None) -> bytes:
        """A reply over data, without a server or a nonce; stated time ``clock`` if given, to the
        second."""
        with self._lock:
            query = openssl("ts", "-query", "-sha512", "-cert", "-no_nonce", data=data)
            plain = self._plain(query)
            return (
                plain
                if clock is None
                else self._signed_again(plain, gen_time=clock.replace(microsecond=0))
            )

    def stamp_with(self, data: bytes, *, algorithm: str = "-sha512", **changes: Any) -> bytes:
        """A reply over data whose TSTInfo has other values (a genuine signature over them)."""
        with self._lock:
            query = openssl("ts", "-query", algorithm, "-cert", "-no_nonce", data=data)
            plain = self._plain(query)
            return self._signed_again(plain, **changes) if changes else plain

    def resigned(self, reply: bytes, *options: str, **changes: Any) -> bytes:
        """The same token signed again by ``openssl cms`` with other options."""
        with self._lock:
            return self._signed_again(reply, options=options, **changes)

    def _reply(self, request: bytes) -> bytes:
        plain = self._plain(request)
        change: dict[str, Callable[[], bytes]] = {
            "unordered": lambda: self._plain(request, "unordered.cnf"),
            "lying": lambda: self._signed_again(
                plain, imprint=hashlib.sha512(b"something else").digest()
            ),
            "rubbish": lambda: b"\x30\x03 this is no time stamp",
            "wrong-nonce": lambda: self._signed_again(plain, nonce=4711),
            "clock": lambda: self._signed_again(plain, gen_time=self.clock.replace(microsecond=0)),
            "wrong-purpose": lambda: self._signed_again(plain, signer="mail"),
            "refuses": lambda: _refusal(self.refusal),
            "no-certificate": lambda: self._signed_again(plain, options=("-nocerts",)),
            "granted-with-mods": lambda: _with_status(plain, "granted_with_mods"),
        }
        return change[self.mode]() if self.mode in change else plain

    def _plain(self, request: bytes, config: str = "tsa.cnf") -> bytes:
        query = self.folder / "query.tsq"
        query.write_bytes(request)
        return openssl(
            "ts", "-reply", "-config", self.folder / config, "-section", "tsa1",
            "-queryfile", query,
        )  # fmt: skip

    def _signed_again(
        self,
        reply: bytes,
        *,
        signer: str = "signer",
        options: tuple[str, ...] = (),
        imprint: bytes | None = None,
        **values: Any,
    ) -> bytes:
        response = tsp.TimeStampResp.load(reply)
        info = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
        changed = tsp.TSTInfo.load(info.dump()).copy()
        if imprint is not None:
            changed["message_imprint"]["hashed_message"] = imprint
        for name, value in values.items():
            changed[name] = value
        token = openssl(
            "cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-outform", "DER",
            "-econtent_type", "1.2.840.113549.1.9.16.1.4", *options,
            "-signer", self.folder / f"{signer}.pem", "-inkey", self.folder / f"{signer}.key",
            data=changed.dump(force=True),
        )  # fmt: skip
        made = tsp.TimeStampResp(
            {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}
        )
        return bytes(made.dump())

    # -- certificates ----------------------------------------------------------------------------

    def revoke(self, when: datetime, reason: str | None) -> bytes:
        """Revoke the signer's certificate; the CRL in PEM. ``reason``: as in RFC 5280, or None."""
        serial = openssl("x509", "-in", self.folder / "signer.pem", "-noout", "-serial")
        number = serial.decode().strip().partition("=")[2]
        lines = []
        for line in (self.folder / "index.txt").read_text().splitlines():
            fields = line.split("\t")
            if fields[3] == number:
                fields[0] = "R"
                fields[2] = when.strftime("%y%m%d%H%M%SZ") + (f",{reason}" if reason else "")
            lines.append("\t".join(fields))
        (self.folder / "index.txt").write_text("\n".join(lines) + "\n")
        return self.crl()

    def crl(self) -> bytes:
        """The newest list of revoked certificates, in PEM."""
        return openssl(
            "ca", "-config", self.folder / "tsa.cnf", "-gencrl", "-crl_reason", "unspecified",
            "-keyfile", self.folder / "root.key", "-cert", self.root,
        )  # fmt: skip

    def _certificates(
        self, root_valid: tuple[datetime, datetime], purpose: str, revocation_list: bool
    ) -> None:
        folder = self.folder
        crl = f"crlDistributionPoints = URI:{self.url}.crl" if revocation_list else ""
        for file, certs in (
            ("tsa.cnf", ""),
            ("unordered.cnf", f"certs = {folder}/unordered.pem"),
        ):
            text = _CA.format(folder=folder, name=self.name, certs=certs, crl=crl)
            (folder / file).write_text(text)
        (folder / "index.txt").write_text("")
        for counter in ("serial", "tsaserial", "crlnumber"):
            (folder / counter).write_text("1000\n")
        self._issue("root", "root", root_valid, f"/CN={self.name} root")
        self._issue("signer", purpose, self.valid, f"/CN={self.name} signer")
        self._issue("mail", "signs-mail", self.valid, f"/CN={self.name} mail")
        signer, root = (folder / "signer.pem").read_text(), self.root_pem
        (folder / "unordered.pem").write_text(root + signer)

    def _issue(
        self, name: str, section: str, valid: tuple[datetime, datetime], subject: str
    ) -> None:
        folder = self.folder
        key, request = folder / f"{name}.key", folder / f"{name}.csr"
        config = folder / "tsa.cnf"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-new", "-config", config, "-key", key, "-subj", subject, "-out", request)
        by = ["-selfsign"] if name == "root" else ["-cert", self.root]
        openssl(
            "ca", "-batch", "-config", config, "-notext", "-extensions", section, *by,
            "-keyfile", folder / "root.key", "-in", request, "-out", folder / f"{name}.pem",
            "-startdate", valid[0].strftime("%Y%m%d%H%M%SZ"),
            "-enddate", valid[1].strftime("%Y%m%d%H%M%SZ"),
        )  # fmt: skip


def openssl_verdict(
    reply: bytes,
    data: bytes,
    roots: str,
    folder: Path,
    at: int | None = None,
    chain: Sequence[str] = (),
) -> bool:
    """Whether ``openssl ts -verify`` accepts a reply; ``at`` is the clock it is told, ``chain``
    are certificates that it may use and need not trust."""
    names = {"reply.tsr": reply, "data": data, "roots.pem": roots.encode()}
    names["chain.pem"] = "".join(chain).encode()
    for name, content in names.items():
        (folder / name).write_bytes(content)
    program = which("openssl")
    if program is None:
        pytest.skip("the openssl program is absent")
    clock = [] if at is None else ["-attime", str(at)]
    if chain:
        clock += ["-untrusted", str(folder / "chain.pem")]
    done = subprocess.run(
        [program, "ts", "-verify", "-data", folder / "data", "-in", folder / "reply.tsr",
         "-CAfile", folder / "roots.pem", *clock],
        capture_output=True, timeout=60,
    )  # fmt: skip
    return done.returncode == 0 and b"Verification: OK" in done.stdout + done.stderr


@contextlib.contextmanager
def running(folder: Path, name: str = "tsa", **options: Any) -> Iterator[LocalAuthority]:
    """An authority that answers for as long as the block lasts."""
    with LocalAuthority(folder, name, **options) as authority:
        yield authority


def _refusal(text: str) -> bytes:
    made = tsp.PKIStatusInfo({"status": "rejection", "status_string": [text]})
    inner = made.dump()
    return bytes([0x30, len(inner)]) + bytes(inner)


def _with_status(reply: bytes, status: str) -> bytes:
    response = tsp.TimeStampResp.load(reply).copy()
    response["status"]["status"] = status
    return bytes(response.dump(force=True))


def _handler(authority: LocalAuthority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            authority.seen.append(body)
            if authority.mode == "slow":
                time.sleep(authority.delay)
            if authority.mode == "redirect":
                self.send_response(302)
                self.send_header("Location", "file:///etc/hostname")
                self.end_headers()
                return
            kind, reply = "application/timestamp-reply", b""
            if authority.mode == "html":
                kind, reply = "text/html", b"<html>Please log in to this network</html>"
            elif authority.mode == "huge":
                reply = bytes(3_000_000)
            elif self.headers["Content-Type"] == "application/timestamp-query":
                reply = authority.reply(body)
                authority.answered.append(reply)
            self._send(kind, reply)

        def do_GET(self) -> None:
            if self.path.endswith(".crl"):
                self._send("application/pkix-crl", authority.crl())
            else:
                self.send_error(404)

        def _send(self, kind: str, body: bytes) -> None:
            with contextlib.suppress(OSError):  # the asker went away
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler
