"""The tables of inputs and losses: what they say, which columns people see."""

from __future__ import annotations

from bayes_rootc.report import flow_tables, loss_tables, numbers, sources
from bayes_rootc.report.columns import Column, Interval, TableRecord, WithTitle
from bayes_rootc.report.comparison import comparison_table
from bayes_rootc.variables import EFFECTS

ALL_BLOCKS = tuple(f"posterior/a_{name}" for name in EFFECTS)
"""What a run must hold so that losses follow from it."""

MG = "(Mg C ha⁻¹ yr⁻¹)"

_FLOWS = {"i_root": "I_root", "i_bulk": "I_bulk", "i_loss": "I_loss"}
_ESTIMATE: tuple[WithTitle, ...] = (
    Column("estimate", "estimate"),
    Column("sites", "sites"),
    Column("statistic", "statistic"),
    Column("n_sites", "sites (number)", numbers.whole),
)
_BY_ESTIMATE: tuple[WithTitle, ...] = (
    *(Interval(key, f"{name} {MG}", middle="_q50") for key, name in _FLOWS.items()),
    Interval("loss_share", "I_loss / I_root (–)", middle="_q50"),
    Interval("turnover_bias", "I_root / I_bulk (–)", middle="_q50"),
    Interval("p_loss_negative", "share of sites with I_loss < 0 (–)", middle="_q50"),
    Column("p_statistic_negative", "P(I_loss < 0) (–)", numbers.two_decimals),
)


def _share_columns() -> list[WithTitle]:
    found: list[WithTitle] = []
    for average, name in flow_tables.AVERAGES.items():
        found.append(Interval(f"loss_share_{average}", f"I_loss / I_root, {name} (–)"))
        title = f"P(I_loss < 0), {name} (–)"
        found.append(Column(f"p_loss_negative_{average}", title, numbers.two_decimals))
        found.append(Interval(f"turnover_bias_{average}", f"I_root / I_bulk, {name} (–)"))
    return found


LOSS_TABLES: dict[str, TableRecord] = {
    "flows": TableRecord(
        "I_root, I_bulk and I_loss of each biome",
        "Over 0-200 cm, posterior median and 95 % interval. Mean: of the population of sites of "
        "the biome. Typical: its typical site, without residuals. I_root and I_bulk are "
        "log-normal, so their means are larger than at the typical site; I_loss, their difference, "
        "may be smaller or larger. Biomes that share a letter are not shown to "
        "differ in I_loss (the 95 % interval of the difference holds 0). “from the population”: "
        "the biome has no data of that block.",
        lambda run, _: loss_tables.flows_with_letters(run),
        (
            Column("biome", "biome"),
            *(Interval(f"{key}_mean", f"{name}, mean {MG}")
              for key, name in _FLOWS.items()),
            Column("letters_mean", "letters, mean"),
            *(Interval(f"{key}_typical", f"{name}, typical site {MG}")
              for key, name in _FLOWS.items()),
            Column("letters_typical", "letters, typical"),
            Column("from_population", "from the population"),
        ),
        needs=("derived/i_root_total_mean",),
        source=sources.FLOWS,
    ),
    "shares": TableRecord(
        "How much is lost, and how much too fast bulk soil carbon looks",
        "I_loss as a share of I_root, the probability that I_loss is negative (more enters the "
        "bulk soil than roots bring, as by illuviation), and the turnover bias I_root / I_bulk: "
        "the factor by which bulk soil carbon would look too fast if all root carbon entered it.",
        lambda run, _: flow_tables.flows_table(run),
        (
            Column("biome", "biome"),
            *_share_columns(),
            Column("from_population", "from the population"),
        ),
        needs=ALL_BLOCKS,
        source=sources.FLOWS,
    ),
    "estimates": TableRecord(
        "The six estimates",
        "All sites of each kind, 0-200 cm; every number is computed in every draw and summarised "
        "last. What was measured at a site enters as its posterior, the rest is predicted with "
        "the scatter of single sites.",
        lambda run, _: loss_tables.estimates_table(run),
        (
            *_ESTIMATE, Column("i_root_from", "I_root from"),
            Column("depth_share_from", "depth share from"), Column("i_bulk_from", "I_bulk"),
            *_BY_ESTIMATE,
        ),
        needs=ALL_BLOCKS,
        source=sources.LOSSES,
    ),
    "losses": TableRecord(
        "Losses by estimate, biome and layer",
        "As above for every biome with sites and every standard layer; a biome without sites has "
        "no row here (see the biomes above).",
        lambda run, _: loss_tables.ordered_losses(run),
        (*_ESTIMATE, Column("biome_name", "biome"), Column("layer_cm", "layer (cm)"),
         *_BY_ESTIMATE),
        limit=20,
        needs=ALL_BLOCKS,
        source=sources.LOSSES,
    ),
    "depths": TableRecord(
        "Over depth",
        "Flow in each standard layer, and its share of the same flow over 0-200 cm, computed in "
        "every draw. Shares of I_loss may be negative or above 100 %.",
        lambda run, _: flow_tables.depth_table(run),
        (
            Column("biome", "biome"),
            Column("statistic", "statistic"),
            Column("standard_layer_cm", "layer (cm)"),
            *(Interval(key, f"{name} {MG}") for key, name in _FLOWS.items()),
            *(Interval(f"{key}_percent", f"{name} (%)") for key, name in _FLOWS.items()),
            Column("from_population", "from the population"),
        ),
        limit=72,
        needs=("derived/i_root_typical",),
        source=sources.DEPTHS,
    ),
    "contrasts": TableRecord(
        "Differences between biomes",
        "Difference of I_loss over 0-200 cm (first biome minus second), posterior mean and 95 % "
        "interval, and the probability that the first loses more.",
        lambda run, _: loss_tables.contrasts(run),
        (
            Column("name_1", "first biome"),
            Column("name_2", "second biome"),
            Column("statistic", "statistic"),
            Interval("difference", f"difference {MG}"),
            Column("p_greater", "P(first > second) (–)", numbers.two_decimals),
        ),
        limit=36,
        needs=ALL_BLOCKS,
        source=sources.CONTRASTS,
    ),
    "comparison": TableRecord(
        "Beside the study",
        "The numbers of the reference study (preprint rs-65178, Research Square: point estimates "
        "and machine learning) that could be read, and ours: posterior median and 95 % interval. "
        "Flows in Mg C ha⁻¹ yr⁻¹, C_age in years, shares and R² of 1.",
        lambda run, _: comparison_table(run),
        (
            Column("figure", "study's figure"),
            Column("what", "what"),
            Column("biome_name", "where"),
            Column("layer_cm", "layer (cm)"),
            Column("theirs_text", "study"),
            Interval("ours", "ours"),
            Column("verdict", "the study's number is"),
            Column("our_data", "our data"),
            Column("why", "why they may differ"),
        ),
        needs=ALL_BLOCKS,
        source=sources.COMPARISON,
    ),
}  # fmt: skip
"""Tables of inputs and losses: those that the verb ``loss`` writes."""
