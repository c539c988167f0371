"""The ledger: each claim of the sources that the suite has tested, its verdict, and the command that checks it again.

Verdicts are functions of the cards in saved_models/ (`tfgans.criteria`). `python -m tfgans.claims` writes
docs/CLAIMS.md.
"""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path

from tfgans import criteria as by
from tfgans import criteria_restoration as of
from tfgans.cards import ROOT, read_card
from tfgans.comparisons import compared
from tfgans.criteria import NOT_TESTED, PARTLY, REPRODUCED, VERDICTS, Card, Untestable
from tfgans.files import write_text

Cards = dict[str, Card]
Test = Callable[..., tuple[str, str]]  # cards -> verdict, numbers

GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661"
RADFORD = "Radford et al. 2015, Unsupervised Representation Learning with DCGANs, arXiv:1511.06434"
MIRZA = "Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784"
BOHNSTEDT = "Bohnstedt, Generation of Real Looking Images Using GANs"
VARIANTS = "Variant GAN, a survey page"
MAO = "Mao et al. 2016, Least Squares Generative Adversarial Networks, arXiv:1611.04076"
ARJOVSKY = "Arjovsky et al. 2017, Wasserstein GAN, arXiv:1701.07875"
GULRAJANI = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028"
CHEN = "Chen et al. 2016, InfoGAN, arXiv:1606.03657"
ODENA = "Odena et al. 2016, Conditional Image Synthesis with Auxiliary Classifier GANs, arXiv:1610.09585"
GREGOR = "Gregor et al. 2015, DRAW: A Recurrent Neural Network For Image Generation, arXiv:1502.04623"
METZ = "Metz et al. 2016, Unrolled Generative Adversarial Networks, arXiv:1611.02163"
LEDIG = "Ledig et al. 2016, Photo-Realistic Single Image Super-Resolution Using a GAN, arXiv:1609.04802"
PLACES = "Photo-Realistic Single Image Super-Resolution Using a GAN, a report on Places-205 and Stanford Dogs"
UNET = "A Generative Adversarial Network Model For Different Image generation Tasks"
RESNET = "Generative Adversarial Network based on Resnet for Conditional Image Restoration"

