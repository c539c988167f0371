"""The README's tables of results, from the cards."""

import re
from typing import Any

from tfgans.card import measured, saved
from tfgans.errors import UserError
from tfgans.files import ROOT

BEGIN, END = "<!-- results: written by python -m tfgans.reports -->", "<!-- end of results -->"


def results_table() -> str:
    """The results of all generators as Markdown, from their cards."""
    lines = [
        "| model | Fréchet distance | × floor | label accuracy % | smallest class % | precision | recall | seeds | n |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, card in measured().items():
        metrics = card.get("metrics", {})
        if "frechet_distance" not in metrics or "gan" not in card or "restore" in card["endpoints"]:
            continue
        protocol = card["protocol"]
        quality = f"{cell(metrics['precision'])} | {cell(metrics['recall'])}"
        lines.append(
            f"| [{name}](saved_models/{name}/card.json) | {cell(metrics['frechet_distance'])} "
            f"| {cell(metrics['frechet_ratio'], 1)} | {cell(metrics.get('label_accuracy'), 1, 100)} "
            f"| {cell(metrics.get('smallest_class'), 1, 100)} | {quality} "
            f"| {len(card['training_seeds'])} | {protocol['n_fake']:,} / {protocol['n_real']:,} |"
        )
    lines += _gallery() + _modes() + _restorations() + _repairs() + _small_restorations()
    judges = [f"{n} ({100 * c['test_accuracy']:.2f}% on test)" for n, c in measured().items() if "test_accuracy" in c]
    lines += [
        "",
        f"Features and labels: {', '.join(judges)}. The floor is real training images scored in the same way.",
    ]
    return "\n".join(lines)


def _gallery(columns: int = 3) -> list[str]:
    """The sheets of what generates, under their names; nothing where there are none."""
    shown = [name for name, card in saved().items() if "sample" in card.get("endpoints", [])]
    shown = [name for name in shown if (ROOT / "saved_models" / name / "samples.png").is_file()]
    if not shown:
        return []
    lines = ["", "|" + " |" * columns, "|" + "---|" * columns]
    for i in range(0, len(shown), columns):
        row = shown[i : i + columns]
        lines += [
            f"| {' | '.join(cells + [''] * (columns - len(row)))} |"
            for cells in (row, [f"![{name}](saved_models/{name}/samples.png)" for name in row])
        ]
    note = (
        "*Not selected. Labels and categories are columns; InfoGAN's continuous codes go from -2 to 2 down the rows, a "
        "block each; DRAW's canvas fills from left to right; points (blue) lie over real ones (orange).*"
    )
    return [*lines, "", note]


def _modes() -> list[str]:
    """The table of the models of data whose modes are counted; nothing where there are none."""
    shown = {name: card for name, card in measured().items() if "modes" in card.get("protocol", {})}
    if not shown:
        return []
    lines = [
        "",
        "| model | modes | of | high quality % | KL to uniform (nats) | seeds | n |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, card in shown.items():
        found, protocol = card["metrics"], card["protocol"]
        lines.append(
            f"| [{name}](saved_models/{name}/card.json) | {cell(found['modes'], 1)} | {protocol['modes']:,} "
            f"| {cell(found.get('high_quality'), 1, 100)} | {cell(found['kl_to_uniform'])} "
            f"| {len(card['training_seeds'])} | {protocol['n_fake']:,} |"
        )
    return lines


def _restorations() -> list[str]:
    """The table of what enlarges, one line for each model and test set; nothing where there is none."""
    shown = {name: card for name, card in saved().items() if _by_test_set(card) and not _keeps_size(card)}
    if not shown:
        return []
    lines = [
        "",
        "| model | images | PSNR dB | bicubic | paper | SSIM | bicubic | paper | SqueezeNet distance | bicubic "
        "| seeds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, card in shown.items():
        found, protocol, reported = card["metrics"], card["protocol"], card.get("reported", {})
        for test in protocol["tests"]:
            cells = []
            for metric, digits in (("psnr", 2), ("ssim", 4), ("squeezenet_distance", 3)):
                cells += [cell(found.get(f"{metric}_{test}{suffix}"), digits) for suffix in ("", "_bicubic")]
                if metric != "squeezenet_distance":
                    cells.append(f"{reported[f'{metric}_{test}']:.{digits}f}" if f"{metric}_{test}" in reported else "")
            lines.append(
                f"| [{name}](saved_models/{name}/card.json) | {test} ({protocol['n_images'][test]}, "
                f"{protocol['degradation']}) | {' | '.join(cells)} | {len(card['training_seeds'])} |"
            )
    return lines


def _by_test_set(card: dict[str, Any]) -> bool:
    """Of a restoration that has scores for each of its test sets."""
    return any(f"psnr_{test}" in card.get("metrics", {}) for test in card.get("protocol", {}).get("tests", []))


def _keeps_size(card: dict[str, Any]) -> bool:
    """Of a restoration: what it is measured beside is what it was given, not an enlargement of that."""
    return any(name.startswith("psnr_") and name.endswith("_source") for name in card.get("metrics", {}))


def _repairs() -> list[str]:
    """The table of the models that colourize or fill holes; nothing where there is none."""
    shown = {name: card for name, card in saved().items() if _keeps_size(card)}
    if not shown:
        return []
    lines = [
        "",
        "| model | images | PSNR dB | before | SSIM | colourfulness | of the originals | in the hole dB "
        "| filled with the mean | biharmonic | Fréchet distance | before | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    columns = [("psnr", "", 2), ("psnr", "_source", 2), ("ssim", "", 3)]
    columns += [("colourfulness", "", 1), ("colourfulness", "_real", 1)]
    columns += [("hole_psnr", end, 2) for end in ("", "_mean", "_biharmonic")]
    columns += [("frechet_distance", "", 2), ("frechet_distance", "_source", 2)]
    for name, card in shown.items():
        protocol = card["protocol"]
        for test in protocol["tests"]:
            cells = [cell(card["metrics"].get(f"{metric}_{test}{end}"), digits) for metric, end, digits in columns]
            lines.append(
                f"| [{name}](saved_models/{name}/card.json) | {test} ({protocol['n_images'][test]:,}, "
                f"{protocol['degradation']}) | {' | '.join(cells)} | {len(card['training_seeds'])} |"
            )
    return lines


def _small_restorations() -> list[str]:
    """The table of the models whose restorations a judge reads; nothing where there are none."""
    shown = {name: card for name, card in saved().items() if "judge_accuracy" in card.get("metrics", {})}
    if not shown:
        return []
    lines = [
        "",
        "| model | of | PSNR dB | bicubic | read % | bicubic | originals | coarse, by a reader of its own "
        "| Fréchet distance | seeds | n |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, card in shown.items():
        found, protocol = card["metrics"], card["protocol"]
        read = [cell(found.get(f"judge_accuracy{end}"), 1, 100) for end in ("", "_bicubic", "_real")]
        cells = [cell(found["psnr"]), cell(found["psnr_bicubic"]), *read, cell(found.get("coarse_accuracy"), 1, 100)]
        (test,) = protocol["tests"]
        lines.append(
            f"| [{name}](saved_models/{name}/card.json) | {protocol['degradation']} | {' | '.join(cells)} "
            f"| {cell(found['frechet_distance'])} | {len(card['training_seeds'])} | {protocol['n_images'][test]:,} |"
        )
    return lines


def with_table(readme: str) -> str:
    """The README's text with the table between its markers made anew."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(readme):
        raise UserError(f"README.md has lost its markers {BEGIN} and {END}; put them back")
    return pattern.sub(lambda _: f"{BEGIN}\n{results_table()}\n{END}", readme)


def cell(value: Any, digits: int = 2, scale: float = 1.0) -> str:
    """A summary as "1.23 +- 0.04"; a blank where there is none."""
    if not isinstance(value, dict) or value.get("mean") is None:
        return ""
    spread = "" if value["std"] is None else f" ± {scale * value['std']:.{digits}f}"
    return f"{scale * value['mean']:.{digits}f}{spread}"
