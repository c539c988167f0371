"""What the sources say, chapter by chapter, and which cards and which criterion decide each statement."""

from tfgans.reports import criteria as by
from tfgans.reports import criteria_restoration as of
from tfgans.reports.claims_translation import TRANSLATION
from tfgans.reports.statement import VARIANTS, Statement, Test

GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661"
RADFORD = "Radford et al. 2015, Unsupervised Representation Learning with DCGANs, arXiv:1511.06434"
MIRZA = "Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784"
BOHNSTEDT = "Bohnstedt, Generation of Real Looking Images Using GANs"
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

UNROLLED = (0, 1, 5, 10)  # steps on stacked MNIST
READ = ("mnist", "cifar10", "cifar100")  # what ResGAN restores that has classes to be read
BASELINES = ("gan", "dcgan", "wgan", "cgan")


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
        Statement(
            ARJOVSKY,
            "The critic's loss tells of the samples' quality.",
            ("wgan-mnist",),
            by.tells_quality,
            retrain=True,
        ),
        Statement(ARJOVSKY, "Weights clipped to [-0.01, 0.01] do not collapse.", ("wgan-mnist",), by.no_mode),
        Statement(GULRAJANI, "A penalty gives better samples.", ("wgan-mnist", "wgan_gp-mnist"), by.closer),
        Statement(GULRAJANI, "With it, too, the loss tells.", ("wgan_gp-mnist",), by.tells_quality, retrain=True),
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
        Statement(
            CHEN,
            "Categories become digits: 5% error without labels.",
            ("infogan-mnist",),
            by.finds_classes,
            retrain=True,
        ),
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
        Statement(
            GREGOR,
            "DRAW explains test digits at 80.97 nats (table 2).",
            ("draw-mnist",),
            by.explains_digits,
            retrain=True,
        ),
        Statement(
            GREGOR,
            "Attention helps: 87.40 nats without (table 2).",
            ("draw_no_attention-mnist", "draw-mnist"),
            by.attention_helps,
            retrain=True,
        ),
        Statement(
            VARIANTS,
            "Drawing actions refine a blurry region to be sharper.",
            ("draw-mnist",),
            by.sharpens,
            retrain=True,
        ),
    ],
    **TRANSLATION,
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
