"""Makes an index of wheels: of the stand-ins, and of the packages installed with this Python.

A wheel of an installed package contains the names of its modules and code that refers to the installation,
because the package's own code may be for this machine. Every distribution gets its own directory, so that
only what an archive requires can be imported.
"""

import os
import shutil
import sys
import zipfile
from importlib import metadata
from pathlib import Path


def main() -> None:
    stand_ins, output = map(Path, sys.argv[1:])
    wheels, sites = output / "wheels", output / "sites"
    wheels.mkdir(parents=True)
    sites.mkdir()
    for folder in sorted(stand_ins.iterdir()):
        stand_in(folder, wheels)
    for distribution in metadata.distributions():
        installed(distribution, wheels, sites)


def stand_in(folder: Path, wheels: Path) -> None:
    name, version = folder.name.rsplit("-", 1)
    extras = folder / "extras.txt"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if extras.exists():
        lines += [f"Provides-Extra: {extra}" for extra in extras.read_text().split()]
    requires = (folder / "requires.txt").read_text().splitlines()
    lines += [f"Requires-Dist: {line}" for line in requires]
    files = {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*.py"))
    }
    wheel(wheels, name, version, "\n".join(lines) + "\n", files)


def installed(distribution: metadata.Distribution, wheels: Path, sites: Path) -> None:
    name, version = distribution.metadata["Name"], distribution.version
    paths = [str(path) for path in distribution.files or []]
    paths = [path for path in paths if not path.startswith((".", "/"))]
    inner = [path for path in paths if ".dist-info/" not in path]
    home = Path(str(distribution.locate_file("")))
    files = {path: lead(home, path) for path in inner if path.endswith(".py")}
    for path in inner:
        if "/" not in path and path.endswith(".so"):
            files.setdefault(path.split(".")[0] + ".py", LIBRARY.format(str(home / path)))
    text = distribution.read_text("METADATA") or ""
    entry_points = distribution.read_text("entry_points.txt") or ""
    wheel(wheels, name, version, text, files, entry_points)
    site = sites / normal(name)
    for path in paths:
        top = path.split("/")[0]
        # A namespace such as `google` belongs to several.
        shared = not (home / top / "__init__.py").exists() and (home / top).is_dir()
        link = site / (path if shared and not top.endswith(".dist-info") else top)
        if not link.is_symlink() and (home / link.relative_to(site)).exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(home / link.relative_to(site), link)


PACKAGE = """__file__ = __spec__.origin = __spec__.loader.path = {0!r}
__path__[:] = [{1!r}]
with open(__file__, encoding="utf-8") as file:
    text = file.read()
exec(compile(text, __file__, "exec"))
"""
MODULE = PACKAGE.replace("__path__[:] = [{1!r}]\n", "")
LIBRARY = """import importlib.util, sys
spec = importlib.util.spec_from_file_location(__name__, {0!r})
sys.modules[__name__] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


def lead(home: Path, path: str) -> str:
    """Returns the code in a wheel that refers to the installed module, from which those below are found."""
    module = home / path
    folder = module.parent.parent if module.name == "__init__.py" else module.parent
    if folder != home and (folder / "__init__.py").exists():
        return ""
    if module.name == "__init__.py":
        return PACKAGE.format(str(module), str(module.parent))
    return MODULE.format(str(module))


def normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def wheel(
    wheels: Path,
    name: str,
    version: str,
    text: str,
    files: dict[str, str],
    entry_points: str = "",
) -> None:
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = files | {
        f"{info}/METADATA": text,
        f"{info}/entry_points.txt": entry_points,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(wheels / f"{stem}-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", record)


if __name__ == "__main__":
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    main()
