"""One service's sandbox: bubblewrap with exactly what compose and the image give, and no more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.stack.composed import Service, Tmpfs
from tests.stack.errors import StackError
from tests.stack.images import Image

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib64")
_CONFIGURATION = ("/etc/ssl", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/mime.types")
_SHARED_MEMORY = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What a sandbox is made of.

    Attributes:
        service: What compose says.
        image: What the image brings.
        hostname: Its name inside.
        hosts: The file that is its /etc/hosts.
        volumes: Where named volumes lie.
        scratch: A folder of the sandbox's own, for links to programs and for short files.
    """

    service: Service
    image: Image
    hostname: str
    hosts: Path
    volumes: Path
    scratch: Path

    @property
    def uid(self) -> int:
        """The user that the service runs as."""
        return self._ids[0]

    @property
    def gid(self) -> int:
        """The group that the service runs as."""
        return self._ids[1]

    @property
    def _ids(self) -> tuple[int, int]:
        name, _, group = (self.service.user or self.image.user or "0").partition(":")
        account = next((a for a in self.image.accounts if name in (a.name, str(a.uid))), None)
        if account is None and not name.isdigit():
            raise StackError(f"service {self.service.name}: its image has no user {name}")
        uid = account.uid if account else int(name)
        return uid, int(group) if group else (account.gid if account else 0)

    @property
    def home(self) -> str:
        """What an engine sets HOME to."""
        return next((a.home for a in self.image.accounts if a.uid == self.uid), "/")

    def environment(self) -> dict[str, str]:
        """Return the whole environment: the image's, compose's, and what an engine adds."""
        return {
            "HOME": self.home,
            "HOSTNAME": self.hostname,
            **self.image.environment,
            **self.service.environment,
        }

    def command(self, arguments: Sequence[str] | None = None) -> list[str]:
        """Return the command line; arguments take the place of compose's command."""
        service, image = self.service, self.image
        entrypoint = image.entrypoint if service.entrypoint is None else service.entrypoint
        command = service.command if arguments is None else tuple(arguments)
        if command is None:
            command = image.command if service.entrypoint is None else ()
        return [*entrypoint, *command]

    @property
    def working_dir(self) -> str:
        """Where the command runs."""
        return self.service.working_dir or self.image.working_dir

    def arguments(self) -> list[str]:
        """Return what bubblewrap is told: namespaces, then files in the order of mounting."""
        shared = self.service.shm_size or _SHARED_MEMORY
        return [
            *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
            *("--hostname", self.hostname),
            *self._system(),
            *self._image(),
            *("--proc", "/proc", "--dev", "/dev"),
            *("--perms", "1777", "--size", str(shared), "--tmpfs", "/dev/shm"),
            *self._mounts(),
            *self._in_memory(),
            *("--remount-ro", "/dev"),
            *(("--remount-ro", "/") if self.service.read_only else ()),
            *("--chdir", self.working_dir),
        ]

    def owned(self) -> dict[str, str]:
        """Return the folders that are somebody's, as ``uid:gid`` by path, where one can write."""
        found = {
            memory.target: f"{memory.uid or 0}:{memory.gid or 0}"
            for memory in self.service.tmpfs
            if memory.uid is not None or memory.gid is not None
        }
        if not self.service.read_only:
            made = self.image.directories.items()
            found |= {path: f"{directory.uid}:{directory.gid}" for path, directory in made}
        return found

    def _system(self) -> list[str]:
        """The programs of the machine, below /usr alone."""
        arguments = ["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc"]
        for path in _SYSTEM:
            if Path(path).is_symlink():
                arguments += ["--symlink", str(Path(path).readlink()).lstrip("/"), path]
            elif Path(path).is_dir():
                arguments += ["--ro-bind", path, path]
        for path in _CONFIGURATION:
            arguments += ["--ro-bind-try", path, path]
        return [*arguments, "--dir", "/run", "--dir", "/var", "--symlink", "../run", "/var/run"]

    def _image(self) -> list[str]:
        image, arguments = self.image, []
        # Bare names are found on the PATH of the image, which knows /usr/local/bin.
        links = self.scratch / "bin"
        links.mkdir(exist_ok=True)
        for name, program in image.programs.items():
            if "/" not in name:
                _link(links / name, program)
        binds = self._binds()
        texts = {**image.files, **self._etc()}
        arguments += [*_ancestors([*binds, *texts]), "--ro-bind", str(links), "/usr/local/bin"]
        for path, directory in sorted(image.directories.items()):
            arguments += ["--perms", format(directory.mode, "04o"), "--dir", path]
        arguments += _bound(binds)
        for path, text in texts.items():
            arguments += ["--ro-bind", str(self._written(path, text)), path]
        return [*arguments, "--ro-bind", str(self.hosts), "/etc/hosts"]

    def _binds(self) -> dict[str, Path]:
        """What the image brings from this machine, by its path inside."""
        binds = dict(self.image.binds)
        for name, program in self.image.programs.items():
            if "/" not in name:
                if not str(program).startswith("/usr/"):
                    binds.setdefault(str(program), program)
            elif not name.startswith(_SYSTEM):
                binds[name] = program
        return binds

    def _in_memory(self) -> list[str]:
        """Once more what a tmpfs has hidden: programs of a clone that lies below /tmp."""
        hidden = {
            target: source
            for target, source in self._binds().items()
            if any(PurePosixPath(target).is_relative_to(m.target) for m in self.service.tmpfs)
        }
        return [*_ancestors(hidden), *_bound(hidden)]

    def _etc(self) -> dict[str, str]:
        accounts = self.image.accounts
        users = [f"{a.name}:x:{a.uid}:{a.gid}::{a.home}:/usr/sbin/nologin\n" for a in accounts]
        groups = {0: "root", **{a.gid: a.name for a in accounts if a.gid}}
        return {
            "/etc/passwd": "".join(users),
            "/etc/group": "".join(f"{name}:x:{gid}:\n" for gid, name in groups.items()),
            "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
            "/etc/hostname": f"{self.hostname}\n",
            "/etc/resolv.conf": "",
        }

    def _mounts(self) -> list[str]:
        """What compose mounts, the outer before the inner."""
        found: list[tuple[str, list[str]]] = []
        for mount in self.service.mounts:
            source = mount.path or self._volume(mount.volume, mount.target)
            if not source.exists():
                raise StackError(f"service {self.service.name}: {source} is not there to mount")
            how = "--ro-bind" if mount.read_only else "--bind"
            found.append((mount.target, [how, str(source), mount.target]))
        for target, source in self.service.secrets.items():
            if not source.exists():
                raise StackError(f"service {self.service.name}: secret file {source} is missing")
            found.append((target, ["--ro-bind", str(source), target]))
        found += [(memory.target, _memory(memory)) for memory in self.service.tmpfs]
        found.sort(key=lambda pair: len(PurePosixPath(pair[0]).parts))
        arguments = [part for _, words in found for part in words]
        return [*_ancestors([target for target, _ in found]), *arguments]

    def _volume(self, name: str, target: str) -> Path:
        """A new volume takes over the owner and the mode of the image's folder, as an engine's."""
        folder = self.volumes / name
        if not folder.exists():
            folder.mkdir(parents=True)
            directory = self.image.directories.get(target)
            if directory:
                give(folder, directory.uid, directory.gid, directory.mode)
            else:
                give(folder, 0, 0, 0o755)
        return folder

    def _written(self, path: str, text: str) -> Path:
        file = self.scratch / path.strip("/").replace("/", "%")
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
        return file


