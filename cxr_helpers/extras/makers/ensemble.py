"""Ensembles: the mean of several trained models' probabilities, with equal weights and nothing chosen."""

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import joining
from cxr_helpers.records import Product
from cxr_helpers.training import rescoring


def make(config: Config, profile: str) -> Product:
    """Average the scores of one run of each member or, of a single member, of all its seeds (Lakshminarayanan et al. 2017).

    Raises:
        CxrError: no member is named, one is unknown or not trained, or they were scored on different images.
    """
    if not config.members:
        raise CxrError('Config: an ensemble needs members; name the experiments it averages, as members = ["vgg16_thesis"].')
    if len(config.members) == 1:
        joined = joining.runs(config.members[0], config, profile)
    else:
        joined = joining.paired(config, profile)
    tables = rescoring.aligned(joined)
    scores = tables[0].assign(y_score=sum(table.y_score for table in tables) / len(tables))
    return joining.info(joined), {"scores": scores}
