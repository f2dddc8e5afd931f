"""Monitor files on disk: read with line numbers, judged whole, one clear line per problem."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pydantic
from pydantic_core import ErrorDetails

from monitoring_jobs.errors import InvalidMonitor
from monitoring_jobs.spec import MonitorSpec

if TYPE_CHECKING:
    import yaml

Key = tuple[str | int, ...]
_SUFFIXES = (".yaml", ".yml")
_LARGEST = 2**20
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother = 1, 80, 80


@dataclass(frozen=True, slots=True)
class MonitorFile:
    """A monitor file and what came of it: a spec, or the problems that prevent one."""

    path: Path
    spec: MonitorSpec | None
    problems: tuple[str, ...] = ()


def load_monitor(path: str | Path) -> MonitorSpec:
    """Read one monitor file.

    Raises:
        InvalidMonitor: The file cannot be read or breaks the rules; every problem has a line.
    """
    path = Path(path)
    if not str(path).isprintable():  # Airflow's database could not write where the file is
        shown = str(path).encode("utf-8", "replace").decode()
        raise InvalidMonitor([f"{shown!r}: not every program can write this path; rename it"])
    document = _read(path)
    try:
        spec = MonitorSpec.model_validate(document.mapping)
    except pydantic.ValidationError as exc:
        lines = sorted({_describe(error, document) for error in _distinct(exc)})
        raise InvalidMonitor([f"{path}:{number}: {text}" for number, text in lines]) from None
    return spec.located_in(path.resolve().parent)


def spec_of(mapping: Mapping[str, Any]) -> MonitorSpec:
    """Judge what could stand in a monitor file; relative paths start at the working folder.

    Raises:
        InvalidMonitor: It breaks the rules; every problem names its key.
    """
    try:
        return MonitorSpec.model_validate(mapping)
    except pydantic.ValidationError as exc:
        nowhere = _Document(dict(mapping), {})
        problems = {_describe(error, nowhere)[1] for error in _distinct(exc)}
        raise InvalidMonitor(sorted(problems)) from None


def load_folder(folder: str | Path) -> list[MonitorFile]:
    """Read every monitor file under a folder; a broken one hides none of the others."""
    return load_files([Path(folder)])


def load_mentioning(folder: str | Path, name: str) -> list[MonitorFile]:
    """Read the monitor files under a folder that mention a monitor, as ``load_folder`` would.

    The others are searched for its name and not parsed, which takes a hundredth of the time. A file
    that writes the name in another way, such as with escapes, is not among them.
    """
    word = re.compile(rb"(?<![\w.-])" + re.escape(name.encode()) + rb"(?![\w.-])")
    paths = _find_files([Path(folder)])
    return load_files([path for path in paths if path.stem == name or _mentions(path, word)])


def load_files(paths: Sequence[Path]) -> list[MonitorFile]:
    """Read monitor files, looking into folders; a broken one hides none of the others.

    Two files of one name are both broken: which of them would be meant?
    """
    files = [_load(path) for path in _find_files(paths)]
    homes: dict[str, list[Path]] = {}
    for file in files:
        if file.spec:
            homes.setdefault(file.spec.name, []).append(file.path)
    return [_refuse_shared_name(file, homes) for file in files]


def _find_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the monitor files among ``paths``, each once, looking into folders."""
    seen: set[Path] = set()
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
        for file in inside if path.is_dir() else [path]:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _mentions(path: Path, word: re.Pattern[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            return word.search(file.read(_LARGEST)) is not None
    except OSError:
        return True  # whoever reads it says what is wrong


def known_monitors(folder: Path) -> list[str] | None:
    """Return the names of all monitors in a folder; None where they cannot all be known.

    A broken file hides its name, and an empty folder may be one that is not mounted: who takes None
    for an answer removes nothing.
    """
    files = load_folder(folder)
    names = [file.spec.name for file in files if file.spec is not None]
    return names if names and len(names) == len(files) else None


def _load(path: Path) -> MonitorFile:
    try:
        return MonitorFile(path, load_monitor(path))
    except InvalidMonitor as exc:
        return MonitorFile(path, None, tuple(exc.problems))


def _refuse_shared_name(file: MonitorFile, homes: Mapping[str, list[Path]]) -> MonitorFile:
    if file.spec is None or len(homes[file.spec.name]) == 1:
        return file
    others = ", ".join(str(path) for path in homes[file.spec.name] if path != file.path)
    line = _read(file.path).line_of(("name",))
    problem = f"{file.path}:{line}: name: {file.spec.name!r} is taken by {others}; choose another"
    return MonitorFile(file.path, None, (problem,))


# --- YAML with line numbers -----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Document:
    mapping: dict[str, Any]
    lines: Mapping[Key, int]

    def line_of(self, key: Key) -> int:
        """Return the line of a key, or of the nearest thing around it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def _read(path: Path) -> _Document:
    import yaml

    try:
        if path.exists() and not path.is_file():
            raise InvalidMonitor([f"{path}:1: is no file; give the path of a monitor file"])
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InvalidMonitor([f"{path}:1: is larger than 1 MB; this is no monitor file"])
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidMonitor([f"{path}:1: is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise InvalidMonitor([f"{path}:1: cannot be read: {reason}; check the path"]) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        mapping = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        reason = getattr(exc, "problem", None) or "cannot be parsed"
        raise InvalidMonitor(
            [f"{path}:{line}: is not valid YAML: {reason}; mend this line or the one before"]
        ) from None
    except (ValueError, RecursionError) as exc:  # an impossible date, brackets without end
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise InvalidMonitor(
            [f"{path}:1: is not valid YAML: {reason}; put text in quotes"]
        ) from None
    if not isinstance(mapping, dict) or node is None:
        raise InvalidMonitor([f"{path}:1: is not a mapping of keys; start with 'name: ...'"])
    lines: dict[Key, int] = {}
    twice = list(_walk(node, (), lines, set()))
    if twice:
        raise InvalidMonitor(
            [f"{path}:{line}: {key}: given twice; keep one" for line, key in twice]
        )
    return _Document(mapping, lines)


def _walk(
    node: yaml.Node, key: Key, lines: dict[Key, int], seen: set[int]
) -> Iterator[tuple[int, str]]:
    """Note the line of every key below ``node``; yield the keys that a mapping holds twice.

    What an alias repeats is walked once: an alias may stand inside its own anchor.
    """
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            child = (*key, _scalar(name))
            if child in lines:
                yield name.start_mark.line + 1, _dotted(child)
            lines[child] = name.start_mark.line + 1
            yield from _walk(value, child, lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[*key, index] = value.start_mark.line + 1
            yield from _walk(value, (*key, index), lines, seen)


def _scalar(node: yaml.Node) -> str:
    import yaml

    return str(node.value) if isinstance(node, yaml.ScalarNode) else "?"


# --- pydantic's errors in a person's words --------------------------------------------------------
_REPLACED = {
    "missing": "is missing; add it",
    "string_type": "must be text; put it in quotes",
    "string_unicode": "holds half of a character; leave it out",
    "tuple_type": "must be a list; write [a, b]",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "float_parsing": "must be a number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
}


def _distinct(exc: pydantic.ValidationError) -> Iterator[ErrorDetails]:
    """Yield the errors, without those of union branches that the file did not choose."""
    errors = exc.errors(include_url=False)
    for error in errors:
        is_false_branch = error["type"] == "literal_error" and error["ctx"]["expected"] == "False"
        if is_false_branch and any(
            _is_inside(e["loc"], error["loc"][:-1]) for e in errors if e is not error
        ):
            continue
        yield error


def _is_inside(key: tuple[Any, ...], outer: tuple[Any, ...]) -> bool:
    return key[: len(outer)] == outer


def _describe(error: ErrorDetails, document: _Document) -> tuple[int, str]:
    key = _as_written(error["loc"], document)
    text = _message(error, key)
    line = document.line_of(key)
    return line, f"{_dotted(key)}: {text}" if key else text


def _as_written(location: tuple[str | int, ...], document: _Document) -> Key:
    """Drop the parts of pydantic's location that name a branch of a union, not a key."""
    key: Key = ()
    for part in location:
        if (*key, part) in document.lines or not _is_branch(part):
            key = (*key, part)
    return key


def _is_branch(part: str | int) -> bool:
    return isinstance(part, str) and (
        part in {"file", "sql", "mlflow_artifact", "trailing", "str", "[key]"}
        or part.startswith(("literal[", "dict[", "function-"))
    )


def _message(error: ErrorDetails, key: Key) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(key)
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        return f"{_short(error['input'])} is not one of {error['ctx']['expected']}"
    if kind == "union_tag_not_found":
        return "source: is missing; say parquet, csv or sql"
    if kind == "union_tag_invalid":
        expected = error["ctx"]["expected_tags"].replace("'file'", "'parquet', 'csv'")
        return f"source: {_short(error['ctx']['tag'])} is not one of {expected}"
    return _REPLACED.get(kind, error["msg"][0].lower() + error["msg"][1:])


def _short(value: Any) -> str:
    """Return what a file says there, in so few words that aliases of aliases cannot swell it."""
    return _REPR.repr(value)


def _unknown_key(key: Key) -> str:
    known = _known_keys(key[:-1])
    close = difflib.get_close_matches(str(key[-1]), known, n=1, cutoff=0.5)
    if close:
        return f"unknown key; did you mean {close[0]!r}?"
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key; remove it"


def _known_keys(key: Key) -> list[str]:
    """Return the keys that a file may write below ``key``."""
    models: list[type[pydantic.BaseModel]] = [MonitorSpec]
    for part in key:
        models = [
            inner
            for model in models
            for name, field in model.model_fields.items()
            if part in (name, field.alias)
            for inner in _models_in(field.annotation)
        ] or models
    names = [f.alias or n for model in models for n, f in model.model_fields.items()]
    return list(dict.fromkeys(names))


def _models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _dotted(key: Key) -> str:
    return ".".join(str(part) for part in key)
