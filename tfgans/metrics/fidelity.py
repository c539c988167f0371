"""Closeness of restored images to the originals: PSNR and SSIM as in super-resolution papers, the amount of fine
detail, correct or not, and errors in holes."""

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
    """uint8 or float images -> float64 in [0, 1], without the border, and only Y if requested."""
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
    and 0.03. Images need at least 11 pixels a side after removing the border. Arguments as for `psnr`.
    """
    a, b = _pair(images, originals, border, y_channel)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return np.array([structural_similarity(x, y, channel_axis=-1, **options) for x, y in zip(a, b, strict=True)])


def spectrum(images: np.ndarray, bins: int = 32) -> np.ndarray:
    """The radial power spectrum of each image's brightness, (n, bins): mean power at spatial frequencies from 0 to 1/2
    cycles per pixel, in rings of equal width. (n, h, w, c), uint8 or float in [0, 1]; a Hann window hides the edges."""
    gray = _prepare(images, 0, images.shape[-1] == 3).mean(axis=-1)
    height, width = gray.shape[1:]
    window = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.rfft2((gray - gray.mean(axis=(1, 2), keepdims=True)) * window)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    ring = np.minimum((radius * 2 * bins).astype(int), bins)  # the corners, beyond 1/2, go into a last ring, dropped
    counts = np.bincount(ring.ravel(), minlength=bins + 1)
    sums = np.stack([np.bincount(ring.ravel(), each.ravel(), minlength=bins + 1) for each in power])
    return (sums / np.maximum(counts, 1))[:, :bins]


def high_frequency(images: np.ndarray, originals: np.ndarray, factor: int) -> np.ndarray:
    """The power of each image at the frequencies that shrinking by `factor` removes (above 1 / (2 factor) cycles per
    pixel), divided by the original's, (n,): 1 is as much detail as in the original, whether or not it is correct."""
    bins = 8 * factor
    made, real = spectrum(images, bins)[:, bins // factor :], spectrum(originals, bins)[:, bins // factor :]
    rings = np.arange(bins // factor, bins) + 0.5  # a ring's number of frequencies grows with its radius
    return (made * rings).sum(axis=1) / (real * rings).sum(axis=1)


def _differences(images: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> list[np.ndarray]:
    """The differences of each image from the original inside its hole, (pixels, c), for values in [0, 1].

    `holes` is boolean (n, h, w). Raises ValueError if one of them is empty.
    """
    a, b = _pair(images, originals, 0, False)
    holes = np.asarray(holes, bool)
    if holes.shape != a.shape[:3] or not holes.any(axis=(1, 2)).all():
        raise ValueError(f"each image needs a hole: {holes.shape} for images of shape {a.shape}")
    return [x[hole] - y[hole] for x, y, hole in zip(a, b, holes, strict=True)]


def hole_l1(images: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each image inside its hole, boolean (n, h, w), of values in [0, 1], (n,)."""
    return np.array([np.abs(each).mean() for each in _differences(images, originals, holes)])


def hole_l2(images: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean squared difference of each image inside its hole, boolean (n, h, w), of values in [0, 1], (n,)."""
    return np.array([(each**2).mean() for each in _differences(images, originals, holes)])


def hole_psnr(images: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """PSNR of each image inside its hole only, (n,) in dB, over all channels.

    `holes` is boolean (n, h, w). Raises ValueError if one of them is empty.
    """
    with np.errstate(divide="ignore"):
        return -10 * np.log10(hole_l2(images, originals, holes))


def hole_detail(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The energy of fine detail of each image inside its hole, boolean (n, h, w), in levels of 255, (n,).

    It is the root mean square of each pixel's brightness minus the mean of its four neighbours. Only pixels whose
    neighbours also lie in the hole count, so that its border does not; NaN if there are none.
    """
    images = np.asarray(images)
    gray = 255.0 * _prepare(images, 0, images.shape[-1] == 3).mean(axis=-1)
    moves = [(axis, step) for axis in (1, 2) for step in (-1, 1)]
    rest = gray - sum(np.roll(gray, step, axis) for axis, step in moves) / 4
    holes = np.pad(np.asarray(holes, bool), ((0, 0), (1, 1), (1, 1)))  # the image's border is a border of the hole
    inner = np.logical_and.reduce([holes, *(np.roll(holes, step, axis) for axis, step in moves)])[:, 1:-1, 1:-1]
    return np.array(
        [(x[hole] ** 2).mean() ** 0.5 if hole.any() else np.nan for x, hole in zip(rest, inner, strict=True)]
    )


def fill_with_mean(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill `hole`, boolean (h, w), of a uint8 image (h, w, c) with the mean colour of the other pixels."""
    filled = image.copy()
    filled[hole] = np.round(image[~hole].mean(axis=0))
    return filled


def fill_biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill `hole`, boolean (h, w), of a uint8 image (h, w, c) by scikit-image's biharmonic inpainting."""
    filled = inpaint_biharmonic(image / 255.0, hole, channel_axis=-1)
    return np.where(hole[..., None], np.round(255.0 * filled.clip(0.0, 1.0)), image).astype(np.uint8)
