"""The page in headless Chromium: what it makes of small models and pictures is what tfgans makes of them."""

import importlib.util
import io
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import page_models
import pytest
from inference_models import photograph
from PIL import Image

import tfgans
from tfgans.data.palettes import palette
from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.images import to_uint8
from tfgans.inference.exported import Exported

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("tf2onnx")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("needs Chromium", allow_module_level=True)

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
TIMEOUT = 120_000  # milliseconds: a busy machine is slow
expect = sync_api.expect
expect.set_options(timeout=TIMEOUT)


def program(name: str) -> ModuleType:
    """A program of web/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"web_{name}", ROOT / "web" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build, serve = program("build"), program("serve")


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    real = {"name": "cdcgan-mnist", "title": "digits", "panel": "draw"}
    return [real, *page_models.save(tmp_path_factory.mktemp("models"))]


@pytest.fixture(scope="module")
def site(entries: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the page in play/, built once."""
    folder = tmp_path_factory.mktemp("site")
    return built(folder, entries)


def built(folder: Path, models: list[dict[str, Any]], cache: Path | None = None) -> Path:
    """A site with the page; npm's package is that of an earlier build."""
    cache = cache or folder / "cache"
    archive = ROOT / "build" / "npm" / f"{build.PACKAGE}-{build.VERSION}.tgz"
    if not archive.exists():
        pytest.skip(f"needs {archive.name}, which 'make site' fetches")
    if not (cache / "npm" / archive.name).exists():
        (cache / "npm").mkdir(parents=True)
        shutil.copy(archive, cache / "npm")
    build.build(folder / "site" / "play", models, cache)
    return folder / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serve.server(site, quiet=True) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/play/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
            yield browser


class Visit:
    """A page, with the errors on its console and its requests."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.context.set_default_timeout(TIMEOUT)
        self.page = self.context.new_page()
        self.address = address
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    @property
    def outside(self) -> list[str]:
        """Requests to other places than the page's."""
        own = ("blob:", self.address.rsplit("/play/", 1)[0] + "/")
        return [url for url in self.requests if not url.startswith(own)]

    def canvas(self, selector: str) -> np.ndarray:
        """The colours on a canvas, uint8 (h, w, 3)."""
        read = """canvas => {
            const {width, height} = canvas;
            const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
            return [height, width, Array.from(data)];
        }"""
        height, width, data = self.page.locator(selector).evaluate(read)
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

    def latents(self, declared: dict[str, Any], share: float | None = None) -> np.ndarray:
        """The page's latents of noise A, or between A and B (1 and 2), as one row."""
        draw = """async ([declared, share]) => {
            const {between, latentsOf} = await import(new URL("js/random.js", location.href));
            const [a, b] = [1, 2].map((seed) => latentsOf(seed, declared));
            return Array.from(between(a, b, share, declared.high > 1));
        }"""
        return np.array([self.page.evaluate(draw, [declared, share or 0])], np.float32)

    def says(self, text: str) -> None:
        expect(self.page.locator("#status")).to_contain_text(text)

    def idle(self, section: Any) -> None:
        """Wait until what was asked last is drawn."""
        expect(section.locator(".stage")).to_have_attribute("aria-busy", "false")

    def tab(self, name: str) -> Any:
        self.page.get_by_role("tab", name=name).click()
        return self.page.locator(f"#{name.lower()}")

    def picture(self, panel: str, model: str, content: bytes, name: str = "picture.png") -> Any:
        """Open a picture in a panel and choose a model."""
        section = self.tab(panel)
        section.get_by_label("Model").select_option(model)
        section.locator("input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": content})
        return section

    def downloaded(self, section: Any) -> np.ndarray:
        with self.page.expect_download() as download:
            section.get_by_role("link", name="Download").click()
        return np.asarray(Image.open(download.value.path()))


@pytest.fixture(scope="module")
def visit(browser: Any, address: str) -> Any:
    return Visit(browser, address)


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves an error on the console, and none asks for anything beyond the page's own place."""
    yield
    if "visit" in request.fixturenames:
        visit = request.getfixturevalue("visit")
        assert visit.errors == []
        assert visit.outside == []


