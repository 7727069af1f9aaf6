"""data_utils.pictures: what is drawn is what was given, and what can't be drawn is said in one sentence."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from torch import Tensor

import data_utils
from data_utils import (
    PictureError,
    bars,
    chain,
    curves,
    digits,
    drawing,
    heat_maps,
    ladder,
    line_with_tangents,
    lines,
    listings,
    network,
    pulls,
    scatter_check,
    show,
    weights,
)

ROOT = Path(data_utils.__file__).parents[1]
IMAGES = torch.rand(12, 784)
V, T = torch.tensor([0.5, -0.25, 1.0]), torch.tensor([0.0, 0.0, 1.0])


def dtanh(s: Tensor) -> Tensor:
    """Slope of tanh."""
    return 1 - s.tanh() ** 2


PICTURES: dict[str, Callable[[], Figure]] = {
    "heat maps": lambda: heat_maps({"w": torch.eye(3), "w.g": V[:, None] * T, "b": V}, {"w": [1]}, columns=2),
    "bars": lambda: bars(V, title="outputs"),
    "bars in groups": lambda: bars({"one call": V, "two calls": 2 * V}, labels=["a", "b", "c"]),
    "chain": lambda: chain(["x", "f(x)"], ["is given"]),
    "chain and back": lambda: chain(["x", "Lin\nfirst", "Mse"], ["(4, 2)", "(4, 1)"], ["x.g", "out.g"]),
    "curves": lambda: curves({"loss": [3.0, 2.0, 1.0], "train_error": [90, 50, 10], "test_error": [(0, 90), (2, 20)]}),
    "curves of one step": lambda: curves({"loss": [1000.0]}),
    "digits": lambda: digits(IMAGES, torch.arange(12) % 10, torch.arange(12) % 7, columns=5),
    "digits with a channel": lambda: digits(IMAGES.view(12, 1, 28, 28)),
    "digits as squares": lambda: digits(IMAGES.view(12, 28, 28), labels=torch.eye(10)[torch.arange(12) % 10]),
    "one digit": lambda: digits(IMAGES[:1]),
    "one blank digit": lambda: digits(torch.zeros(1, 784)),
    "ladder": lambda: ladder(["you", "Module"], [(0, 1, "layer(x)"), (1, 0, "out")]),
    "line with tangents": lambda: line_with_tangents(torch.tanh, dtanh),
    "lines": lambda: lines({"measured": (range(3), V.abs()), "predicted": (range(3), T)}, dots=["predicted"]),
    "lines on a logarithmic scale": lambda: lines({"w1": ([1, 2], [1e-6, 1e-3])}, xlabel="step", log=True),
    "listings": lambda: listings({"f": "def f(x):\n\n    return x", "g": "g = 3  # «three»"}, {"f": [1]}),
    "network": lambda: network((3, 4, 2)),
    "network backward": lambda: network(backward=True),
    "pulls": lambda: pulls(V, T, 2 * (V - T)),
    "pulls of one output": lambda: pulls(V[:1], T[:1], V[:1]),
    "pulls of rows": lambda: pulls(V[None], T[None], V[None]),
    "scatter check": lambda: scatter_check({"w1": (torch.rand(4, 3), torch.rand(4, 3)), "b1": (V, V)}),
    "scatter check of zeros": lambda: scatter_check({"w1": (torch.zeros(2), torch.zeros(2))}),
    "weights": lambda: weights(torch.randn(50, 784, requires_grad=True)),
    "weights of chosen rows": lambda: weights(torch.randn(50, 784), rows=[3, 7]),
    "weights of zero": lambda: weights(torch.zeros(1, 784)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_renders_without_a_warning(name: str) -> None:
    """Each picture becomes a PNG of sensible size in which something is drawn."""
    packed = io.BytesIO()
    PICTURES[name]().savefig(packed, format="png")
    packed.seek(0)
    pixels = matplotlib.image.imread(packed)[..., :3]

    assert min(pixels.shape[:2]) >= 100
    assert max(pixels.shape[:2]) <= 1200
    assert pixels.min() < 0.9


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_touches_pyplot(name: str) -> None:
    """The list of figures that pyplot holds open stays as it was."""
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    figure = PICTURES[name]()

    assert isinstance(figure, Figure)
    assert plt.get_fignums() == before


class TestDigits:
    """The grid of digits."""

    def test_each_image_is_drawn_as_given(self) -> None:
        """Panel i holds image i, row by row."""
        shown = [axes.images[0].get_array() for axes in digits(IMAGES, columns=5).axes]

        assert len(shown) == 12
        for image, panel in zip(IMAGES, shown, strict=True):
            np.testing.assert_allclose(panel, image.view(28, 28))

    def test_a_wrong_guess_is_written_out_and_framed(self) -> None:
        """A right guess is one digit; a wrong one is told in words and in colour."""
        right, wrong = digits(IMAGES[:2], torch.tensor([4, 9]), torch.tensor([4, 7])).axes

        assert (right.get_title(), wrong.get_title()) == ("4", "7, not 9")
        assert wrong.spines["left"].get_edgecolor()[:3] == pytest.approx(to_rgb(drawing.VERMILION))

    def test_one_hot_labels_are_understood(self) -> None:
        """A row that is 1 at 3 is titled 3."""
        (axes,) = digits(IMAGES[:1], labels=torch.eye(10)[[3]]).axes

        assert axes.get_title() == "3"


class TestWeights:
    """Weights as images."""

    def test_the_scale_is_centred_on_zero(self) -> None:
        """The largest weight in size sets both ends, and zero is white."""
        w = torch.randn(3, 784)
        image = weights(w).axes[0].images[0]
        top = w.abs().max().item()

        assert image.get_clim() == pytest.approx((-top, top))
        assert image.cmap(image.norm(0.0))[:3] == pytest.approx((1, 1, 1), abs=0.01)

    def test_negative_is_blue_and_positive_is_orange(self) -> None:
        """Blue outweighs red below zero, and red outweighs blue above."""
        image = weights(torch.randn(1, 784)).axes[0].images[0]
        low, high = image.cmap(0.2), image.cmap(0.8)

        assert low[2] > low[0]
        assert high[0] > high[2]

    def test_chosen_rows_are_the_ones_drawn(self) -> None:
        """rows=[7, 3] draws row 7, then row 3, and says so."""
        w = torch.randn(10, 784)
        axes = weights(w, rows=[7, 3]).axes[:2]

        assert [a.get_title() for a in axes] == ["7", "3"]
        np.testing.assert_allclose(axes[1].images[0].get_array(), w[3].view(28, 28))


class TestCurves:
    """Loss and error curves."""

    def test_pairs_are_drawn_at_their_steps(self) -> None:
        """A test error measured at steps 0 and 20 stands at 0 and 20."""
        fig = curves({"loss": [2.0, 1.0], "train_error": [90.0, 80.0], "test_error": [(0, 91.0), (20, 15.0)]})
        train, test = fig.axes[1].lines

        assert train.get_xdata().tolist() == [0, 1]
        assert test.get_xdata().tolist() == [0, 20]
        assert test.get_label() == "test, 15 % at the end"

    def test_the_two_errors_differ_in_more_than_colour(self) -> None:
        """Marker and dash tell train from test too."""
        train, test = curves({"loss": [1.0], "train_error": [1.0], "test_error": [2.0]}).axes[1].lines

        assert train.get_marker() != test.get_marker()
        assert train.get_linestyle() != test.get_linestyle()

    def test_without_errors_there_is_one_panel(self) -> None:
        """No empty axes stand beside the loss."""
        assert len(curves({"loss": [2.0, 1.0]}).axes) == 1


class TestChecks:
    """Pictures by which students check themselves."""

    def test_tangents_have_the_claimed_slopes(self) -> None:
        """A wrong dsigma is drawn as wrong as it is."""
        fig = line_with_tangents(torch.tanh, lambda s: 3 + 0 * s, at=(0.0,))
        x, y = fig.axes[0].lines[1].get_data()

        assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(3)

    def test_the_dots_are_measured_on_f_itself(self) -> None:
        """The dots on the right don't depend on df."""
        dots = line_with_tangents(torch.tanh, torch.zeros_like).axes[1].lines[1]

        np.testing.assert_allclose(dots.get_ydata(), dtanh(torch.as_tensor(dots.get_xdata())), atol=1e-4)

    def test_lines_and_dots_are_drawn_as_given(self) -> None:
        """A name in dots is drawn without a line, and every height is the one given."""
        fig = lines({"measured": (range(3), V), "predicted": (range(3), T)}, dots=["predicted"])
        measured, predicted = fig.axes[0].lines

        np.testing.assert_allclose(measured.get_ydata(), V)
        np.testing.assert_allclose(predicted.get_ydata(), T)
        assert (measured.get_linestyle(), predicted.get_linestyle()) == ("-", "None")

    def test_scatter_check_keeps_the_ratio_of_a_wrong_gradient(self) -> None:
        """Twice the gradient lies on a line of slope 2."""
        numeric = torch.tensor([[1.0, -4.0], [2.0, 3.0]])
        points = scatter_check({"w1": (2 * numeric, numeric)}).axes[0].lines[0]

        np.testing.assert_allclose(points.get_ydata(), 2 * points.get_xdata())
        assert np.abs(points.get_xdata()).max() == 1

    def test_each_parameter_has_a_marker_of_its_own(self) -> None:
        """Four parameters, four markers and four colours."""
        lines = scatter_check(dict.fromkeys(("w1", "b1", "w2", "b2"), (V, V))).axes[0].lines[:4]

        assert len({line.get_marker() for line in lines}) == 4
        assert len({line.get_color() for line in lines}) == 4

    def test_pulls_point_against_the_gradient(self) -> None:
        """With gradient 2(v - t) the arrow ends half way to the target."""
        fig = pulls(V, T, 2 * (V - T))
        ends = {text.xyann[0]: text.xy[1] for text in fig.axes[0].texts}

        assert ends == pytest.approx({0: 0.25, 1: -0.125})

    def test_bars_have_the_heights_given(self) -> None:
        """One bar a value, in order."""
        heights = [patch.get_height() for patch in bars(V).axes[0].patches]

        assert heights == pytest.approx(V.tolist())


