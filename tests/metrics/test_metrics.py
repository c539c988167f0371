"""Every metric against an independent computation or a case small enough to do by hand."""

import itertools
import sys

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from scipy.spatial.distance import cdist
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfgans import metrics
from tfgans.errors import UserError
from tfgans.metrics import distances
from tfgans.metrics import tfgan_bridge as bridge


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def features(rng):
    """Correlated features of two overlapping clouds, (400, 12) and (300, 12)."""
    mix = rng.normal(size=(12, 12))
    return rng.normal(size=(400, 12)) @ mix, rng.normal(size=(300, 12)) @ mix * 1.3 + 0.4


# ------------------------------------------------------------------------------------------------------------ bridge


def test_bridge_imports_what_the_package_itself_cannot(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorflow_gan"]:
        monkeypatch.delitem(sys.modules, name)  # as in a fresh process
    metrics, losses = bridge.classifier_metrics(), bridge.losses_impl()
    assert metrics is bridge.classifier_metrics() and losses is bridge.losses_impl()
    import tensorflow_gan.python.eval.classifier_metrics as direct

    assert direct is metrics
    assert callable(metrics.frechet_classifier_distance_from_activations)
    assert callable(losses.wasserstein_generator_loss)


def test_bridge_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorflow_gan"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(bridge.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install tensorflow-gan"):
        bridge.classifier_metrics()


# --------------------------------------------------------------------------------------------------------- distances


def test_frechet_distance_is_the_formula(features):
    real, fake = features
    c, d = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = scipy.linalg.sqrtm(c @ d).real
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(c + d - 2 * root)
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [400, 9])  # more and fewer images than features
def test_frechet_distance_is_that_of_tensorflow_gan(features, n):
    real, fake = (each[:n] for each in features)
    expected = bridge.classifier_metrics().frechet_classifier_distance_from_activations(real, fake)
    assert metrics.frechet_distance(real, fake) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("n", [6, 50])  # fewer than the dimensions, and more
def test_a_root_of_the_covariance(n):
    centred = np.random.default_rng(0).normal(size=(n, 8)) * 10.0 ** -np.arange(8)
    centred -= centred.mean(0)
    for scale in (1, [1, 1, 1, 1, 0, 0, 0, 0]):
        r = distances._root(centred * scale)
        np.testing.assert_allclose(r.T @ r, np.cov(centred * scale, rowvar=False), rtol=1e-9, atol=1e-17)


def test_frechet_distance_of_a_shift_is_its_square(features):
    real, _ = features
    shift = np.arange(12) / 10
    assert metrics.frechet_distance(real, real + shift) == pytest.approx((shift**2).sum(), rel=1e-6)
    assert metrics.frechet_distance(real, real) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_of_float32_keeps_its_digits(features):
    real, fake = (array.astype(np.float32) for array in features)
    assert metrics.frechet_distance(real + 1000, fake + 1000) == pytest.approx(
        metrics.frechet_distance(real, fake), rel=1e-3
    )


@pytest.mark.parametrize(
    "real, fake",
    [
        (np.zeros((5, 3)), np.zeros((5, 4))),
        (np.zeros((1, 3)), np.zeros((5, 3))),
        (np.zeros((5, 2, 3)), np.zeros((5, 3))),
        (np.full((5, 3), np.nan), np.zeros((5, 3))),
    ],
)
@pytest.mark.parametrize("distance", [metrics.frechet_distance, metrics.kernel_distance])
def test_distances_refuse_what_has_no_distance(distance, real, fake):
    with pytest.raises(ValueError):
        distance(real, fake)


def test_the_bias_of_a_frechet_distance_is_that_of_equal_distributions():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(20, 20)))[0] * np.arange(1, 21) ** 0.5
    drawn = [rng.normal(size=(100, 20)) @ turn.T for _ in range(8)]
    found = np.mean([metrics.frechet_distance(a, b) for a, b in itertools.pairwise(drawn)])
    many = rng.normal(size=(20_000, 20)) @ turn.T
    assert metrics.frechet_bias(many, 100) == pytest.approx(found, rel=0.15)
    assert metrics.frechet_bias(many, 10_000) < found / 50


def test_floor_takes_as_many_training_images_as_test_images(rng):
    train, test = rng.normal(size=(500, 4)), rng.normal(size=(200, 4))
    train[200:] += 100  # beyond the first 200: must not be looked at
    assert metrics.frechet_floor(train, test) == metrics.frechet_distance(test, train[:200]) < 0.2
    with pytest.raises(ValueError, match="as many training images"):
        metrics.frechet_floor(train[:100], test)