def path_of(entries: list[dict[str, Any]], name: str) -> str:
    return next(each["path"] for each in entries if each["name"] == name)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def close(made: np.ndarray, wanted: np.ndarray, levels: int = 1) -> None:
    assert made.shape == wanted.shape
    assert np.abs(made.astype(int) - wanted.astype(int)).max() <= levels
    assert np.ptp(wanted) > 20


# -- draw ------------------------------------------------------------------------------------------------------------


def test_digits_are_those_of_the_model(visit: Any) -> None:
    section = visit.tab("Draw")
    section.get_by_label("Model").select_option("cdcgan-mnist")
    section.get_by_label("From A to B").fill("0")
    expect(section.locator("canvas")).to_have_count(10)
    visit.idle(section)
    model = Exported("cdcgan-mnist")
    z = visit.latents({"shape": [None, 100], "low": -4, "high": 4})
    wanted = to_uint8(model.generate(np.repeat(z, 10, 0), np.arange(10)))
    for i in range(10):
        close(visit.canvas(f"#draw figure:nth-child({i + 1}) canvas")[..., :1], wanted[i])
    section.get_by_role("radio", name="7", exact=True).check()
    visit.idle(section)
    close(visit.canvas("#draw canvas")[..., :1], wanted[7])
    section.get_by_label("From A to B").fill("0.5")
    visit.idle(section)
    z = visit.latents({"shape": [None, 100], "low": -4, "high": 4}, 0.5)
    close(visit.canvas("#draw canvas")[..., :1], to_uint8(model.generate(z, np.array([7])))[0])


def test_codes_change_the_image_as_the_slider_moves(visit: Any, entries: list[dict[str, Any]]) -> None:
    section = visit.tab("Draw")
    section.get_by_label("Model").select_option("codes")
    expect(section.locator("canvas")).to_have_attribute("width", "8")
    model = Exported(path_of(entries, "codes"))
    slider = section.get_by_label("Code 2")
    slider.press("End")
    section.get_by_role("radio", name="1", exact=True).check()
    section.get_by_label("From A to B").fill("0.25")
    visit.idle(section)
    z = visit.latents({"shape": [None, 4], "low": -1, "high": 1}, 0.25)
    wanted = to_uint8(model.generate(z, codes=np.array([[0, 1, 0, 0, 1]], np.float32)))[0]
    close(visit.canvas("#draw canvas")[..., :1], wanted)


def test_pairs_share_their_latents(visit: Any) -> None:
    section = visit.tab("Draw")
    section.get_by_label("Model").select_option("pairs")
    expect(section.locator("figcaption")).to_have_text(["left", "right"])
    a, b = (visit.canvas(f"#draw figure:nth-child({i}) canvas").astype(int) for i in (1, 2))
    assert np.abs(a + b - 255).max() <= 1 and np.ptp(a) > 50


# -- restore ---------------------------------------------------------------------------------------------------------


def test_enlarged_pictures_are_those_of_the_command_line(visit: Any, entries: list[dict[str, Any]]) -> None:
    pixels = photograph(70, 90)
    section = visit.picture("Restore", "larger", png(pixels))
    visit.says("90x70 pixels")
    section.get_by_role("button", name="Enlarge").click()
    visit.says("Done: 180x140")
    wanted = np.asarray(tfgans.load(path_of(entries, "larger")).restore(Image.fromarray(pixels)))
    close(visit.downloaded(section), wanted)
    close(visit.canvas("#restore canvas.after"), wanted)
    slider = section.get_by_label("Before and after")
    slider.press("Home")
    assert visit.page.locator("#restore canvas.after").evaluate("each => each.style.clipPath").endswith(" 0%)")


def test_transparency_is_kept(visit: Any, entries: list[dict[str, Any]]) -> None:
    pixels = np.concatenate([photograph(40, 50), np.full((40, 50, 1), 255, np.uint8)], axis=-1)
    pixels[10:20, 10:30, 3] = 0
    section = visit.picture("Restore", "larger", png(pixels))
    visit.says("50x40 pixels")
    section.get_by_role("button", name="Enlarge").click()
    visit.says("Done: 100x80")
    wanted = np.asarray(tfgans.load(path_of(entries, "larger")).restore(Image.fromarray(pixels)))
    made = visit.downloaded(section)
    close(made[..., 3], wanted[..., 3])
    seen = wanted[..., 3] == 255
    close(made[seen], wanted[seen], 2)  # a canvas knows no colours of transparent pixels