class TestChain:
    """Steps in a row, and the way back."""

    def test_boxes_stand_in_order_and_no_text_reaches_into_a_box(self) -> None:
        """From left to right as given; a text on an arrow ends before the box begins."""
        fig = chain(["x", "Lin", "a much longer one"], ["(4, 2)", "(4,\n300)"], ["x.g", "out.g"])
        FigureCanvasAgg(fig).draw()
        boxes, texts = fig.axes[0].texts[:3], [text for text in fig.axes[0].texts[3:] if text.get_text()]
        edges = [box.get_bbox_patch().get_window_extent() for box in boxes]  # type: ignore[union-attr]

        assert [box.get_text() for box in boxes] == ["x", "Lin", "a much longer one"]
        assert all(left.x1 < right.x0 for left, right in pairwise(edges))
        assert len(texts) == 4
        assert not any(text.get_window_extent().overlaps(edge) for text in texts for edge in edges)

    def test_without_a_way_back_there_are_as_many_arrows_as_steps(self) -> None:
        """An arrow between each two boxes, and as many again for the way back."""

        def arrows(fig: Figure) -> int:
            return sum(isinstance(text, Annotation) for text in fig.axes[0].texts)

        assert arrows(chain("abc", "12")) == 2
        assert arrows(chain("abc", "12", "34")) == 4