def unbiased_mmd(x, y):
    n, m, d = len(x), len(y), x.shape[1]

    def kernel(a, b):
        return (a @ b.T / d + 1) ** 3

    same_x = kernel(x, x)[~np.eye(n, dtype=bool)].sum() / (n * (n - 1))
    same_y = kernel(y, y)[~np.eye(m, dtype=bool)].sum() / (m * (m - 1))
    return same_x + same_y - 2 * kernel(x, y).mean()


def test_kernel_distance_is_the_unbiased_mmd(features):
    real, fake = features
    mean, error = metrics.kernel_distance(real, fake)
    assert mean == pytest.approx(unbiased_mmd(real, fake), rel=1e-9)
    assert np.isnan(error)  # one block has no spread


def test_kernel_distance_averages_blocks_of_shuffled_rows(features):
    real, fake = features
    order = np.random.default_rng(0)
    real_blocks, fake_blocks = np.split(order.permutation(real), 4), np.split(order.permutation(fake), 4)
    values = [unbiased_mmd(a, b) for a, b in zip(real_blocks, fake_blocks, strict=True)]
    mean, error = metrics.kernel_distance(real, fake, block=100)
    assert mean == pytest.approx(np.mean(values), rel=1e-9)
    assert error == pytest.approx(np.std(values, ddof=1) / 2, rel=1e-9)


def test_kernel_distance_does_not_care_for_sorted_rows(rng):
    classes = np.repeat(np.arange(10), 60)[:, None] + rng.normal(size=(600, 4)) / 10
    mean, error = metrics.kernel_distance(classes, rng.permutation(classes), block=100)
    assert abs(mean) < 4 * error


def test_classifier_score_is_exp_of_mean_kl(rng):
    logits = rng.normal(size=(200, 10)) * 3
    p = scipy.special.softmax(logits, 1)
    expected = np.exp(scipy.special.rel_entr(p, p.mean(0)).sum(1).mean())
    assert metrics.classifier_score(logits) == pytest.approx(expected, rel=1e-9)


def test_classifier_score_is_the_number_of_sure_and_even_classes():
    assert metrics.classifier_score(np.eye(10) * 50) == pytest.approx(10, rel=1e-6)
    assert metrics.classifier_score(np.tile(np.eye(10)[0] * 5, (20, 1))) == pytest.approx(1)


# -------------------------------------------------------------------------------------------------------- neighbours


def test_precision_and_recall_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # k = 1: radii 1, 1, 1, 8
    fake = np.array([[0.5], [2.5], [-3.0], [30.0]])  # k = 1: radii 2, 2, 3.5, 27.5
    precision, recall = metrics.precision_recall(real, fake, k=1)
    assert precision == 0.5  # 0.5 and 2.5 lie within; -3 and 30 do not
    assert recall == 1.0  # 0, 1, 2 near 0.5; 10 within the wide ball of 30
    assert metrics.precision_recall(real, np.array([[0.4], [0.5], [0.6]]), k=1) == (1.0, 0.0)  # good, but all alike


def test_precision_and_recall_in_blocks_are_those_of_the_whole_matrix(features, monkeypatch):
    real, fake = features
    real, fake = real + 1e4, fake + 1e4  # far from 0 the distances must not lose their digits

    def covered(points, centres):
        radii = np.sort(cdist(centres, centres), 1)[:, 3]
        return (cdist(points, centres) <= radii).any(1).mean()

    expected = covered(fake, real), covered(real, fake)
    assert 0.05 < min(expected) < max(expected) < 0.99  # else this would show nothing
    for block in (64, 1000):
        monkeypatch.setattr("tfgans.metrics.neighbours.BLOCK", block)
        assert metrics.precision_recall(real, fake) == pytest.approx(expected, abs=1e-12)


def test_precision_and_recall_tell_collapse_from_noise(rng):
    real = rng.normal(size=(300, 6))
    collapsed = metrics.precision_recall(real, rng.normal(size=(300, 6)) * 0.1)
    scattered = metrics.precision_recall(real, rng.normal(size=(300, 6)) * 8)
    assert collapsed.precision > 0.95 and collapsed.recall < 0.3
    assert scattered.precision < 0.1 and scattered.recall > 0.5