def test_coloured_pictures_are_those_of_the_command_line(visit: Any, entries: list[dict[str, Any]]) -> None:
    pixels = photograph(80, 100, 1)
    section = visit.picture("Restore", "coloured", png(pixels))
    visit.says("100x80 pixels")
    section.get_by_role("button", name="Colourize").click()
    visit.says("Done")
    wanted = tfgans.load(path_of(entries, "coloured")).restore(Image.fromarray(pixels))
    close(visit.downloaded(section), np.asarray(wanted))


def test_painted_holes_are_filled(visit: Any, entries: list[dict[str, Any]]) -> None:
    pixels = photograph(60, 80)
    section = visit.picture("Restore", "filled", png(pixels))
    visit.says("80x60 pixels")
    section.get_by_role("button", name="Fill").click()
    visit.says("There is no hole yet")
    section.get_by_label("Brush").fill("8")
    box = section.locator("canvas.mask").bounding_box()
    mouse = visit.page.mouse
    mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6, steps=4)
    mouse.up()
    mask = visit.canvas("#restore canvas.mask").max(axis=-1) > 0
    assert 60 < mask.sum() < 400 and mask[30, 24] and mask[36, 32]
    section.get_by_role("button", name="Fill").click()
    visit.says("Done")
    wanted = np.asarray(tfgans.load(path_of(entries, "filled")).fill(Image.fromarray(pixels), mask))
    made = visit.downloaded(section)
    close(made, wanted)
    np.testing.assert_array_equal(made[~mask], pixels[~mask])
    section.get_by_role("button", name="Undo").click()
    assert not visit.canvas("#restore canvas.mask").any()


def test_a_hole_can_be_painted_with_the_keyboard(visit: Any) -> None:
    section = visit.picture("Restore", "filled", png(photograph(62, 84)))
    expect(section.locator("canvas.mask")).to_have_attribute("width", "84")  # not that of the last picture
    section.locator("canvas.mask").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Space")
    mask = visit.canvas("#restore canvas.mask").max(axis=-1) > 0
    assert mask[31, 44] and not mask[31, 10]


def test_a_long_job_can_be_cancelled(visit: Any) -> None:
    section = visit.picture("Restore", "larger", png(photograph(700, 700)))
    visit.says("700x700 pixels")
    section.get_by_role("button", name="Enlarge").click()
    visit.says("tiles")
    visit.page.get_by_role("button", name="Cancel").click()
    visit.says("Cancelled")
    expect(section.get_by_role("button", name="Enlarge")).to_be_enabled()


# -- translate -------------------------------------------------------------------------------------------------------


def test_painted_maps_are_translated(visit: Any, entries: list[dict[str, Any]]) -> None:
    section = visit.tab("Translate")
    section.get_by_label("Model").select_option("streets")
    visit.idle(section)
    before = visit.canvas("#translate canvas.map")
    section.get_by_role("radio", name="car", exact=True).check()
    section.locator("canvas.map").click()
    visit.idle(section)
    after = visit.canvas("#translate canvas.map")
    assert (after != before).any() and tuple(after[32, 32]) == (0, 0, 142)
    colours = {tuple(each) for each in palette("cityscapes").rgb.tolist()}
    assert {tuple(each) for each in after.reshape(-1, 3).tolist()} <= colours
    wanted = tfgans.load(path_of(entries, "streets")).translate(Image.fromarray(after))
    close(visit.canvas("#translate canvas.made"), np.asarray(wanted))


def test_pictures_are_translated_both_ways(visit: Any, entries: list[dict[str, Any]]) -> None:
    pixels = photograph(30, 41)
    section = visit.picture("Translate", "seasons", png(pixels))
    visit.says("41x30 pixels")
    model = tfgans.load(path_of(entries, "seasons"))
    for name, domain in (("To summer", "summer"), ("To winter", "winter")):
        section.get_by_role("radio", name=name).check()
        section.get_by_role("button", name="Translate").click()
        visit.says("Done")
        close(visit.downloaded(section), np.asarray(model.translate(Image.fromarray(pixels), to=domain)))


