"""Build the page: python web/build.py [-o build/site/play]

Converts the models of models.yaml to ONNX, copies static/ and takes onnxruntime-web from npm. Conversions are kept in
build/onnx and made anew only for a changed model.
"""

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from tfgans.errors import UserError
from tfgans.files import ROOT, unfinished_folder, whole, write_json

HERE = Path(__file__).resolve().parent
PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
ENDPOINTS = ("generate", "restore", "fill", "translate", "a_to_b", "b_to_a")
SIDE, GAP = 128, 2  # pixels of a picture on a sheet of samples, and between two of them
RUNTIME = (  # a program and its WebAssembly: for processors alone, and for WebGPU
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)


def build(output: Path, models: list[dict[str, Any]], cache: Path = ROOT / "build") -> list[str]:
    """Write the page with these models, entries of models.yaml, to a folder. Returns the names of the models it holds.

    Raises UserError if the folder holds something else, or npm is absent.
    """
    if output.exists() and not (output / "models" / "index.json").is_file() and any(output.iterdir()):
        raise UserError(f"{output} holds files that are not the page's; choose another folder with -o")
    archive = runtime(cache / "npm")
    with unfinished_folder(output) as folder:
        shutil.copytree(HERE / "static", folder, dirs_exist_ok=True)
        extract(archive, folder / "ort")
        manifest = [entry for each in models if (entry := add(each, folder, cache / "onnx"))]
        write_json(folder / "models" / "index.json", {"models": manifest})
        shutil.rmtree(output, ignore_errors=True)
        os.replace(folder, output)
    return [entry["name"] for entry in manifest]


def add(entry: dict[str, Any], folder: Path, cache: Path) -> dict[str, Any] | None:
    """Add a model to the page; returns its entry in the manifest, or None if it is not in saved_models/."""
    saved = Path(entry.get("path") or ROOT / "saved_models" / entry["name"])
    if not (saved / "saved_model.pb").is_file():
        print(f"{entry['name']} is not in saved_models/: left out", file=sys.stderr)
        return None
    converted = cache / entry["name"]
    kept = conversion(saved, converted)
    target = folder / "models" / entry["name"]
    target.mkdir(parents=True)
    endpoints = {}
    for name, declaration in kept["endpoints"].items():
        shutil.copyfile(converted / f"{name}.onnx", target / f"{name}.onnx")
        content = (target / f"{name}.onnx").read_bytes()
        endpoints[name] = {
            "file": f"models/{entry['name']}/{name}.onnx",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "declaration": declaration,
        }
    made = {key: value for key, value in entry.items() if key != "path"}
    if "palette" in entry:
        made["palette"] = colours(entry["palette"])
    if "example" in entry:
        made["example"] = f"models/{entry['name']}/example.png"
        example(*entry["example"]).save(folder / made["example"])
    return {**made, **kept["declared"], "whole": kept["whole"], "endpoints": endpoints}


def conversion(saved: Path, folder: Path) -> dict[str, Any]:
    """The ONNX files of a model in a folder, made unless they are there; returns what the manifest takes from them."""
    record, fingerprint = folder / "model.json", fingerprint_of(saved)
    if record.is_file():
        kept = json.loads(record.read_text())
        if kept["fingerprint"] == fingerprint and all(
            (folder / f"{name}.onnx").is_file() for name in kept["endpoints"]
        ):
            return kept
    print(f"converting {saved.name}", file=sys.stderr)
    from tfgans import endpoint  # imports TensorFlow, which a build with all conversions does without
    from tfgans.inference.exported import Exported
    from tfgans.inference.formats import to_onnx
    from tfgans.inference.tiling import pictures_of

    record.unlink(missing_ok=True)
    model = Exported(saved)
    names = [name for name in model.endpoints if name in ENDPOINTS]
    for name in names:
        content = to_onnx(model, name)
        with whole(folder / f"{name}.onnx") as temporary:
            temporary.write_bytes(content)
    declaration = json.loads(endpoint.to_json(model.declaration))
    pictures = [name for name in names if name != "generate"]
    kept = {
        "fingerprint": fingerprint,
        "endpoints": {name: declaration["endpoints"][name] for name in names},
        "declared": {key: declaration[key] for key in ("class_names", "domains") if declaration.get(key)},
        "whole": pictures_of(model, pictures[0]).whole if pictures else None,
    }
    write_json(record, kept)
    return kept


def fingerprint_of(saved: Path) -> str:
    """A hash of a SavedModel and of the program that converts it."""
    files = [saved / "saved_model.pb", *sorted((saved / "variables").glob("*"))]
    found = hashlib.sha256()
    for path in [*files, ROOT / "tfgans" / "inference" / "formats.py"]:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def colours(name: str) -> list[dict[str, Any]]:
    """The classes of a palette that one can paint: id, name and colour, without those that measures ignore."""
    from tfgans.data.palettes import palette

    found = palette(name)
    ids = [i for i in range(len(found)) if i not in found.ignored]
    return [{"id": i, "name": found.names[i], "rgb": found.rgb[i].tolist()} for i in ids]


def example(model: str, column: int, row: int) -> Image.Image:
    """A picture on the sheet of samples of a model."""
    left, top = (GAP + i * (SIDE + GAP) for i in (column, row))
    with Image.open(ROOT / "saved_models" / model / "samples.png") as sheet:
        return sheet.crop((left, top, left + SIDE, top + SIDE))


def runtime(cache: Path) -> Path:
    """The package of onnxruntime-web, from npm unless it is there. Raises UserError if it cannot be had or differs."""
    archive = cache / f"{PACKAGE}-{VERSION}.tgz"
    if not archive.is_file():
        if shutil.which("npm") is None:
            raise UserError("npm is missing, which fetches onnxruntime-web: install Node.js with npm, then build again")
        cache.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", str(cache)]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode or not archive.is_file():
            lines = (ended.stderr or ended.stdout).strip().splitlines() or ["no reason given"]
            raise UserError(f"npm cannot fetch {PACKAGE} {VERSION}: {lines[0]}")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{found}" != INTEGRITY:
        raise UserError(f"{archive} is not {PACKAGE} {VERSION}: its hash differs; delete it and build again")
    return archive


def extract(archive: Path, folder: Path) -> None:
    """Write the files of the runtime that the page needs."""
    folder.mkdir()
    with tarfile.open(archive) as package:
        for name in RUNTIME:
            member = package.extractfile(f"package/dist/{name}")
            assert member is not None
            with member, open(folder / name, "wb") as target:
                shutil.copyfileobj(member, target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the page of tfgans.")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "site" / "play", help="a folder")
    output = parser.parse_args().output
    try:
        names = build(output, yaml.safe_load((HERE / "models.yaml").read_text()))
    except UserError as error:
        sys.exit(str(error))
    print(f"{output}: {len(names)} models")


if __name__ == "__main__":
    main()