class TestNetwork:
    """The drawing of the network."""

    def texts(self, fig: Figure) -> set[str]:
        """All words in the drawing."""
        return {line for text in fig.axes[0].texts for line in text.get_text().splitlines()}

    def test_forward_every_value_has_its_shape(self) -> None:
        """Inputs, hidden values, outputs and parameters carry the sizes given."""
        words = self.texts(network((5, 4, 3)))

        assert {"x", "s1", "x1", "s2", "x2", "loss", "(5,)", "(4,)", "(3,)"} <= words
        assert {"w1 (4, 5)", "b1 (4,)", "w2 (3, 4)", "b2 (3,)"} <= words

    def test_backward_every_factor_is_a_blank(self) -> None:
        """The names and shapes of the gradients are given, what leads from one to the next is not."""
        fig = network((5, 4, 3), backward=True)
        words = self.texts(fig)

        assert {"dl_dx2", "dl_ds2", "dl_dx1", "dl_ds1", "dl_dw1 (4, 5)", "dl_db2 (3,)"} <= words
        assert not {"sigma", "dsigma", "dl_dx"} & words
        assert [text.get_text() for text in fig.axes[0].texts].count("?") == 6


class TestListings:
    """Pieces of code side by side."""

    def test_every_line_is_written_and_the_marked_ones_are_shaded(self) -> None:
        """Lines keep their indentation; a marked one has a shade and a bar, at its own height."""
        axes = listings({"f": "def f(x):\n    return x\n", "g": "g = f"}, {"f": [1]}).axes[0]
        heights = {text.get_text(): text.get_position()[1] for text in axes.texts}

        assert set(heights) == {"f", "def f(x):", "    return x", "g", "g = f"}
        assert len(axes.patches) == 2
        shade = axes.patches[0].get_extents().transformed(axes.transData.inverted())
        assert min(shade.y0, shade.y1) < heights["    return x"] < max(shade.y0, shade.y1)

    def test_the_pieces_do_not_overlap(self) -> None:
        """Each piece begins right of where the one before ends."""
        fig = listings({"wide": "x" * 60, "next": "y" * 60})
        fig.canvas.draw()
        first, second = (
            text.get_window_extent() for text in fig.axes[0].texts if text.get_text()[:3] in {"xxx", "yyy"}
        )

        assert first.x1 < second.x0