# -- what may go wrong -----------------------------------------------------------------------------------------------


def test_bad_files_get_a_line(visit: Any) -> None:
    frames = [Image.fromarray(photograph(20, 30, seed=i)) for i in range(2)]
    animated = io.BytesIO()
    frames[0].save(animated, "GIF", save_all=True, append_images=frames[1:])
    whole = png(photograph(200, 200))
    large = png(np.zeros((3001, 4000), np.uint8))
    for content, line in (
        (b"not a picture, whatever its name", "not a picture in a known format"),
        (whole[: len(whole) // 2], "damaged"),
        (large, "12.0 megapixels; the limit is 12"),
        (b"", "not a picture"),
        (animated.getvalue(), "only its first frame"),
    ):
        visit.picture("Restore", "larger", content)
        visit.says(line)
    visit.tab("Draw")  # nothing is frozen
    visit.page.locator("#draw").get_by_role("button", name="New noise a").click()
    visit.says("Drawn")


def test_the_keyboard_reaches_the_tabs(visit: Any) -> None:
    visit.tab("Draw")
    visit.page.keyboard.press("ArrowRight")
    expect(visit.page.locator("#restore")).to_be_visible()
    visit.page.keyboard.press("ArrowRight")
    expect(visit.page.get_by_role("tab", name="Translate")).to_be_focused()
    assert visit.page.url.endswith("#translate")
    visit.page.keyboard.press("ArrowRight")
    expect(visit.page.locator("#draw")).to_be_visible()
    expect(visit.page.locator("#translate")).to_be_hidden()


def test_every_control_has_a_name(visit: Any) -> None:
    for name in ("Draw", "Restore", "Translate"):
        visit.tab(name)
        for control in visit.page.locator("main :is(button, input, select, a)").all():
            if control.is_visible():
                named = "each => each.labels?.length || each.textContent.trim() || each.ariaLabel"
                assert control.evaluate(named), control


def test_models_are_loaded_once_and_kept(browser: Any, address: str) -> None:
    visit = Visit(browser, address)
    expect(visit.page.locator("#draw canvas")).to_have_count(10)
    assert [url for url in visit.requests if url.endswith(".onnx")] == [f"{address}models/cdcgan-mnist/generate.onnx"]
    visit.requests.clear()
    visit.page.reload()
    expect(visit.page.locator("#draw canvas")).to_have_count(10)
    assert not [url for url in visit.requests if url.endswith(".onnx")]
    assert visit.errors == []
    visit.context.close()


def test_any_static_server_and_folder_will_do(browser: Any, site: Path) -> None:
    """Without the headers, the page computes in one thread; on a phone's width nothing sticks out."""
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *args: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(site.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        visit = Visit(
            browser, f"http://127.0.0.1:{server.server_port}/{site.name}/play/", is_mobile=True, has_touch=True
        )
        visit.page.set_viewport_size({"width": 390, "height": 844})
        expect(visit.page.locator("#draw canvas")).to_have_count(10)
        assert not visit.page.evaluate("crossOriginIsolated")
        for name in ("Draw", "Restore", "Translate"):
            visit.tab(name)
            assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
        assert visit.errors == []
        visit.context.close()
        server.shutdown()


def test_panels_without_models_say_so(browser: Any, address: str) -> None:
    visit = Visit(browser, "about:blank")
    visit.page.route("**/models/index.json", lambda route: route.fulfill(json={"models": []}))
    visit.page.goto(address)
    for name in ("Draw", "Restore", "Translate"):
        expect(visit.tab(name)).to_contain_text("no trained model")
    visit.context.close()


def test_the_server_isolates_the_page_and_states_its_policy(address: str) -> None:
    with urllib.request.urlopen(address) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    rules = {name: places for name, _, places in (rule.strip().partition(" ") for rule in policy.split(";"))}
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'" and rules["connect-src"] == "'self'"
    with urllib.request.urlopen(f"{address}ort/ort-wasm-simd-threaded.wasm") as answer:
        assert answer.headers["Content-Type"] == "application/wasm"


# -- building --------------------------------------------------------------------------------------------------------


def test_a_second_build_converts_nothing(
    site: Path, entries: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    page = site / "play"
    before = (page / "models" / "index.json").read_text()
    absent = {"name": "absent", "title": "absent", "panel": "draw"}
    build.build(page, [*entries, absent], site.parent / "cache")
    said = capsys.readouterr().err
    assert "absent is not in saved_models/: left out\n" in said and "converting" not in said
    assert (page / "models" / "index.json").read_text() == before


def test_building_refuses_other_folders_and_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UserError, match="holds files that are not the page's"):
        build.build(tmp_path, [])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="npm is missing"):
        build.build(tmp_path / "new", [], tmp_path / "cache")
    (tmp_path / "npm").mkdir()
    (tmp_path / "npm" / f"{build.PACKAGE}-{build.VERSION}.tgz").write_bytes(b"changed")
    with pytest.raises(UserError, match="its hash differs"):
        build.build(tmp_path / "new", [], tmp_path)
    assert not (tmp_path / "new").exists()


# -- real models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page with models of pictures in saved_models/."""
    names = ("srgan-photos", "unet_gan-colorize-scenes", "unet_gan-inpaint-scenes")
    entries: list[dict[str, Any]] = [
        {"name": name, "title": name, "panel": "restore", "action": "Start"} for name in names
    ]
    street = {"name": STREET, "title": STREET, "panel": "translate", "palette": "cityscapes", "size": [128, 128]}
    entries.append(street)
    site = built(tmp_path_factory.mktemp("real"), entries, ROOT / "build")
    with serve.server(site, quiet=True) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Visit(browser, f"http://127.0.0.1:{server.server_port}/play/")
        server.shutdown()


STREET = "pix2pix-labels_to_photo-cityscapes"


def scene(height: int, width: int) -> np.ndarray:
    """A detail of a photograph, from the sheet of a model in saved_models/."""
    sheet = Image.open(ROOT / "saved_models" / "unet_gan-colorize-scenes" / "samples.png").convert("RGB")
    return np.asarray(sheet.crop((10, sheet.height - height - 20, 10 + width, sheet.height - 20)))


@pytest.mark.slow
def test_real_models_restore_as_on_the_command_line(real: Any) -> None:
    pixels = scene(100, 120)
    section = real.picture("Restore", "srgan-photos", png(pixels[:40, :50]))
    real.says("50x40 pixels")
    section.get_by_role("button", name="Start").click()
    real.says("Done: 200x160")
    close(real.downloaded(section), np.asarray(tfgans.load("srgan-photos").restore(Image.fromarray(pixels[:40, :50]))))
    section = real.picture("Restore", "unet_gan-colorize-scenes", png(pixels))
    real.says("120x100 pixels")
    section.get_by_role("button", name="Start").click()
    real.says("Done: 120x100")
    close(
        real.downloaded(section), np.asarray(tfgans.load("unet_gan-colorize-scenes").restore(Image.fromarray(pixels)))
    )
    section = real.picture("Restore", "unet_gan-inpaint-scenes", png(pixels))
    real.says("120x100 pixels")
    section.get_by_label("Brush").fill("12")
    section.locator("canvas.mask").click(position={"x": 100, "y": 100})
    mask = real.canvas("#restore canvas.mask").max(axis=-1) > 0
    section.get_by_role("button", name="Start").click()
    real.says("Done: 120x100")
    close(
        real.downloaded(section), np.asarray(tfgans.load("unet_gan-inpaint-scenes").fill(Image.fromarray(pixels), mask))
    )
    assert real.errors == [] and real.outside == []


@pytest.mark.slow
def test_a_real_street_is_that_of_the_model_but_for_its_noise(real: Any) -> None:
    section = real.tab("Translate")
    real.idle(section)
    made = real.canvas("#translate canvas.made").astype(float)
    streets = Image.fromarray(real.canvas("#translate canvas.map"))
    model = tfgans.load(STREET)
    one, other = (np.asarray(model.translate(streets, seed=seed)).astype(float) for seed in (0, 1))
    noise = np.abs(one - other).mean()
    assert np.abs(made - one).mean() < 1.5 * noise + 1
    assert noise < 10 and np.std(one) > 20
