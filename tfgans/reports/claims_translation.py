"""What the sources say of filling holes and of translation; see `tfgans.reports.claims`."""

from tfgans.reports import criteria_restoration as of
from tfgans.reports import criteria_translation as to
from tfgans.reports.statement import VARIANTS, Statement

PATHAK = "Pathak et al. 2016, Context Encoders: Feature Learning by Inpainting, arXiv:1604.07379"
ISOLA = "Isola et al. 2016, Image-to-Image Translation with Conditional Adversarial Networks, arXiv:1611.07004"
WANG = "Wang et al. 2017, High-Resolution Image Synthesis with Conditional GANs, arXiv:1711.11585"
ZHU = "Zhu et al. 2017, Unpaired Image-to-Image Translation, arXiv:1703.10593"
LIU = "Liu and Tuzel 2016, Coupled Generative Adversarial Networks, arXiv:1606.07536"
KIM = "Kim et al. 2017, DiscoGAN, arXiv:1703.05192"
YI = "Yi et al. 2017, DualGAN, arXiv:1704.02510"
CHU = "Chu et al. 2017, CycleGAN, a Master of Steganography, arXiv:1712.02950"

TRANSLATION: dict[str, list[Statement]] = {
    "10_context_encoder": [
        *(
            Statement(
                PATHAK,
                "A context encoder fills a large hole from what surrounds it.",
                (f"context_encoder-{dataset}",),
                of.fills_well,
                dataset,
            )
            for dataset in ("imagenette", "scenes")
        ),
        Statement(
            PATHAK,
            "With the adversarial loss what is filled is sharper than with L2 alone.",
            ("context_encoder_l2-imagenette", "context_encoder-imagenette"),
            of.sharper_in_holes,
        ),
    ],
    "11_pix2pix": [
        Statement(
            ISOLA,
            "Label maps of photographs are best with L1 alone, worst with a cGAN alone (table 6).",
            tuple(f"pix2pix-photo_to_labels{loss}-cityscapes" for loss in ("_cgan", "", "_l1")),
            to.labels_by_losses,
        ),
        Statement(
            ISOLA,
            "Photographs of label maps are better with a cGAN than with L1 alone (table 1).",
            ("pix2pix-labels_to_photo_l1-cityscapes", "pix2pix-labels_to_photo-cityscapes"),
            to.photos_by_losses,
        ),
        Statement(
            VARIANTS,
            "Skip connections make translation more efficient.",
            ("pix2pix-encoder_decoder-cityscapes", "pix2pix-labels_to_photo-cityscapes"),
            to.skips_help,
        ),
        Statement(
            VARIANTS,
            "L1 guards the image as a whole.",
            ("pix2pix-labels_to_photo_cgan-cityscapes", "pix2pix-labels_to_photo-cityscapes"),
            to.l1_keeps_the_whole,
        ),
        Statement(
            VARIANTS,
            "The discriminator of patches guards what is local.",
            ("pix2pix-labels_to_photo_l1-cityscapes", "pix2pix-labels_to_photo-cityscapes"),
            to.d_keeps_detail,
        ),
        Statement(
            ISOLA,
            "Patches of 70 pixels are best (table 3).",
            (
                *(f"pix2pix-patch_{size}-cityscapes" for size in (1, 16)),
                "pix2pix-labels_to_photo-cityscapes",
                "pix2pix-patch_full-cityscapes",
            ),
            to.patches_of_70,
        ),
    ],
    "12_pix2pixhd": [
        Statement(
            WANG,
            "Its photographs are better than Pix2pix's (table 1).",
            ("pix2pix-dsb2018", "pix2pixhd-dsb2018"),
            to.better_than_pix2pix,
        ),
        Statement(
            WANG,
            "Matching features helps.",
            ("pix2pixhd_no_matching-dsb2018", "pix2pixhd_short-dsb2018"),
            to.nearer_photos,
        ),
        Statement(
            WANG,
            "Three discriminators are better than one.",
            ("pix2pixhd_one_scale-dsb2018", "pix2pixhd_short-dsb2018"),
            to.nearer_photos,
        ),
        Statement(
            WANG,
            "The map of boundaries keeps objects apart that touch (figure 5).",
            ("pix2pixhd_no_boundary-dsb2018", "pix2pixhd_short-dsb2018"),
            to.separates_touching,
        ),
    ],
    "13_cogan": [
        *(
            Statement(LIU, "Pixels of a pair agree (section 4).", (f"cogan-{task}",), to.pixels_agree, task)
            for task in ("edges", "negative")
        ),
        Statement(LIU, "A digit and its rotation come as a pair.", ("cogan-rotation",), to.same_digit),
        Statement(
            VARIANTS,
            "Sharing the layers that come first couples the domains.",
            ("cogan_shared_0-edges", "cogan_shared_2-edges", "cogan-edges"),
            to.sharing_couples,
        ),
        *(
            Statement(
                LIU,
                "Digits of another kind are read without their labels (section 6).",
                (f"cogan_source_only-{way}", f"cogan-{way}"),
                to.adapts,
                way,
            )
            for way in ("usps", "usps_to_mnist")
        ),
    ],
    "14_cyclegan": [
        Statement(
            ZHU,
            "Photographs become label maps without a pair (table 3).",
            ("cyclegan-cityscapes",),
            to.labels_without_pairs,
        ),
        Statement(ZHU, "Horses become zebras.", ("cyclegan-horse2zebra",), to.becomes_the_other),
        Statement(
            ZHU,
            "Cycles keep what an image shows.",
            tuple(f"cyclegan-{task}" for task in ("negative", "edges", "rotation")),
            to.keeps_classes,
        ),
        Statement(CHU, "The translation hides its source.", ("cyclegan-cityscapes",), to.hides_its_source),
    ],
    "15_dualgan": [
        Statement(
            YI,
            "Two critics and a reconstruction loss keep what an image shows.",
            tuple(f"dualgan-{task}" for task in ("negative", "edges", "rotation")),
            to.keeps_classes,
        ),
        Statement(CHU, "The translation hides its source.", ("dualgan-cityscapes",), to.hides_its_source),
    ],
    "16_discogan": [
        *(
            Statement(KIM, text, tuple(f"discogan{kind}-gaussians" for kind in ("_none", "_one", "")), test)
            for text, test in (
                (
                    "With reconstructions both ways modes are kept apart; without, or with one, they join.",
                    to.keeps_modes_apart,
                ),
                (
                    "With reconstructions both ways all modes are reached; without, or with one, some.",
                    to.reaches_all_modes,
                ),
            )
        ),
        Statement(
            KIM,
            "Two reconstruction losses keep what an image shows.",
            tuple(f"discogan-{task}" for task in ("negative", "edges", "rotation")),
            to.keeps_classes,
        ),
        Statement(CHU, "The translation hides its source.", ("discogan-cityscapes",), to.hides_its_source),
    ],
}