def give(folder: Path, uid: int, gid: int, mode: int) -> None:
    """Make a folder somebody's, where whoever walks may do so."""
    folder.chmod(mode)
    if os.geteuid() == 0:
        os.chown(folder, uid, gid)


def privileges(box: Box) -> list[str]:
    """Return the words before a command that make root's child the declared user, without means.

    A normal user needs none: bubblewrap maps them to the declared user and drops everything.
    """
    if os.geteuid() != 0:
        return []
    service = box.service
    words = [f"--reuid={box.uid}", f"--regid={box.gid}", "--clear-groups", "--inh-caps=-all"]
    if "ALL" in service.cap_drop:
        words.append("--bounding-set=-all")
    if any(option.startswith("no-new-privileges") for option in service.security_opt):
        words.append("--no-new-privs")
    return ["/usr/bin/setpriv", *words, "--"]


def user_namespace(box: Box) -> list[str]:
    """Return what bubblewrap is told about users where the walker is not root."""
    if os.geteuid() == 0:
        return []
    return ["--unshare-user", "--uid", str(box.uid), "--gid", str(box.gid), "--cap-drop", "ALL"]


def program(box: Box, words: Sequence[str]) -> list[str]:
    """Return a command with the image's own path of a program replaced by the local one."""
    local = box.image.programs.get(words[0]) if words and words[0].startswith(_SYSTEM) else None
    return [str(local), *words[1:]] if local else list(words)


def require_sandboxes() -> None:
    """Refuse where nothing can be sandboxed.

    Raises:
        StackError: Neither is this root nor may users make namespaces.
    """
    mapped = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    probe = ["unshare", *mapped, "--net", "bwrap", "--ro-bind", "/", "/", "--unshare-pid", "true"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
    except FileNotFoundError as exc:
        raise StackError(f"{exc.filename} is not installed (util-linux, bubblewrap)") from exc
    if done.returncode:
        raise StackError(
            "the stack needs root or unprivileged user namespaces; this machine grants neither: "
            + done.stderr.strip()
        )


def _memory(memory: Tmpfs) -> list[str]:
    size = ["--size", str(memory.size)] if memory.size else []
    return ["--perms", memory.mode.rjust(4, "0"), *size, "--tmpfs", memory.target]


def _ancestors(paths: Iterable[str]) -> list[str]:
    """Return what makes the folders above paths: bubblewrap would close them to other users."""
    above = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"/"}
    return [word for path in sorted(above) for word in ("--perms", "0755", "--dir", path)]


def _bound(binds: Mapping[str, Path]) -> list[str]:
    """Return what binds files and folders, the outer before the inner."""
    ordered = sorted(binds.items(), key=lambda pair: pair[0].count("/"))
    return [word for target, source in ordered for word in ("--ro-bind", str(source), target)]


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