ABLATIONS = {  # of the U-Net GAN
    "short": (),
    "l1": ("adversarial=none",),
    "l2": ("adversarial=l2",),
    "pooling": ("pooling=true",),
    "whole": ("part=128",),
    "scratch": ("pretrain_steps=0",),
    "constant": ("lambda_end=100",),
}
UNROLLED = (0, 1, 5, 10)  # steps on stacked MNIST
READ = ("mnist", "cifar10", "cifar100")  # what ResGAN restores that has classes to be read
BASELINES = ("gan", "dcgan", "wgan", "cgan")
RECIPES = {  # what trains a card, where it is not the default
    "dcgan_report-mnist": "dcgan --recipe mnist_report",
    "acgan_survey-mnist": "acgan --recipe mnist_survey",
    "draw-mnist": "draw --recipe mnist_short",
    "draw_no_attention-mnist": "draw --recipe mnist_no_attention",
    "unrolled_plain-gaussians8": "unrolled --recipe gaussians8_plain",
    **{
        f"unrolled_{steps}-stacked_mnist": f"unrolled --recipe stacked_mnist --set unroll={steps}" for steps in UNROLLED
    },
    **{f"resgan-{dataset}": f"resgan --recipe {dataset}" for dataset in ("cifar10", "cifar100", "faces")},
    "resgan_add-mnist": "resgan --set join=add",
    "resgan_unguided-mnist": "resgan --set class_weight=0",
    **{f"resgan_{harm}-mnist": f"resgan --recipe mnist_{harm}" for harm in ("occluded", "noisy")},
    **{
        f"unet_gan_{name}-scenes": " ".join(["unet_gan --recipe ablation", *(f"--set {change}" for change in changes)])
        for name, changes in ABLATIONS.items()
    },
    **{
        f"coarse_gan_{variant}-{dataset}": f"coarse_gan --recipe {variant}_{dataset}"
        for variant in BASELINES
        for dataset in (*READ, "faces")
    },
    "unet_gan-inpaint-scenes": "unet_gan --task inpaint",
    "srresnet-photos": "srgan --recipe srresnet",
    "srgan_scratch-photos": "srgan --recipe scratch",
}
# compared with, and of no use besides: these have a card and no model
NUMBERS = {name for name in RECIPES if name.startswith(("coarse_gan", "resgan_", "srgan_", "unet_gan_"))}
ORDER = (
    "Where two models are compared, *reproduced* means true of every pair of their training seeds, with at least two "
    "seeds a side; *partly* true of the means only, or of single seeds; *not reproduced* not true of the means."
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a source, tested. `setting` tells apart what was tested under several."""

    source: str
    statement: str
    verdict: str
    numbers: str
    command: str
    chapter: str
    criterion: str
    setting: str = ""


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement of a source and how it is tested: `test(*cards)` of the cards that it `needs`.

    `retrain`: the numbers are of the trainings themselves; measuring the saved model does not give them again.
    `chance`: a training with another seed could decide otherwise, so that ORDER holds.
    """

    source: str
    text: str
    needs: tuple[str, ...]
    test: Test
    setting: str = ""
    retrain: bool = False
    chance: bool = True

    def claim(self, cards: Cards, chapter: str) -> Claim:
        absent = [name for name in self.needs if not cards.get(name)]
        try:
            if absent:
                raise Untestable(f"No card yet of {' and '.join(absent)}")
            compared = [cards[name] for name in self.needs]
            verdict, numbers = self.test(*compared)
            if self.chance and len(compared) > 1 and any(len(card["training_seeds"]) < 2 for card in compared):
                verdict = PARTLY if verdict == REPRODUCED else verdict
        except Untestable as reason:
            verdict, numbers = NOT_TESTED, f"{reason}."
        command = "; ".join(
            (_training if self.retrain or name in NUMBERS else _measuring)(name, cards) for name in self.needs
        )
        criterion = " ".join(inspect.cleandoc(self.test.__doc__ or "").split())
        return Claim(self.source, self.text, verdict, numbers, command, chapter, criterion, self.setting)


def _measuring(name: str, cards: Cards) -> str:
    return f"tfgans evaluate saved_models/{name}{_protocol(cards.get(name))}"


def _protocol(card: Card | None) -> str:
    """The options of `evaluate` that a restoration was measured with, where they are not the default."""
    protocol = card["protocol"] if card else {}
    tests = protocol.get("tests", [])
    others = card and tests != [Path(card["dataset"]).name]
    options = [f" --test folder:data/{test}" for test in tests if others]
    if "squeezenet" in protocol.get("features", ""):
        options.append(" --features squeezenet:weights/squeezenet_v1.1_imagenet.h5")
    return "".join(options)


def _training(name: str, cards: Cards) -> str:
    numbers = " ".join(map(str, cards.get(name, {}).get("training_seeds", [0])))
    what = RECIPES.get(name, name.split("-")[0])
    return (
        f"for s in {numbers}; do tfgans train {what} --seed $s --run runs/{name}-s$s; done; "
        f"tfgans evaluate runs/{name}-s* --card saved_models/{name}{' --no-model' * (name in NUMBERS)}"
        f"{_protocol(cards.get(name))}"
    )


# -- the statements, chapter by chapter --------------------------------------------------------------------------------

SETTINGS = {"DCGAN with the report's settings": "dcgan_report-mnist", "DCGAN with decent settings": "dcgan-mnist"}


def against_both(text: str, test: Test, retrain: bool = False) -> list[Statement]:
    """A statement of the report about DCGAN and cDCGAN, under both settings of the DCGAN."""
    return [
        Statement(BOHNSTEDT, text, (name, "cdcgan-mnist"), test, setting, retrain) for setting, name in SETTINGS.items()
    ]


def against_four(text: str, test: Test, retrain: bool = False, datasets: tuple[str, ...] = READ) -> list[Statement]:
    """A statement of the report on ResGAN about five GANs, data set by data set."""
    return [
        Statement(
            RESNET,
            text,
            (f"resgan-{dataset}", *(f"coarse_gan_{variant}-{dataset}" for variant in BASELINES)),
            test,
            dataset,
            retrain,
        )
        for dataset in datasets
    ]


CHAPTERS: dict[str, list[Statement]] = {
    "01_gan": [
        Statement(GOODFELLOW, "Fair random draws show all digits (figure 2a).", ("gan-mnist",), by.no_mode),
        Statement(GOODFELLOW, "The training set is not memorized (figure 2).", ("gan-mnist",), by.not_memorized),
    ],
    "02_dcgan": [
        Statement(RADFORD, "The guidelines give stable training: no collapse.", ("dcgan-mnist",), by.no_mode),
        Statement(VARIANTS, "DCGAN greatly improves a GAN's results.", ("gan-mnist", "dcgan-mnist"), by.much_closer),
        Statement(VARIANTS, "DCGAN greatly improves its stability.", ("gan-mnist", "dcgan-mnist"), by.steadier),
    ],
    "03_lsgan": [
        Statement(VARIANTS, "LSGAN changes the loss alone.", ("dcgan-mnist", "lsgan-mnist"), by.only_another_loss),
        Statement(MAO, "Its images are of higher quality.", ("dcgan-mnist", "lsgan-mnist"), by.closer),
        Statement(MAO, "It learns more stably.", ("dcgan-mnist", "lsgan-mnist"), by.steadier),
    ],
    "04_wgan": [
        Statement(ARJOVSKY, "The critic's loss tells of the samples' quality.", ("wgan-mnist",), by.tells_quality),
        Statement(ARJOVSKY, "Weights clipped to [-0.01, 0.01] do not collapse.", ("wgan-mnist",), by.no_mode),
        Statement(GULRAJANI, "A penalty gives better samples.", ("wgan-mnist", "wgan_gp-mnist"), by.closer),
        Statement(GULRAJANI, "With it, too, the loss tells.", ("wgan_gp-mnist",), by.tells_quality),
    ],
    "05_cgan": [
        Statement(MIRZA, "Digits are generated conditioned on class labels.", ("cgan-mnist",), by.obeys),
        Statement(MIRZA, "Samples cover all ten classes (figure 2).", ("cgan-mnist",), by.no_mode),
    ],
    "06_cdcgan": [
        *(
            Statement(
                BOHNSTEDT, "The DCGAN's images, and their neighbours, have one mode.", (name,), by.one_mode, setting
            )
            for setting, name in SETTINGS.items()
        ),
        Statement(BOHNSTEDT, "The cDCGAN's images, and their neighbours, have none.", ("cdcgan-mnist",), by.no_mode),
        Statement(BOHNSTEDT, "A cDCGAN generates realistic handwritten digits.", ("cdcgan-mnist",), by.realistic),
        Statement(BOHNSTEDT, "A cDCGAN introduces enough variance (question 2).", ("cdcgan-mnist",), by.varied),
        *against_both("The cDCGAN's FID is better.", by.closer),
        *against_both("The cDCGAN's losses fluctuate more.", by.fluctuates_more, retrain=True),
        *against_both("The cDCGAN's losses decrease more in the final epochs.", by.decreases_more, retrain=True),
        # the report: "the overall loss for cDCGAN is lower than cDCGAN"
        *against_both("The cDCGAN's losses are lower than [the DCGAN's].", by.lower_loss, retrain=True),
        *against_both(
            "The cDCGAN costs 16 times the time per epoch: 53.02 s, not 3.32 s.", by.sixteen_times, retrain=True
        ),
    ],
    "07_infogan": [
        Statement(CHEN, "Categories become digits: 5% error without labels.", ("infogan-mnist",), by.finds_classes),
        Statement(CHEN, "Continuous codes turn digits and widen them.", ("infogan-mnist",), by.turns_and_widens),
    ],
    "08_acgan": [
        Statement(ODENA, "Images are of the class that was asked for.", ("acgan-mnist",), by.obeys),
        Statement(ODENA, "Images of a class are as diverse as real ones.", ("acgan-mnist",), by.as_diverse),
        Statement(
            VARIANTS,
            "Noise times an embedding, and one class more, do as well.",
            ("acgan-mnist", "acgan_survey-mnist"),
            by.obeys_as_well,
        ),
    ],
    "09_draw": [
        Statement(GREGOR, "DRAW explains test digits at 80.97 nats (table 2).", ("draw-mnist",), by.explains_digits),
        Statement(
            GREGOR,
            "Attention helps: 87.40 nats without (table 2).",
            ("draw_no_attention-mnist", "draw-mnist"),
            by.attention_helps,
        ),
        Statement(VARIANTS, "Drawing actions refine a blurry region to be sharper.", ("draw-mnist",), by.sharpens),
    ],
    "17_srgan": [
        Statement(PLACES, "Training on squared errors loses high frequencies.", ("srresnet-photos",), of.loses_detail),
        Statement(
            PLACES,
            "VGG's content loss (here: SqueezeNet's) reproduces surfaces and edges.",
            ("srresnet-photos", "srgan-photos"),
            of.keeps_edges,
        ),
        Statement(
            LEDIG,
            "SRGAN has lower PSNR and SSIM than SRResNet and looks better.",
            ("srresnet-photos", "srgan-photos"),
            of.sharper_at_a_price,
        ),
        Statement(
            PLACES,
            "Content and pixel loss together give good results.",
            ("srgan-photos",),
            of.nearer_than_enlarging,
        ),
        Statement(
            PLACES,
            "Without pre-training, the images are wrong.",
            ("srgan_scratch-photos", "srgan-photos"),
            of.wrong_from_scratch,
        ),
        Statement(PLACES, "What D says settles around 50%.", ("srgan-photos",), of.undecided, retrain=True),
        Statement(PLACES, "Small details such as writing fail.", ("srgan-photos",), of.small_writing_fails),
    ],
    "18_unet_gan": [
        Statement(
            UNET,
            "Without any change of the networks, one GAN colourizes and inpaints, with 4 million parameters.",
            ("unet_gan-colorize-scenes", "unet_gan-inpaint-scenes"),
            of.one_for_both,
            chance=False,
        ),
        Statement(UNET, "The results are colourful.", ("unet_gan-colorize-scenes",), of.colourful),
        Statement(
            UNET,
            "With the GAN it is more colourful than with L1 alone.",
            ("unet_gan_l1-scenes", "unet_gan_short-scenes"),
            of.more_colourful,
        ),
        Statement(
            UNET,
            "With pooling it fears bright colours.",
            ("unet_gan_pooling-scenes", "unet_gan_short-scenes"),
            of.more_colourful,
        ),
        Statement(
            UNET,
            "The losses BCE and L2 perform equally well.",
            ("unet_gan_short-scenes", "unet_gan_l2-scenes"),
            of.equally_good,
        ),
        Statement(
            UNET,
            "Pre-training on L1 quickens training.",
            ("unet_gan_scratch-scenes", "unet_gan_short-scenes"),
            of.further_by_then,
            retrain=True,
        ),
        Statement(
            UNET,
            "Reducing lambda in the course of training accelerates it.",
            ("unet_gan_constant-scenes", "unet_gan_short-scenes"),
            of.further_by_then,
            retrain=True,
        ),
        Statement(
            UNET,
            "Partitioning saves parameters and computation.",
            ("unet_gan_whole-scenes", "unet_gan_short-scenes"),
            of.cheaper_in_parts,
            retrain=True,
            chance=False,
        ),
        Statement(
            UNET,
            "Parts sometimes lack a logical correlation.",
            ("unet_gan_whole-scenes", "unet_gan_short-scenes"),
            of.incoherent_parts,
        ),
        Statement(UNET, "It favours blue and green.", ("unet_gan-colorize-scenes",), of.blue_and_green),
        Statement(UNET, "The shape and colour of fillers make sense.", ("unet_gan-inpaint-scenes",), of.fills_better),
    ],
    "19_resgan": [
        *against_four("Its accuracy is the highest of five (table 1).", of.highest_accuracy, retrain=True),
        *against_four("Its loss is the lowest of five (table 1).", of.lowest_loss, True, (*READ, "faces")),
        *against_four("It restores best.", of.restores_best),
        *against_four("It restores best.", of.restores_faces_best, datasets=("faces",)),
        Statement(
            RESNET, "Restored images are easily classified.", ("resgan-mnist",), of.read_as_well_as_coarse, "mnist"
        ),
        *(
            Statement(
                RESNET,
                "It is to be implemented for occlusion and noise, too (its further work).",
                (f"resgan_{harm}-mnist",),
                of.read_as_well_as_coarse,
                f"mnist, {harm}",
            )
            for harm in ("occluded", "noisy")
        ),
        Statement(
            RESNET,
            "Concatenation is better than addition.",
            ("resgan_add-mnist", "resgan-mnist"),
            of.reads_better,
            "mnist",
        ),
        Statement(
            RESNET,
            "The embedded classifier helps.",
            ("resgan_unguided-mnist", "resgan-mnist"),
            of.reads_better,
            "mnist",
        ),
        Statement(RESNET, "The losses of G and D cross.", ("resgan-mnist",), of.losses_cross, "mnist", retrain=True),
        Statement(
            RESNET,
            "CIFAR-100's restored images have more detail than CIFAR-10's.",
            ("resgan-cifar10", "resgan-cifar100"),
            of.more_detailed,
            "cifar100",
        ),
    ],
    "20_unrolled": [
        Statement(METZ, "A GAN drops modes of a ring (figure 2).", ("unrolled_plain-gaussians8",), by.drops_modes),
        Statement(METZ, "With ten unrolled steps it finds all.", ("unrolled-gaussians8",), by.covers_modes),
        Statement(
            BOHNSTEDT,
            "Unrolling prevents mode collapse.",
            ("unrolled_plain-gaussians8", "unrolled-gaussians8"),
            by.keeps_more_modes,
        ),
        Statement(
            METZ,
            "The more steps, the more of 1,000 modes (table 1).",
            tuple(f"unrolled_{steps}-stacked_mnist" for steps in UNROLLED),
            by.more_with_each,
        ),
    ],
}


# -- the ledger --------------------------------------------------------------------------------------------------------


def all_claims(cards: Cards, chapter: str | None = None) -> list[Claim]:
    """The claims of one chapter, or of all in their order."""
    wanted = CHAPTERS if chapter is None else [chapter]
    return [statement.claim(cards, name) for name in wanted for statement in CHAPTERS[name]]


def read_cards(folder: Path = ROOT / "saved_models") -> Cards:
    """Name -> card of everything in the checkout's saved_models/."""
    return {path.parent.name: read_card(path.parent) for path in sorted(folder.glob("*/card.json"))}


def table(claims: list[Claim]) -> str:
    """A row per statement; a column per setting, where there are several: what survives a change of settings."""
    settings = list(dict.fromkeys(claim.setting for claim in claims if claim.setting)) or [""]
    lines = [f"| claim | {' | '.join(s or 'verdict' for s in settings)} |", "|---" * (1 + len(settings)) + "|"]
    for statement in dict.fromkeys(claim.statement for claim in claims):
        found = {claim.setting: claim.verdict for claim in claims if claim.statement == statement}
        lines.append(f"| {statement} | {' | '.join(found.get(s, found.get('', '')) for s in settings)} |")
    return "\n".join(lines)


def survivors(claims: list[Claim]) -> list[str]:
    """The statements that were tested under several settings and reproduced under each of them."""
    verdicts: dict[str, list[str]] = {}
    for claim in claims:
        if claim.setting:
            verdicts.setdefault(claim.statement, []).append(claim.verdict)
    return [each for each, found in verdicts.items() if len(found) > 1 and set(found) == {REPRODUCED}]


def ledger(cards: Cards) -> str:
    """The text of docs/CLAIMS.md."""
    claims = all_claims(cards)
    counts = ", ".join(f"{sum(c.verdict == verdict for c in claims)} {verdict}" for verdict in VERDICTS)
    lines = [
        "# Claims of the sources, tested",
        "",
        "Generated by `python -m tfgans.claims` from the cards in `saved_models/`; the tests fail when it has drifted.",
        "Numbers are listed for each training seed. `tfgans evaluate` measures the exported training seed again; with",
        "`--card` it writes the card anew, over all of them. Cards hold the protocol of every score.",
        "",
        ORDER,
        "",
        f"{len(claims)} tests: {counts}.",
    ]
    for chapter in CHAPTERS:
        own = [claim for claim in claims if claim.chapter == chapter]
        lines += ["", f"## [{chapter}](../chapters/{chapter}.py)", "", table(own)]
        beside = compared(chapter, cards)
        lines += ["", *beside] if beside else []
        for claim in own:
            lines += [
                "",
                f"### {claim.statement}{f' ({claim.setting})' if claim.setting else ''}",
                "",
                f"**{claim.verdict.capitalize()}.** {claim.numbers}",
                "",
                f"* Source: {claim.source}",
                f"* Criterion: {claim.criterion}",
                f"* Check again: `{claim.command}`",
            ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(ROOT / "docs" / "CLAIMS.md", ledger(read_cards()))
