"""How close restored images are to the originals: PSNR and SSIM as super-resolution papers compute them; holes."""

import numpy as np
from skimage.metrics import structural_similarity
from skimage.restoration import inpaint_biharmonic

# BT.601 'studio' luma of R, G, B in [0, 1], as MATLAB's rgb2ycbcr: 16 (black) to 235 (white) of 255
LUMA = np.array([65.481, 128.553, 24.966])
LUMA_OFFSET = 16.0


def luma(images: np.ndarray) -> np.ndarray:
    """The Y channel of YCbCr, (n, h, w, 3) in [0, 1] -> (n, h, w, 1) in [16/255, 235/255], not rounded."""
    if images.shape[-1] != 3:
        raise ValueError(f"only colour images have a Y channel, not those of shape {images.shape}")
    return ((images @ LUMA + LUMA_OFFSET) / 255.0)[..., None]


def _prepare(images: np.ndarray, border: int, y_channel: bool) -> np.ndarray:
    """uint8 or float images -> float64 in [0, 1], without the border, Y only if asked for."""
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"images must have shape (n, h, w, c), not {images.shape}")
    images = images / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)
    if not (images.min() >= -1e-3 and images.max() <= 1.001):
        raise ValueError(f"images must lie in [0, 1], not in [{images.min():.3g}, {images.max():.3g}]")
    images = luma(images) if y_channel else images
    height, width = images.shape[1:3]
    if not 0 <= 2 * border < min(height, width):
        raise ValueError(f"a border of {border} pixels leaves nothing of images of {height} x {width}")
    return images[:, border : height - border, border : width - border]


def _pair(images: np.ndarray, originals: np.ndarray, border: int, y_channel: bool) -> tuple[np.ndarray, np.ndarray]:
    a, b = _prepare(images, border, y_channel), _prepare(originals, border, y_channel)
    if a.shape != b.shape:
        raise ValueError(f"images of shape {a.shape} cannot be compared with originals of shape {b.shape}")
    return a, b


def psnr(images: np.ndarray, originals: np.ndarray, *, border: int = 0, y_channel: bool = False) -> np.ndarray:
    """Peak signal-to-noise ratio of each image, (n,) in dB: -10 log10(mean squared error), peak 1; equal images: inf.

    Args:
        images, originals: (n, h, w, c), uint8 or float in [0, 1].
        border: pixels to leave out at each side; super-resolution papers leave out as many as the scale (e.g. 4).
        y_channel: compare the Y channel of YCbCr only, as super-resolution papers do.
    """
    a, b = _pair(images, originals, border, y_channel)
    with np.errstate(divide="ignore"):
        return -10 * np.log10(((a - b) ** 2).mean(axis=(1, 2, 3)))


def ssim(images: np.ndarray, originals: np.ndarray, *, border: int = 0, y_channel: bool = False) -> np.ndarray:
    """Structural similarity of each image, (n,) in [-1, 1], 1 if equal; colour is the mean over channels.

    Wang et al. 2004 (doi:10.1109/TIP.2003.819861), section III-B: Gaussian window of 11 x 11 with sigma 1.5, K = 0.01
    and 0.03. Images need at least 11 pixels a side after the border is gone. Arguments as for `psnr`.
    """
    a, b = _pair(images, originals, border, y_channel)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return np.array([structural_similarity(x, y, channel_axis=-1, **options) for x, y in zip(a, b, strict=True)])


def hole_psnr(images: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """PSNR of each image inside its hole alone, (n,) in dB, over the channels together.

    `holes` is boolean (n, h, w). Raises ValueError where one of them is empty.
    """
    a, b = _pair(images, originals, 0, False)
    holes = np.asarray(holes, bool)
    if holes.shape != a.shape[:3] or not holes.any(axis=(1, 2)).all():
        raise ValueError(f"each image needs a hole: {holes.shape} for images of shape {a.shape}")
    error = np.array([((x[hole] - y[hole]) ** 2).mean() for x, y, hole in zip(a, b, holes, strict=True)])
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error)


def fill_with_mean(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """uint8 (h, w, c) with the pixels of `hole`, boolean (h, w), at the mean colour of the others."""
    filled = image.copy()
    filled[hole] = np.round(image[~hole].mean(axis=0))
    return filled


def fill_biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """uint8 (h, w, c) with the pixels of `hole`, boolean (h, w), from scikit-image's biharmonic inpainting."""
    filled = inpaint_biharmonic(image / 255.0, hole, channel_axis=-1)
    return np.where(hole[..., None], np.round(255.0 * filled.clip(0.0, 1.0)), image).astype(np.uint8)
