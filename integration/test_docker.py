"""The container image, built for real by buildah on a base that debootstrap makes. Nothing of it
outlives the test but what is under build/."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

import servers
import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
BASE = "localhost/debian-base"
MINUTES = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(15 * MINUTES)]


def run(*command, seconds=300, **options):
    """Its standard output; a failure shows what the command said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False,
                          **options)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


def why_not():
    """Why no image can be built here, or None."""
    missing = [name for name in ("buildah", "debootstrap") if not find(name)]
    if missing:
        return f"docker image: {', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "docker image: debootstrap needs root"
    return None


def find(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Store:
    """A container store of our own, so that no other one is touched."""

    def __init__(self, place):
        self.place = place
        self.options = ["--root", str(place / "root"), "--runroot", str(place / "run"),
                        "--storage-driver", "vfs"]

    def buildah(self, *arguments, **options):
        return run("buildah", *self.options, *arguments, **options)

    def import_base(self, tree):
        container = self.buildah("from", "scratch")
        self.buildah("add", "-q", container, str(tree), "/")
        self.buildah("commit", "-q", container, BASE)
        self.buildah("rm", container)


@pytest.fixture(scope="module")
def place():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    place = ROOT / "build" / "docker-test"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def store(place):
    """A store with the image `slipring` in it."""
    tree = place / "debian"
    try:
        run("debootstrap", "--variant=minbase", "bookworm", str(tree), MIRROR, seconds=240)
    except (AssertionError, subprocess.TimeoutExpired) as err:
        pytest.skip(f"docker image: debootstrap cannot make a base here: {str(err)[-300:]}")
    store = Store(place)
    store.import_base(tree)
    shutil.rmtree(tree)
    store.buildah("bud", "--format", "docker", "--isolation=chroot", "--build-arg", f"BASE={BASE}",
                  "-t", "slipring", str(ROOT), seconds=10 * MINUTES)
    return store


@pytest.fixture(scope="module")
def image(store):
    """What the image's maker says about it, as Docker has it."""
    return json.loads(store.buildah("inspect", "--type", "image", "slipring"))["Docker"]


def test_runs_as_a_user_who_is_not_root(image):
    assert image["config"]["User"] not in ("", "0", "root")


def test_asks_the_admin_address_for_its_health(image):
    check = image["config"]["Healthcheck"]["Test"]
    assert check[:3] == ["CMD", "/usr/bin/slipring", "status"]


def test_exposes_the_ports_of_the_examples(image):
    assert set(image["config"]["ExposedPorts"]) == {"11211/tcp", "6379/tcp", "9601/tcp"}
    assert image["config"]["Entrypoint"] == ["/usr/bin/slipring"]


@pytest.fixture
def container(store):
    name = store.buildah("from", "slipring")
    yield name
    store.buildah("rm", name)


def test_is_small_and_has_no_shell(store, container):
    tree = pathlib.Path(store.buildah("mount", container))
    try:
        size = sum(f.lstat().st_size for f in tree.rglob("*") if f.is_file())
        assert size < 40 << 20
        assert not (tree / "bin/sh").exists() and not (tree / "usr/bin/apt-get").exists()
        assert (tree / "usr/bin/slipring").stat().st_mode & 0o777 == 0o755
    finally:
        store.buildah("umount", container)


def in_container(store, container, *command):
    return ["buildah", *store.options, "run", "--isolation=chroot", container, "--", *command]


def test_the_program_runs_in_it(store, container):
    said = run(*in_container(store, container, "/usr/bin/slipring", "--version"))
    assert "slipring" in said


def test_serves_and_is_healthy(store, container, memcacheds, tmp_path):
    """The image's own program and health check, as its user, on the host's loopback."""
    admin, port = servers.free_port(), servers.free_port()
    config = tmp_path / "slipring.yaml"
    config.write_text(
        f"workers: 1\nadmin: {{listen: 127.0.0.1:{admin}}}\npools:\n  main:\n"
        f"    protocol: memcached\n    listen: 127.0.0.1:{port}\n"
        f"    shards: [127.0.0.1:{memcacheds[0].port}]\n")
    config.chmod(0o644)
    store.buildah("copy", "-q", container, str(config), "/etc/slipring/slipring.yaml")
    serving = subprocess.Popen(
        in_container(store, container, "/usr/bin/slipring", "run", "-c",
                     "/etc/slipring/slipring.yaml"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wire.wait_until(lambda: accepts(port), "the proxy in the container to listen", 20)
        assert uid_of_listener(port) == 10001
        run(*in_container(store, container, "/usr/bin/slipring", "status", "--admin",
                          f"127.0.0.1:{admin}"))
    finally:
        serving.terminate()
        serving.wait(20)


def accepts(port):
    try:
        wire.connect_socket(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def uid_of_listener(port):
    """Whose socket listens there, by /proc/net/tcp."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
            return int(fields[7])
    return None