class TestLadder:
    """Who calls whom."""

    def test_a_call_goes_right_and_an_answer_comes_back_dashed(self) -> None:
        """Arrows lead from lane to lane, from top to bottom, in the order given."""
        axes = ladder(["you", "Module"], [(0, 1, "layer(x)"), (1, 0, "out")]).axes[0]
        arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None)]

        assert [arrow.arrow_patch.get_linestyle() for arrow in arrows] == ["-", "--"]
        assert arrows[0].xy == (arrows[1].xyann[0], arrows[0].xy[1])
        assert {"you", "Module", "layer(x)", "out"} <= {text.get_text() for text in axes.texts}


WRONG: dict[str, tuple[Callable[[], Figure], str]] = {
    "no tables": (lambda: heat_maps({}), "one to eight tables"),
    "a table too large to read": (lambda: heat_maps({"w": torch.zeros(17, 2)}), r"w is of shape \(17, 2\)"),
    "a stub's None": (lambda: bars(None), "values must be a tensor of numbers, but is None"),  # type: ignore[arg-type]
    "an Ellipsis": (lambda: pulls(V, T, ...), "gradient must be a tensor of numbers"),  # type: ignore[arg-type]
    "a 0-d image": (lambda: digits(torch.tensor(3.0)), r"images is of shape \(\)"),
    "no images": (lambda: digits(torch.rand(0, 784)), r"images is of shape \(0, 784\)"),
    "images of another size": (lambda: digits(torch.rand(3, 100)), r"\(3, 100\)"),
    "too many images": (lambda: digits(torch.rand(401, 784)), "1 to 400"),
    "too few labels": (lambda: digits(IMAGES, torch.zeros(3)), "labels must have one entry for each of the 12 images"),
    "NaN": (lambda: weights(torch.full((2, 784), torch.nan)), "w must contain only finite numbers, but contains NaN"),
    "infinity": (lambda: curves({"loss": [1.0, float("inf")]}), "contains infinity"),
    "a transposed matrix": (lambda: weights(torch.rand(784, 50)), r"but w is of shape \(784, 50\)"),
    "a row that isn't there": (lambda: weights(torch.rand(5, 784), rows=[5]), r"rows 0 to 4 of w"),
    "no rows": (lambda: weights(torch.rand(5, 784), rows=[]), r"asked for \[\]"),
    "no loss": (lambda: curves({"test_error": [1.0]}), 'at least "loss"'),
    "a chain of one box": (lambda: chain(["x"], []), "chain draws 2 to 8 boxes"),
    "a chain without its arrows": (lambda: chain("abc", "1"), "given 3 boxes, 1 arrows forward and 0 back"),
    "a chain that goes back half way": (lambda: chain("abc", "12", "3"), "2 arrows forward and 1 back"),
    "no dict": (lambda: curves([1.0]), 'at least "loss"'),  # type: ignore[arg-type]
    "an empty loss": (lambda: curves({"loss": []}), "one number per step"),
    "triples": (lambda: curves({"loss": [(1, 2, 3)]}), "pairs"),
    "words": (lambda: curves({"loss": ["low"]}), "loss must be a tensor of numbers"),
    "a function that gives a float": (
        lambda: line_with_tangents(torch.tanh, lambda s: 1.0),  # type: ignore[arg-type, return-value]
        "dsigma must give back a tensor",
    ),
    "a function that sums": (lambda: line_with_tangents(torch.sum, dtanh), r"shaped like its argument \(201,\)"),
    "a transposed gradient": (
        lambda: scatter_check({"w1": (torch.rand(3, 4), torch.rand(4, 3))}, against="numeric gradient"),
        r"w1: your gradient is of shape \(3, 4\), but the numeric one is of shape \(4, 3\)",
    ),
    "no code": (lambda: listings({}), "one to 3 pieces of code"),
    "code too wide to read": (lambda: listings({"f": "x" * 61}), "f has 1 lines, the longest of 61"),
    "one lane": (lambda: ladder(["you"], [(0, 1, "f(x)")]), "2 to 4 lanes"),
    "no calls": (lambda: ladder(["you", "f"], []), "not 2 and 0"),
    "a call to nobody": (lambda: ladder(["you", "f"], [(0, 2, "f(x)")]), "from lane 0 to lane 2; lanes are 0 to 1"),
    "a call to oneself": (lambda: ladder(["you", "f"], [(1, 1, "f(x)")]), "from lane 1 to lane 1"),
    "no lines": (lambda: lines({}), "one to 4 lines"),
    "more heights than places": (lambda: lines({"loss": ([0, 1], V)}), "loss has 3 heights for 2 places"),
    "no pairs": (lambda: scatter_check({}), "one to six pairs"),
    "bars of two lengths": (lambda: bars({"a": V, "b": V[:2]}), r"a of shape \(3,\), b of shape \(2,\)"),
    "no bars": (lambda: bars({}), "given nothing"),
    "labels that don't fit": (lambda: bars(V, labels=["a"]), "1 labels for 3 values"),
    "vectors of two lengths": (lambda: pulls(V, T[:2], V), "three vectors of one length"),
    "a network of two sizes": (lambda: network((3, 2)), "three sizes"),  # type: ignore[arg-type]
    "a size of zero": (lambda: network((3, 0, 1)), "three sizes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_drawn_is_said_in_one_sentence(case: str) -> None:
    """Type and shape are checked before anything is drawn."""
    draw, sentence = WRONG[case]

    with pytest.raises(PictureError, match=sentence) as caught:
        draw()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


class TestShow:
    """show, in and out of a notebook."""

    def test_outside_a_notebook_it_prints_the_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing but the sentence is printed."""
        show(bars(V), "Three bars.")

        assert capsys.readouterr().out == "Three bars.\n"

    @pytest.mark.slow
    def test_in_a_notebook_the_picture_carries_the_sentence_as_alternative_text(self, tmp_path: Path) -> None:
        """Inside IPython one PNG is displayed, with the sentence in its metadata, and the sentence is printed."""
        lines = (
            "import json, torch\n"
            "from IPython.core.interactiveshell import InteractiveShell\n"
            "from IPython.utils.capture import capture_output\n"
            "shell = InteractiveShell.instance()\n"
            "from data_utils import bars, show\n"
            "with capture_output() as seen:\n"
            "    show(bars(torch.ones(3)), 'Three bars.')\n"
            "(output,) = seen.outputs\n"
            "print(json.dumps([output.data, output.metadata, seen.stdout]))\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path), "MPLBACKEND": "agg"}
        run = subprocess.run(
            [sys.executable, "-c", lines], env=environment, capture_output=True, text=True, cwd=tmp_path, check=False
        )

        assert run.returncode == 0, run.stderr
        data, metadata, printed = json.loads(run.stdout.splitlines()[-1])
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
        assert metadata == {"image/png": {"alt": "Three bars."}}
        assert printed == "Three bars.\n"

    def test_a_figure_of_pyplots_is_closed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A student's own pyplot figure isn't left open, to be shown a second time."""
        import matplotlib.pyplot as plt

        plt.switch_backend("agg")
        fig = plt.figure()
        show(fig, "Nothing.")

        assert fig.number not in plt.get_fignums()
        assert capsys.readouterr().out == "Nothing.\n"


@pytest.mark.slow
def test_without_matplotlib_a_picture_says_what_to_install(tmp_path: Path) -> None:
    """data_utils imports where matplotlib is missing, and the first picture names it."""
    lines = "import sys\nsys.modules['matplotlib'] = None\nimport torch, data_utils\ndata_utils.bars(torch.ones(3))"
    run = subprocess.run(
        [sys.executable, "-c", lines],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert "PictureError: Pictures need matplotlib" in run.stderr


def test_the_public_names_are_sorted_and_there() -> None:
    """__all__ lists exactly what the package exports."""
    assert data_utils.__all__ == sorted(data_utils.__all__)
    public = {name for name, value in vars(data_utils).items() if callable(value) and not name.startswith("_")}
    assert public == set(data_utils.__all__)


def test_every_colour_is_a_literal_of_the_palette() -> None:
    """Colours are Okabe and Ito's as hex, since matplotlib names them only from 3.11 on."""
    colours = [colour for colour, *_ in drawing.STYLES] + [drawing.ORANGE, drawing.SKY]

    assert len(set(colours)) == 6
    assert all(colour.startswith("#") and len(colour) == 7 for colour in colours)
