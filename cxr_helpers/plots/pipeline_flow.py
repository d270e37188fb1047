"""The way from images to report, as a flow chart."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cxr_helpers.plots.style import INK, TEXT_WIDTH, styled
from cxr_helpers.plots.style import figure as empty_figure


@styled
def flow_chart(steps: Sequence[tuple[str, str]], columns: int = 4) -> Figure:
    """Draw steps as boxes joined by arrows, read like text; each step is (name, what it does, in up to three lines)."""
    rows = -(-len(steps) // columns)
    fig = empty_figure(1.15 * rows, TEXT_WIDTH)
    ax = fig.subplots()
    for place, (name, note) in enumerate(steps):
        row, column = divmod(place, columns)
        x, y = 1.3 * column, -1.5 * row
        ax.add_patch(FancyBboxPatch((x, y), 1, 1, boxstyle="round,pad=0,rounding_size=0.08", facecolor="white", edgecolor=INK))
        ax.text(x + 0.5, y + 0.78, name, ha="center", va="center", weight="bold")
        ax.text(x + 0.5, y + 0.36, note, ha="center", va="center", fontsize=8)
        if place + 1 < len(steps):
            _arrow(ax, x, y, 1.3 * ((place + 1) % columns), last_in_row=column + 1 == columns)
    ax.set(xlim=(-0.05, 1.3 * columns - 0.25), ylim=(-1.5 * (rows - 1) - 0.1, 1.1))
    ax.set_axis_off()
    return fig


def _arrow(ax, x: float, y: float, next_x: float, last_in_row: bool) -> None:
    """Draw the arrow to the next box: to the right, or from the end of a row to the start of the one below."""
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1}
    if not last_in_row:
        ax.annotate("", (x + 1.3, y + 0.5), (x + 1, y + 0.5), arrowprops=arrow)
        return
    middle = y - 0.25
    ax.plot([x + 0.5, x + 0.5, next_x + 0.5], [y, middle, middle], color=INK, linewidth=1)
    ax.annotate("", (next_x + 0.5, y - 0.5), (next_x + 0.5, middle), arrowprops=arrow)
