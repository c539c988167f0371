"""What the site has besides docs/: README as its start page, the pictures that pages show, and links into the source.

MkDocs calls the functions that begin with `on_`.
"""

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/tfgans/tfgans"
START = "index.md"  # made of README.md
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"<script>(.+?)</script>", re.DOTALL)


def source_of(uri: str) -> Path:
    """The file in the repository that a page is made of."""
    return ROOT / "README.md" if uri == START else ROOT / "docs" / uri


def address(link: str, uri: str) -> str:
    """A link of a page's source as a link of the page: to another page, a copied picture, or the repository."""
    place, _, anchor = link.partition("#")
    if "://" in link or not place:
        return link
    target = (source_of(uri).parent / place).resolve()
    path = target.relative_to(ROOT).as_posix()
    if path == "README.md":
        path = START
    elif path.startswith("docs/") and target.suffix == ".md":
        path = path.removeprefix("docs/")
    elif target.suffix != ".png":
        path = f"{REPOSITORY}/{'tree' if target.is_dir() else 'blob'}/main/{path}"
    found = path if "://" in path else os.path.relpath(path, os.path.dirname(uri) or ".")
    return f"{found}#{anchor}" if anchor else found


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    files.append(File.generated(config, START, content=source_of(START).read_text(encoding="utf-8")))
    for page in files.documentation_pages():
        source = source_of(page.src_uri)
        for link in PICTURE.findall(source.read_text(encoding="utf-8")):
            picture = (source.parent / link).resolve()
            uri = picture.relative_to(ROOT).as_posix()
            if "://" not in link and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(picture)))
    return files


def on_nav(nav: Any, config: Any, files: Any) -> Any:
    from mkdocs.structure.nav import Link

    nav.items.append(Link("Play", "play/"))  # the interactive page, which web/build.py adds
    nav.items.append(Link("GitHub", REPOSITORY))
    return nav


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    uri = page.file.src_uri
    markdown = LINK.sub(lambda found: found[1] + address(found[2], uri) + found[3], markdown)
    return markdown.replace("<details>", '<details markdown="1">')


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Forbid whatever comes from other origins; the theme's own inline scripts are allowed by their hashes."""
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in SCRIPT.findall(output)]
    scripts = " ".join(f"'sha256-{each}'" for each in dict.fromkeys(hashes))
    policy = f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    return output.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
