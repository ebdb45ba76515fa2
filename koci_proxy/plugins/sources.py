"""The files of the plugin folders, imported under one package per load: an old load lives on beside a new one."""

from __future__ import annotations

import itertools
import sys
import traceback
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

_PREFIX = "koci_plugins_"
_loads = itertools.count(1)


class PluginError(Exception):
    """A plugin cannot be loaded; `complaints` say why, each with its file (and line where known)."""

    def __init__(self, place: str, *flaws: str) -> None:
        self.complaints = tuple(f"{place}: {flaw}" if place else flaw for flaw in flaws)
        super().__init__("\n".join(self.complaints))


class _Fresh(SourceFileLoader):
    """Compiles the source as it is now: a cached .pyc goes by its time stamp, and two edits can share one second."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return _compiled(self.get_data(path), path)


@lru_cache(maxsize=256)
def _compiled(source: bytes, path: str) -> CodeType:
    """A reload compiles what was edited, and nothing else."""
    code: CodeType = compile(source, path, "exec", dont_inherit=True)
    return code


class _Finder:
    """Finds our modules in the plugin folders; the first folder that has a file wins, sub-folders are merged."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if path is None or not fullname.startswith(_PREFIX):
            return None
        tail = fullname.rpartition(".")[2]
        for folder in path:
            file = Path(folder, f"{tail}.py")
            if file.is_file():
                return spec_from_file_location(fullname, file, loader=_Fresh(fullname, str(file)))
        folders = [str(sub) for folder in path if (sub := Path(folder, tail)).is_dir()]
        if not folders:
            return None
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = folders
        return spec


class Sources:
    """One load of the plugin folders, nearest first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)  # before the one that would find the same files, and cached bytecode
        self.roots = tuple(folder.resolve() for folder in folders if folder.is_dir())
        self.package = f"{_PREFIX}{next(_loads)}"
        package = ModuleType(self.package, "The plugins of one load.")
        package.__path__ = [str(root) for root in self.roots]
        sys.modules[self.package] = package

    def files(self, *folders: str) -> dict[str, Path]:
        """The files in these folders of every root, by name: a nearer root hides a farther one, a folder the next."""
        found: dict[str, Path] = {}
        for folder in (root / folder for root in self.roots for folder in folders):
            for file in sorted(folder.glob("[!_]*.py")):
                found.setdefault(file.stem, file)
        return found

    def load(self, file: Path) -> ModuleType:
        """Import a file. `PluginError` with file and line when it cannot be."""
        root = next(root for root in self.roots if file.is_relative_to(root))
        name = ".".join([self.package, *file.relative_to(root).with_suffix("").parts])
        try:
            return import_module(name)
        except (Exception, SystemExit) as error:
            raise PluginError(self.place(error, file), say(error)) from error

    def place(self, error: BaseException, file: Path) -> str:
        """Where in our folders an error was made, as `file:line`."""
        if isinstance(error, SyntaxError) and error.filename:
            return f"{show(Path(error.filename))}:{error.lineno}"
        ours = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if any(Path(frame.filename).is_relative_to(root) for root in self.roots)
        ]
        return f"{show(Path(ours[-1].filename))}:{ours[-1].lineno}" if ours else show(file)

    def drop(self) -> None:
        """Forget the modules; functions already at hand go on working."""
        for name in [name for name in sys.modules if name == self.package or name.startswith(self.package + ".")]:
            del sys.modules[name]


def say(error: BaseException) -> str:
    """An exception in one line, by its kind and words."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def show(file: Path) -> str:
    """A path as a person would type it: from here if it lies below, else whole."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