def test_precision_and_recall_want_more_features_than_neighbours():
    with pytest.raises(ValueError, match="k=3"):
        metrics.precision_recall(np.zeros((3, 2)), np.zeros((10, 2)))


def test_nearest_neighbours_find_copies_and_count_classes(rng):
    train, labels = rng.normal(size=(100, 5)), np.arange(100) % 10
    copies = np.array([3, 13, 27])
    found = metrics.nearest_neighbours(train[copies] + 1e-6, train, labels)
    assert found.indices[:, 0].tolist() == [3, 13, 27] and found.distances.max() < 1e-4
    assert found.n_classes == 2  # 3 and 13 are of class 3, 27 of class 7

    queries = rng.normal(size=(8, 5))
    indices, distances, n_classes = metrics.nearest_neighbours(queries, train, k=3)
    exact = cdist(queries, train)
    assert (indices == np.argsort(exact, 1)[:, :3]).all() and n_classes is None
    np.testing.assert_allclose(distances, np.sort(exact, 1)[:, :3], rtol=1e-6)


# ------------------------------------------------------------------------------------------------------------ labels


def test_histogram_counts_absent_classes():
    assert metrics.class_histogram(np.array([0, 2, 2, 4]), 6).tolist() == [1, 0, 2, 0, 1, 0]
    with pytest.raises(ValueError):
        metrics.class_histogram(np.array([0, 6]), 6)


def test_kl_to_uniform_in_nats():
    assert metrics.kl_to_uniform(np.full(10, 7)) == 0
    assert metrics.kl_to_uniform(np.array([0, 9, 0, 0])) == pytest.approx(np.log(4))
    assert metrics.kl_to_uniform(np.array([1, 3])) == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(1.5))
    with pytest.raises(ValueError):
        metrics.kl_to_uniform(np.zeros(10))


def test_label_accuracy():
    assert metrics.label_accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 0, 4])) == 0.75
    with pytest.raises(ValueError):
        metrics.label_accuracy(np.array([1, 2]), np.array([[1], [2]]))  # would broadcast to a wrong answer


# ---------------------------------------------------------------------------------------------------------- fidelity


@pytest.fixture
def pictures(rng):
    """Two smooth uint8 colour pictures and noisy copies, (2, 40, 36, 3)."""
    y, x = np.mgrid[:40, :36] / 8.0
    clean = np.stack([np.stack([np.sin(x + c) * np.cos(y * (i + 1)) for c in range(3)], -1) for i in range(2)])
    clean = clean * 80 + 128
    return np.uint8(clean + rng.normal(size=clean.shape) * 12), np.uint8(clean)


def test_luma_is_studio_swing():
    colours = np.array([[[[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0]]]])
    np.testing.assert_allclose(metrics.luma(colours).ravel() * 255, [16, 235, 81.481, 144.553])


def test_psnr_agrees_with_scikit_image(pictures):
    noisy, clean = pictures
    expected = [peak_signal_noise_ratio(b, a) for a, b in zip(noisy, clean, strict=True)]
    np.testing.assert_allclose(metrics.psnr(noisy, clean), expected)
    np.testing.assert_allclose(metrics.psnr(noisy / 255.0, clean), expected)  # uint8 and [0, 1] are the same images


def test_psnr_by_hand():
    black, gray = np.zeros((1, 12, 12, 3)), np.full((1, 12, 12, 3), 0.1)
    assert metrics.psnr(gray, black)[0] == pytest.approx(20)
    # on the Y channel a gray of 0.1 is 219 / 255 of that
    assert metrics.psnr(gray, black, y_channel=True)[0] == pytest.approx(20 - 20 * np.log10(219 / 255))
    assert metrics.psnr(black, black)[0] == np.inf


def test_border_is_left_out(pictures):
    noisy, clean = pictures
    spoilt = noisy.copy()
    spoilt[:, :4], spoilt[:, -4:], spoilt[:, :, :4], spoilt[:, :, -4:] = 0, 0, 0, 0
    for score in (metrics.psnr, metrics.ssim):
        inner = score(noisy[:, 4:-4, 4:-4], clean[:, 4:-4, 4:-4], y_channel=True)
        np.testing.assert_allclose(score(spoilt, clean, border=4, y_channel=True), inner)
        assert (score(spoilt, clean, border=3, y_channel=True) < inner).all()


def test_ssim_agrees_with_scikit_image_on_uint8(pictures):
    noisy, clean = pictures
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = [
        structural_similarity(a.astype(float), b.astype(float), channel_axis=-1, **options)
        for a, b in zip(noisy, clean, strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(noisy, clean), expected, rtol=1e-9)
    np.testing.assert_allclose(metrics.ssim(clean, clean), 1)


def test_ssim_is_the_formula_of_wang(pictures):
    """At one place: the windowed means, variances and covariance put into the paper's eq. 13."""
    a, b = (metrics.luma(images / 255.0)[:1, 10:21, 10:21] for images in pictures)
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2
    x, y = a[0, ..., 0], b[0, ..., 0]
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy, cov = (window * x * x).sum() - mx**2, (window * y * y).sum() - my**2, (window * x * y).sum() - mx * my
    expected = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert metrics.ssim(a, b)[0] == pytest.approx(expected, rel=1e-6)


def test_fidelity_refuses_images_that_do_not_match(pictures):
    noisy, clean = pictures
    for score in (metrics.psnr, metrics.ssim):
        with pytest.raises(ValueError, match="cannot be compared"):
            score(noisy, clean[:1])
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            score(noisy / 127.5 - 1, clean)
        with pytest.raises(ValueError, match="leaves nothing"):
            score(noisy, clean, border=18)
        with pytest.raises(ValueError, match="Y channel"):
            score(noisy[..., :1], clean[..., :1], y_channel=True)


def test_spectrum_has_a_wave_in_its_ring():
    y, x = np.mgrid[:64, :96]
    waves = np.stack([0.5 + 0.4 * np.sin(2 * np.pi * f * x) for f in (5.5 / 64, 19.5 / 64)])[..., None]
    found = metrics.spectrum(waves, bins=32)  # rings of 1/64 cycles per pixel
    assert found.shape == (2, 32) and found.argmax(axis=1).tolist() == [5, 19]
    noise = np.random.default_rng(0).normal(0.5, 0.1, (4, 128, 128, 1)).clip(0, 1)
    flat = metrics.spectrum(noise, bins=8).mean(axis=0)
    np.testing.assert_allclose(flat[1:], noise.var(), rtol=0.1)  # white: its variance in every ring


def test_high_frequency_is_the_share_of_what_shrinking_removes():
    y, x = np.mgrid[:96, :96]
    slow, fast = np.sin(2 * np.pi * 0.06 * x), np.sin(2 * np.pi * 0.3 * y)  # shrinking by 4 keeps those below 1/8
    original = (0.5 + 0.2 * slow + 0.2 * fast)[None, ..., None]
    less = (0.5 + 0.2 * slow + 0.1 * fast)[None, ..., None]
    assert metrics.high_frequency(original, original, 4)[0] == pytest.approx(1)
    assert metrics.high_frequency(less, original, 4)[0] == pytest.approx(0.25, abs=1e-3)  # power: the square
    assert metrics.high_frequency((0.5 + 0.2 * slow)[None, ..., None], original, 4)[0] < 1e-3


# ----------------------------------------------------------------------------------------------------------- colours


def test_colourfulness_by_hand():
    image = np.zeros((1, 2, 2, 3), np.uint8)
    assert metrics.colourfulness(image + np.uint8(77))[0] == 0  # gray
    image[0, 0, 0] = (200, 0, 0)  # rg 200, yb 100
    image[0, 0, 1] = (0, 100, 0)  # rg -100, yb 50
    image[0, 1, 0] = (0, 0, 60)  # rg 0, yb -60
    # means: rg 25, yb 22.5; variances: rg 50000/4 - 625 = 11875, yb 16100/4 - 506.25 = 3518.75
    expected = np.sqrt(11875 + 3518.75) + 0.3 * np.sqrt(25**2 + 22.5**2)
    assert metrics.colourfulness(image)[0] == pytest.approx(expected)
    both = metrics.colourfulness(np.concatenate([image, image + np.uint8(0)]) / 255)
    assert both == pytest.approx([expected, expected])
    with pytest.raises(ValueError, match="must have shape"):
        metrics.colourfulness(image[..., :1])


def test_vivid_chroma_of_flat_and_other_blocks():
    real = np.full((1, 16, 48, 3), 128, np.uint8)  # the last block is gray: it does not count
    real[:, :, :16] = (200, 40, 40)
    real[:, :, 16:32] = (200, 40, 40)
    real[:, ::2, 16:32] = (100, 20, 20)
    made = real.copy()
    made[:, :, :16] = 100  # the flat block lost its colour
    flat, other = metrics.vivid_chroma(made, real)
    assert flat[0] == pytest.approx(0, abs=1e-3) and other[0] == pytest.approx(1)
    assert np.isnan(metrics.vivid_chroma(real[:, :, 32:], real[:, :, 32:])).all()


def test_green_blue_share_by_hand():
    colours = [(255, 0, 0), (255, 200, 0), (0, 160, 0), (0, 120, 255), (128, 128, 128), (0, 100, 80)]
    image = np.array(colours, np.uint8)[None, None]
    assert metrics.green_blue_share(image)[0] == pytest.approx(3 / 5)  # gray has no colour
    assert np.isnan(metrics.green_blue_share(np.full((1, 2, 2, 3), 90, np.uint8))[0])


def test_seam_contrast_by_hand():
    ramp = np.arange(8.0)[None, None, :, None] * np.ones((1, 8, 1, 1))  # steps of 1 across, of 0 down
    assert metrics.seam_contrast(ramp, 4)[0] == pytest.approx(1.0)
    broken = ramp + 5.0 * (np.arange(8) >= 4)[:, None]  # the step between the parts is 6 across
    assert metrics.seam_contrast(broken, 4)[0] == pytest.approx((6 * 8 / 16) / 0.5)
    with pytest.raises(ValueError, match="no border"):
        metrics.seam_contrast(ramp, 8)


def test_hole_psnr_by_hand():
    original = np.zeros((2, 4, 4, 3))
    image = np.full((2, 4, 4, 3), 0.7)
    holes = np.zeros((2, 4, 4), bool)
    holes[0, 1, 2] = holes[1, :2, :2] = True
    image[0, 1, 2] = (0.1, 0.0, 0.2)
    image[1, :2, :2] = 0.01
    assert metrics.hole_psnr(image, original, holes) == pytest.approx([-10 * np.log10(0.05 / 3), 40.0])
    assert metrics.hole_l2(image, original, holes) == pytest.approx([0.05 / 3, 1e-4])
    assert metrics.hole_l1(image, original, holes) == pytest.approx([0.1, 0.01])
    with pytest.raises(ValueError, match="needs a hole"):
        metrics.hole_psnr(image, original, holes & False)


def test_detail_in_a_hole_by_hand():
    y, x = np.mgrid[:6, :6]
    plane, checks = 0.02 * x + 0.03 * y, 0.4 + 0.2 * ((x + y) % 2)
    images = np.stack([plane, checks, checks, checks])[..., None]
    images[2, 0] = 0.9  # outside the hole
    holes = np.zeros((4, 6, 6), bool)
    holes[:, 1:5, 1:6] = True
    holes[3, 3:] = False  # two rows: none lies inside
    found = metrics.hole_detail(images, holes)
    assert found[:3] == pytest.approx([0.0, 255 * 0.2, 255 * 0.2], abs=1e-9) and np.isnan(found[3])
    assert metrics.hole_detail(images[1:2], holes[:1] | True) == pytest.approx([255 * 0.2]), "without the border"
    spot = np.full((1, 5, 5, 3), 0.5)
    spot[0, 2, 2] = 0.6  # 9 inner pixels: the spot differs by all of it, its neighbours by a quarter
    gray = 255 * 0.1 * (65.481 + 128.553 + 24.966) / 255
    whole = np.ones((1, 5, 5), bool)
    assert metrics.hole_detail(spot, whole) == pytest.approx([gray * np.sqrt((1 + 4 / 16) / 9)])


def test_fillings_leave_the_rest():
    y, x = np.mgrid[:24, :24]
    smooth = np.stack([4 * x + 40, 3 * y + 20, 2 * x + 2 * y], -1).astype(np.uint8)
    hole = np.zeros((24, 24), bool)
    hole[8:14, 9:15] = True
    holed = np.where(hole[..., None], np.uint8(128), smooth)
    filled = metrics.fill_biharmonic(holed, hole)
    assert np.abs(filled[hole].astype(int) - smooth[hole]).max() <= 1, "a plane is biharmonic"
    flat = metrics.fill_with_mean(holed, hole)
    np.testing.assert_array_equal(flat[hole], np.broadcast_to(np.round(smooth[~hole].mean(axis=0)), (36, 3)))
    for made in (filled, flat):
        np.testing.assert_array_equal(made[~hole], smooth[~hole])
